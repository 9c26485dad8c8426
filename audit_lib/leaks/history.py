"""A repository's objects, and where they are in its history: commits, paths, times, refs, what is missing."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


@dataclass(frozen=True)
class CommitTimes:
    """Both times of a commit, either of which can be forged; None if it is not a time."""

    authored_at: datetime | None = None
    committed_at: datetime | None = None


@dataclass(frozen=True)
class History:
    """What says where an object is: by blob its places, by commit times and reach, HEAD, index and refs."""

    places: Mapping[str, list[Place]] = field(default_factory=dict)
    times: Mapping[str, CommitTimes] = field(default_factory=dict)
    reach: Mapping[str, str] = field(default_factory=dict)
    head: Mapping[str, set[bytes]] = field(default_factory=dict)
    index: Mapping[str, set[bytes]] = field(default_factory=dict)
    refs: Mapping[str, bytes] = field(default_factory=dict)


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
            for one in git.read_objects(root, oids, missing):
                last = one.oid
                yield one
            return
        except GitFailed as failed:
            faults.append(str(failed))
        # What follows the last that came is what git gave up on, or known to be missing.
        gone = set(missing)
        left = [oid for oid in oids[oids.index(last) + 1 if last else 0 :] if oid not in gone]
        missing += left[:1]
        oids = left[1:]


def walk(root: Path, commits: Iterable[str]) -> dict[str, list[Place]]:
    """By blob each commit that put it at a path. Raises `GitFailed`."""
    places: dict[str, list[Place]] = {}
    paths: dict[bytes, bytes] = {}
    commit = oid = ""
    for text in _fields(root, _DIFF, commits):
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
    return places


def _fields(root: Path, args: tuple[str, ...], lines: Iterable[str]) -> Iterator[bytes]:
    """What a plumbing command writes for the lines it is given, in fields that end in a zero byte."""
    with running(root, args, lines) as stream:
        rest = b""
        for piece in pieces(stream):
            *fields, rest = (rest + piece).split(b"\0")
            yield from fields


def read_history(root: Path, places: Mapping[str, list[Place]], messages: Collection[str]) -> History:
    """What is known of the blobs at these places and of the commits whose messages are named.

    Raises `GitFailed`.
    """
    commits = {*messages, *(commit for some in places.values() for commit, _ in some)}
    index = _listed(run_git(root, "ls-files", "-z", "--stage"), column=1)
    return History(places, _times(root, commits), _reach(root, commits), at_head(root), index, _refs(root))


def _reach(root: Path, commits: set[str]) -> dict[str, str]:
    """For each commit: commit, note, stash, other ref, reflog or unreachable, by the refs that lead to it."""
    found: dict[str, str] = {}
    left = set(commits)
    for name, refs in _REACH:
        if left:
            known = tuple(ref for ref in refs if ref != "HEAD" or _head_commit(root))
            reached = left.intersection(run_git(root, "rev-list", *known).decode("ascii").split())
            found |= dict.fromkeys(reached, name)
            left -= reached
    return found | dict.fromkeys(left, UNREACHABLE)


def _times(root: Path, commits: Collection[str]) -> dict[str, CommitTimes]:
    times = {}
    for one in git.read_objects(root, sorted(commits)):
        header = one.content.partition(b"\n\n")[0].splitlines()
        times[one.oid] = CommitTimes(_time(header, b"author "), _time(header, b"committer "))
    return times


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


def _refs(root: Path) -> dict[str, bytes]:
    """A ref's name for each object that one names."""
    names = {}
    for line in run_git(
        root, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)"
    ).splitlines():
        name, *oids = line.split(b"\0")
        names.update({oid.decode("ascii"): name for oid in oids if oid})
    return names


def repository_limits(root: Path) -> list[NotSearched]:
    """Shallow and partial clones, submodules and lost objects: what was not searched, and why."""
    limits: list[NotSearched] = []
    try:
        git_dir = git.find_repository(root).common
    except GitFailed:
        return limits  # said by whoever reads its objects
    if (git_dir / "shallow").exists():
        limits.append(NotSearched(".git/shallow", "is a shallow clone: older commits are not here"))
    if _is_partial(git_dir):
        limits.append(
            NotSearched(".git/objects", "is a partial clone: objects that were never fetched are not here")
        )
    elif missing := _lacking(root):
        limits.append(NotSearched(".git/objects", missing))
    with suppress(GitFailed):
        for entry in run_git(root, "ls-files", "-z", "--stage").split(b"\0"):
            if entry.startswith(_SUBMODULE):
                path = entry.partition(b"\t")[2].decode("utf-8", "backslashreplace")
                limits.append(NotSearched(path, "is a submodule: its history is another repository's"))
    return limits


def _lacking(root: Path) -> str:
    """How many objects are not there that the history of a ref names; "" if none is missing."""
    rest, count = b"", 0
    try:
        # A ref that is broken is left out with a word of complaint.
        with running(root, ("for-each-ref",)) as stream:
            stream.read()
        names = ("rev-list", "--all", "--missing=print", "--objects", "--no-object-names")
        with running(root, names) as stream:
            for piece in pieces(stream):
                *lines, rest = (rest + piece).split(b"\n")
                count += sum(line.startswith(b"?") for line in lines)
    except GitFailed:
        return "has refs or a history that git cannot follow to the end"
    return f"lacks {counted(count, 'object')} that its history names" if count else ""


def _is_partial(git_dir: Path) -> bool:
    """Whether objects may be missing by design: promised by a remote, which is not asked for them."""
    with suppress(OSError):
        if re.search(rb"(?i)promisor|partialclone", (git_dir / "config").read_bytes()):
            return True
    return any((git_dir / "objects" / "pack").glob("*.promisor"))
