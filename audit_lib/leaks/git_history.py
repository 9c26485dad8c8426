"""Where objects are in a repository's history: commit, path, times, and who can still reach them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from audit_lib.base.git import run_git
from audit_lib.leaks.git_objects import read_objects, stream_lines

# Which refs reach a commit, the widest last: what a clone brings comes before what only this copy holds.
_REACH = (
    ("commit", ("--branches", "--tags", "--remotes", "HEAD")),
    ("note", ("--glob=refs/notes",)),
    # Without a wildcard git would look for refs below refs/stash, and there are none.
    ("stash", ("--glob=refs/stas[h]",)),
    ("other ref", ("--all",)),
    ("reflog", ("--all", "--reflog")),
)
SUBMODULE = b"160000"  # the mode of a path whose object is a commit of another repository
UNREACHABLE = "unreachable"
REACHABLE = ("commit", "note", "stash", "other ref")


@dataclass(frozen=True, slots=True)
class Introduction:
    """A commit that put an object at a path."""

    oid: str
    commit: str
    path: bytes


@dataclass(frozen=True, slots=True)
class CommitTimes:
    """Both times of a commit, either of which can be forged; None if it is not a time."""

    authored_at: datetime | None
    committed_at: datetime | None


def introductions(
    root: Path, commits: Iterable[str], blobs: Collection[str], names: Collection[bytes] = ()
) -> Iterator[Introduction]:
    """Each commit that put one of the blobs, or a path with one of the names, into its tree: one pass."""
    args = ("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
    wanted, named = frozenset(blobs), frozenset(names)
    commit = oid = ""
    awaits_path = False
    for field in stream_lines(root, args, commits):
        if awaits_path:
            awaits_path = False
            if oid in wanted or (named and not named.isdisjoint(field.split(b"/"))):
                yield Introduction(oid, commit, field)
        elif field.startswith(b":"):
            oid = field.split(b" ")[3].decode("ascii")
            awaits_path = True
        else:
            commit = field.decode("ascii", "replace").strip()


def cloned(root: Path) -> list[str]:
    """The commits that a clone brings: those of branches, tags and remotes."""
    return _reached(root, _REACH[0][1])


def reach(root: Path, commits: Collection[str], clones: Collection[str] = ()) -> dict[str, str]:
    """For each commit: commit, note, stash, other ref, reflog or unreachable, by the refs that lead to it.

    `clones` is what `cloned` gave, where it has been asked.
    """
    found = dict.fromkeys(set(commits).intersection(clones), _REACH[0][0])
    left = set(commits).difference(found)
    for name, refs in _REACH[1:] if clones else _REACH:
        if not left:
            break
        reached = set(_reached(root, refs)) & left
        found.update(dict.fromkeys(reached, name))
        left -= reached
    return found | dict.fromkeys(left, UNREACHABLE)


def _reached(root: Path, refs: tuple[str, ...]) -> list[str]:
    if "HEAD" in refs and not _head_commit(root):
        refs = tuple(ref for ref in refs if ref != "HEAD")
    return run_git(root, "rev-list", *refs).decode("ascii").split()


def commit_times(root: Path, commits: Iterable[str]) -> dict[str, CommitTimes]:
    """Author and committer time of each commit, UTC."""
    times = {}
    for batch in read_objects(root, sorted(set(commits))):
        for span in batch.spans:
            if span.kind == "commit":
                header = batch.content(span).partition(b"\n\n")[0].splitlines()
                times[span.oid] = CommitTimes(_time(header, b"author "), _time(header, b"committer "))
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


def _head_commit(root: Path) -> bytes:
    """HEAD's commit, b"" if there are no commits yet."""
    return run_git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).strip()


def in_index(root: Path, index: Path | None = None) -> dict[str, set[bytes]]:
    """The paths of each blob in the repository's index, or in another one."""
    return _listed(run_git(root, "ls-files", "-z", "--stage", index=index), column=1)


def _listed(output: bytes, column: int) -> dict[str, set[bytes]]:
    """The paths of each id, which stands in a column; a submodule's content is another repository's."""
    paths: dict[str, set[bytes]] = {}
    for entry in filter(None, output.split(b"\0")):
        facts, _, path = entry.partition(b"\t")
        columns = facts.split(b" ")
        if columns[0] != SUBMODULE:
            paths.setdefault(columns[column].decode("ascii"), set()).add(path)
    return paths


@dataclass(frozen=True)
class Refs:
    """A ref's name for each object that one names; `digest` is of all refs and of HEAD."""

    names: dict[str, bytes]
    digest: str


def read_refs(root: Path) -> Refs:
    """All refs of the repository."""
    names = {}
    listed = run_git(root, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)")
    for line in listed.splitlines():
        name, *oids = line.split(b"\0")
        names.update({oid.decode("ascii"): name for oid in oids if oid})
    return Refs(names, sha256(listed + _head_commit(root)).hexdigest())
