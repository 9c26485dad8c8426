"""A project's git objects, and where its history put them: commits, paths, times, refs, what is missing."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from audit_lib.base import git
from audit_lib.base.files import NotSearched
from audit_lib.base.git import GitFailed, pieces, run_git, running
from audit_lib.base.in_words import counted

# Which refs reach a commit, the widest last: what a clone brings comes before what only this copy holds.
_REACH = (
    ("commit", ("--branches", "--tags", "--remotes", "HEAD")),
    ("note", ("--glob=refs/notes",)),
    # Without a wildcard git would look for refs below refs/stash, and there are none.
    ("stash", ("--glob=refs/stas[h]",)),
    ("other ref", ("--all",)),
    ("reflog", ("--all", "--reflog")),
)
UNREACHABLE = "unreachable"
REACHABLE = ("commit", "note", "stash", "other ref")
_SUBMODULE = b"160000"  # the mode of a path whose object is a commit of another repository
_DIFF = ("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
Place = tuple[str, bytes]  # a commit and a path that it put something at


class ListedObject(NamedTuple):
    """An object: its id, its kind (blob, tree, commit, tag) and its size in bytes."""

    oid: str
    kind: str
    size: int


@dataclass
class History:
    """The objects of a project's repository, and what git tells of them; `faults` says what it could not."""

    root: Path
    there: bool = False
    objects: list[ListedObject] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, root: Path) -> "History":
        """All objects as they are now, reachable or not, in the order in which git reads them."""
        history = cls(root, git.repository_above(root) is not None)
        try:
            history.objects = list(_objects(root)) if history.there else []
        except GitFailed as failed:
            history.faults.append(str(failed))
        return history

    @cached_property
    def places(self) -> dict[str, list[Place]]:
        """By blob the commits and paths that put it there, as far as git could follow the history."""
        places: dict[str, list[Place]] = {}
        paths: dict[bytes, bytes] = {}
        commit, oid, rest = "", "", b""
        commits = (listed.oid for listed in self.objects if listed.kind == "commit")
        try:
            with running(self.root, _DIFF, commits) as stream:
                for piece in pieces(stream):
                    *texts, rest = (rest + piece).split(b"\0")
                    for text in texts:
                        if oid:
                            places.setdefault(oid, []).append((commit, paths.setdefault(text, text)))
                            oid = ""
                        elif text.startswith(b":"):
                            _, mode, _, after, _ = text.split(b" ")
                            # Of another kind than a file or a link the path follows all the same.
                            oid = after.decode("ascii") if mode[:2] in (b"10", b"12") else "0"
                        else:
                            commit = text.decode("ascii", "replace").strip()
        except GitFailed as failed:
            self.faults.append(str(failed))
        places.pop("0", None)
        return places

    def refs(self) -> dict[str, bytes]:
        """A ref's name for each object that one names. Raises `GitFailed`."""
        layout = "--format=%(refname)%00%(objectname)%00%(*objectname)"
        lines = (line.split(b"\0") for line in run_git(self.root, "for-each-ref", layout).splitlines())
        return {oid.decode("ascii"): name for name, *oids in lines for oid in oids if oid}

    def times_of(self, commits: Collection[str]) -> dict[str, tuple[datetime | None, datetime | None]]:
        """By commit when it was authored and committed, either of which can be forged. Raises `GitFailed`."""
        headers = {
            one.oid: one.content.partition(b"\n\n")[0] for one in git.read_objects(self.root, sorted(commits))
        }
        return {
            oid: (_instant(header, b"author"), _instant(header, b"committer"))
            for oid, header in headers.items()
        }

    def reach_of(self, commits: Collection[str]) -> dict[str, str]:
        """For each commit commit, note, stash, other ref, reflog or unreachable, by the refs that lead to it."""
        found = dict.fromkeys(commits, UNREACHABLE)
        for name, refs in _REACH[::-1] if commits else ():
            known = tuple(ref for ref in refs if ref != "HEAD" or git.head_of(self.root))
            reached = run_git(self.root, "rev-list", *known).decode("ascii").split()
            found |= dict.fromkeys(found.keys() & reached, name)
        return found

    def limits(self) -> list[NotSearched]:
        """Shallow and partial clones, submodules and lost objects: what was not searched, and why."""
        limits: list[NotSearched] = []
        with suppress(GitFailed, OSError):  # said by whoever reads its objects
            git_dir = git.find_repository(self.root).common
            if (git_dir / "shallow").exists():
                limits.append(NotSearched(".git/shallow", "is a shallow clone: older commits are not here"))
            if missing := _lacking(self.root, git_dir):
                limits.append(NotSearched(".git/objects", missing))
            for entry in run_git(self.root, "ls-files", "-z", "--stage").split(b"\0"):
                if entry.startswith(_SUBMODULE):
                    path = entry.partition(b"\t")[2].decode("utf-8", "backslashreplace")
                    limits.append(NotSearched(path, "is a submodule: its history is another repository's"))
        return limits


def _objects(root: Path) -> Iterator[ListedObject]:
    every = ("cat-file", "--batch-all-objects", "--unordered", "--buffer")
    try:
        with running(root, (*every, "--batch-check=%(objectname) %(objecttype) %(objectsize)")) as stream:
            listed = stream.read().decode("ascii").splitlines()
        yield from (ListedObject(oid, kind, int(size)) for oid, kind, size in map(str.split, listed))
    except GitFailed:  # some are broken: which, is said when they are read
        with running(root, (*every, "--batch-check=%(objectname)")) as stream:
            listed = stream.read().decode("ascii").splitlines()
        yield from (ListedObject(oid, "blob", 0) for oid in listed)


def _instant(header: bytes, label: bytes) -> datetime | None:
    """A header line's instant; None if the line holds none that a calendar knows."""
    found = re.search(rb"(?m)^" + label + rb" .* (-?\d{1,15}) [^ \n]*$", header)
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None
    return None


def _lacking(root: Path, git_dir: Path) -> str:
    """Why objects are not there that the history of a ref names; "" if none is missing."""
    promised = re.search(rb"(?i)promisor|partialclone", (git_dir / "config").read_bytes())
    if promised or any((git_dir / "objects" / "pack").glob("*.promisor")):
        return "is a partial clone: objects that were never fetched are not here"
    try:
        with running(root, ("for-each-ref",)) as stream:  # a broken ref is left out with a complaint
            stream.read()
        names = ("rev-list", "--all", "--missing=print", "--objects", "--no-object-names")
        with running(root, names) as stream:
            count = sum(line.startswith(b"?") for line in stream)
    except GitFailed:
        return "has refs or a history that git cannot follow to the end"
    return f"lacks {counted(count, 'object')} that its history names" if count else ""


def at_head(root: Path) -> dict[str, set[bytes]]:
    """The paths at HEAD of each blob; empty if there is no commit yet. Raises `GitFailed`."""
    listed = run_git(root, "ls-tree", "-r", "-z", "--full-tree", "HEAD") if git.head_of(root) else b""
    return _paths_by_id(listed, column=2)


def in_index(root: Path, index: Path | None = None) -> dict[str, set[bytes]]:
    """The paths of each blob in the repository's index, or in another one. Raises `GitFailed`."""
    return _paths_by_id(run_git(root, "ls-files", "-z", "--stage", index=index), column=1)


def _paths_by_id(output: bytes, column: int) -> dict[str, set[bytes]]:
    """The paths of each id, which stands in a column; a submodule's content is another repository's."""
    paths: dict[str, set[bytes]] = {}
    for entry in filter(None, output.split(b"\0")):
        facts, _, path = entry.partition(b"\t")
        columns = facts.split(b" ")
        if columns[0] != _SUBMODULE:
            paths.setdefault(columns[column].decode("ascii"), set()).add(path)
    return paths
