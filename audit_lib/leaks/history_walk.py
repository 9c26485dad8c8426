"""Walks a whole history once: where objects were put, every name in it, and whether anything is missing."""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from audit_lib.leaks.git_history import Introduction
from audit_lib.leaks.git_objects import Listing, stream_lines

_DIFF = ("diff-tree", "--stdin", "-r", "-t", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
_FILES = (b"10", b"12")  # how the mode of a file or a link begins
_SUBMODULE = b"160000"  # its object is a commit of another repository
_NONE = frozenset((b"0" * 40, b"0" * 64))  # what stands for the object of a path that is gone


@dataclass(frozen=True)
class HistoryWalk:
    """What a walk over every commit that there is saw; of no walk nothing."""

    # Commit and path of each place of the files asked for.
    seen: Mapping[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)
    of_all: bool = False  # whether those are all files: any other has no place
    paths: frozenset[bytes] = frozenset()  # of files and folders
    trees: Set[str] = frozenset()  # their names are in those
    is_whole: bool = False  # whether every object that a commit or a tree names is there

    def places(self, oids: Iterable[str]) -> dict[str, list[Introduction]]:
        """The places of some files, by object; of one without a place nothing."""
        met = ((oid, self.seen.get(oid.encode("ascii"))) for oid in oids)
        return {oid: [Introduction(oid, *place) for place in found] for oid, found in met if found}


def walk_history(
    root: Path,
    listing: Listing,
    commits: Mapping[str, str],
    asked: Collection[str] | None,
    trees: Collection[str],
) -> HistoryWalk:
    """One pass over all commits, each with its own tree, which is named nowhere else.

    It keeps the places of the files asked for, or of all: None. A tree's names are all seen: a commit shows
    what is in it and not in the commit before. Raises `GitFailed` if git could not follow the history.
    """
    wanted = None if asked is None else {oid.encode("ascii") for oid in asked}
    places: dict[bytes, list[tuple[str, bytes]]] = {}
    paths: set[bytes] = set()
    named: set[bytes] = set()
    oid, mode, commit = b"", b"", ""
    # There are as many fields as names and objects: no call for each.
    for text in stream_lines(root, _DIFF, commits):
        if oid:
            paths.add(text)
            if mode[:2] in _FILES if wanted is None else oid in wanted:
                places.setdefault(oid, []).append((commit, text))
            oid = b""
        elif text[:1] == b":":
            _, mode, _, oid, _ = text.split(b" ")
            if mode != _SUBMODULE:
                named.add(oid)
        else:
            commit = text.decode("ascii", "replace").strip()
    seen = {*map(bytes.decode, named - _NONE), *commits.values()}
    return HistoryWalk(
        seen=places,
        of_all=asked is None,
        paths=frozenset(paths),
        trees=seen.intersection(trees),
        is_whole=seen.issubset(listing.ids.decode("ascii").split()),
    )
