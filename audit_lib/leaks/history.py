"""A repository's objects, and where its history put them: commits, paths, times, refs, what is missing."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
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
_FILES = (b"10", b"12")  # how the mode of a file or a link begins
_DIFF = ("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up
Place = tuple[str, bytes]  # a commit and a path that it put something at


class ListedObject(NamedTuple):
    """An object: its id, its kind (blob, tree, commit, tag) and its size in bytes."""

    oid: str
    kind: str
    size: int


class CommitTimes(NamedTuple):
    """Both times of a commit, either of which can be forged; None if it is not a time."""

    authored_at: datetime | None = None
    committed_at: datetime | None = None


@dataclass
class Repository:
    """A project's git repository: its objects, and where its history put them."""

    root: Path
    objects: list[ListedObject] = field(default_factory=list)
    there: bool = False
    failed: str = ""  # why git cannot list the objects
    lost: str = ""  # why it cannot follow the history

    @classmethod
    def of(cls, root: Path) -> "Repository":
        """The repository as it is now."""
        if not os.path.lexists(root / ".git"):
            return cls(root)
        try:
            return cls(root, list_objects(root), there=True)
        except GitFailed as failed:
            return cls(root, there=True, failed=str(failed))

    @cached_property
    def places(self) -> dict[str, list[Place]]:
        """By blob the commits and paths that put it there; what is known if git cannot follow the history,
        which `lost` says."""
        places: dict[str, list[Place]] = {}
        try:
            _walk(self.root, [listed.oid for listed in self.objects if listed.kind == "commit"], places)
        except GitFailed as failed:
            self.lost = str(failed)
        return places

    @cached_property
    def refs(self) -> dict[str, bytes]:
        """A ref's name for each object that one names. Raises `GitFailed`."""
        layout = "--format=%(refname)%00%(objectname)%00%(*objectname)"
        lines = (line.split(b"\0") for line in run_git(self.root, "for-each-ref", layout).splitlines())
        return {oid.decode("ascii"): name for name, *oids in lines for oid in oids if oid}

    def times_of(self, commits: Collection[str]) -> dict[str, CommitTimes]:
        """The times of some commits. Raises `GitFailed`."""
        times = {}
        for found in git.read_objects(self.root, sorted(commits)):
            header = found.content.partition(b"\n\n")[0].splitlines()
            times[found.oid] = CommitTimes(_time(header, b"author "), _time(header, b"committer "))
        return times

    def reach_of(self, commits: Collection[str]) -> dict[str, str]:
        """For each commit: commit, note, stash, other ref, reflog or unreachable, by the refs that lead to it.

        Raises `GitFailed`.
        """
        found: dict[str, str] = {}
        for name, refs in _REACH if commits else ():
            known = tuple(ref for ref in refs if ref != "HEAD" or _head_commit(self.root))
            reached = run_git(self.root, "rev-list", *known).decode("ascii").split()
            found = dict.fromkeys(set(commits).intersection(reached), name) | found
        return dict.fromkeys(commits, UNREACHABLE) | found


def list_objects(root: Path) -> list[ListedObject]:
    """All objects, reachable or not, in the order in which git reads them.

    Raises `GitFailed` if git cannot list them.
    """
    try:
        listed = _listing(root, "%(objectname) %(objecttype) %(objectsize)")
        return [ListedObject(oid, kind, int(size)) for oid, kind, size in map(str.split, listed)]
    except GitFailed:  # some are broken: which, is said when they are read
        return [ListedObject(oid, "blob", 0) for oid in _listing(root, "%(objectname)")]


def _listing(root: Path, layout: str) -> list[str]:
    every = ("--batch-all-objects", f"--batch-check={layout}", "--unordered", "--buffer")
    with running(root, ("cat-file", *every)) as stream:
        return b"".join(pieces(stream)).decode("ascii").splitlines()


def read_objects(
    root: Path, oids: list[str], missing: list[str], faults: list[str]
) -> Iterator[git.GitObject]:
    """Objects, a large one in windows; ids of those that are not there go into `missing`.

    Past one that git cannot read it goes on, and `faults` says so.
    """
    while oids and len(faults) < _MOST_FAULTS:
        last = ""
        try:
            for found in git.read_objects(root, oids, missing):
                last = found.oid
                yield found
            return
        except GitFailed as failed:
            faults.append(str(failed))
        # What follows the last that came is what git gave up on, or known to be missing.
        gone = set(missing)
        left = [oid for oid in oids[oids.index(last) + 1 if last else 0 :] if oid not in gone]
        missing += left[:1]
        oids = left[1:]


def _walk(root: Path, commits: Iterable[str], places: dict[str, list[Place]]) -> None:
    """By blob each commit that put it at a path. Raises `GitFailed`."""
    paths: dict[bytes, bytes] = {}
    commit = oid = ""
    for text in _fields(root, commits):
        if oid:
            places.setdefault(oid, []).append((commit, paths.setdefault(text, text)))
            oid = ""
        elif text.startswith(b":"):
            _, mode, _, after, _ = text.split(b" ")
            # Of another kind of path the name follows all the same: it is nobody's.
            oid = after.decode("ascii") if mode[:2] in _FILES else "0"
        else:
            commit = text.decode("ascii", "replace").strip()
    places.pop("0", None)


def _fields(root: Path, commits: Iterable[str]) -> Iterator[bytes]:
    with running(root, _DIFF, commits) as stream:
        rest = b""
        for piece in pieces(stream):
            *fields, rest = (rest + piece).split(b"\0")
            yield from fields


def _time(header: list[bytes], label: bytes) -> datetime | None:
    """A header line's instant; None if the line holds none that a calendar knows."""
    line = next((line for line in header if line.startswith(label)), b"")
    try:
        return datetime.fromtimestamp(int(line.rsplit(b" ", 2)[1]), UTC)
    except (IndexError, ValueError, OverflowError, OSError):
        return None


def at_head(root: Path) -> dict[str, set[bytes]]:
    """The paths at HEAD of each blob; empty if there is no commit yet."""
    if not _head_commit(root):
        return {}
    return _listed(run_git(root, "ls-tree", "-r", "-z", "--full-tree", "HEAD"), column=2)


def in_index(root: Path, index: Path | None = None) -> dict[str, set[bytes]]:
    """The paths of each blob in the repository's index, or in another one."""
    return _listed(run_git(root, "ls-files", "-z", "--stage", index=index), column=1)


def _head_commit(root: Path) -> bytes:
    """HEAD's commit, b"" if there are no commits yet."""
    return run_git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).strip()


def _listed(output: bytes, column: int) -> dict[str, set[bytes]]:
    """The paths of each id, which stands in a column; a submodule's content is another repository's."""
    paths: dict[str, set[bytes]] = {}
    for entry in filter(None, output.split(b"\0")):
        facts, _, path = entry.partition(b"\t")
        columns = facts.split(b" ")
        if columns[0] != _SUBMODULE:
            paths.setdefault(columns[column].decode("ascii"), set()).add(path)
    return paths


def repository_limits(root: Path) -> list[NotSearched]:
    """Shallow and partial clones, submodules and lost objects: what was not searched, and why."""
    limits = []
    if (root / ".git" / "shallow").exists():
        limits.append(NotSearched(".git/shallow", "is a shallow clone: older commits are not here"))
    if missing := _lacking(root):
        limits.append(NotSearched(".git/objects", missing))
    with suppress(GitFailed):
        for entry in run_git(root, "ls-files", "-z", "--stage").split(b"\0"):
            if entry.startswith(_SUBMODULE):
                path = entry.partition(b"\t")[2].decode("utf-8", "backslashreplace")
                limits.append(NotSearched(path, "is a submodule: its history is another repository's"))
    return limits


def _lacking(root: Path) -> str:
    """Why objects are not there that the history of a ref names; "" if none is missing."""
    with suppress(OSError):
        config, packs = (root / ".git" / "config").read_bytes(), root / ".git" / "objects" / "pack"
        # A remote promises objects, and is not asked for them.
        if re.search(rb"(?i)promisor|partialclone", config) or any(packs.glob("*.promisor")):
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
