"""Walks a whole history once: where objects were put, every name in it, and whether anything is missing."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from audit_lib.leaks.git_history import Introduction
from audit_lib.leaks.git_objects import Listing, stream_lines

_DIFF = ("diff-tree", "--stdin", "-r", "-t", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
_SUBMODULE = b"160000"  # its object is a commit of another repository
_NONE = frozenset((b"0" * 40, b"0" * 64))  # what stands for the object of a path that is gone


@dataclass(frozen=True)
class HistoryWalk:
    """What a walk over every commit that there is saw; of no walk nothing."""

    places: Mapping[str, list[Introduction]] = field(default_factory=dict)  # of the objects asked for
    paths: frozenset[bytes] = frozenset()  # of files and folders
    trees: Set[str] = frozenset()  # their names are in those
    is_whole: bool = False  # whether every object that a commit or a tree names is there


def walk_history(
    root: Path, listing: Listing, commits: Mapping[str, str], asked: Collection[str], trees: Collection[str]
) -> HistoryWalk:
    """One pass over all commits, each with its own tree, which is named nowhere else.

    A tree's names are all seen: a commit shows what is in it and not in the commit before. Raises `GitFailed`
    if git could not follow the history.
    """
    wanted = {oid.encode("ascii") for oid in asked}
    places: dict[str, list[Introduction]] = {}
    paths: set[bytes] = set()
    named: set[bytes] = set()
    oid, commit = b"", ""
    # There are as many fields as names and objects: no call for each.
    for text in stream_lines(root, _DIFF, commits):
        if oid:
            paths.add(text)
            if oid in wanted:
                found = Introduction(oid.decode("ascii"), commit, text)
                places.setdefault(found.oid, []).append(found)
            oid = b""
        elif text[:1] == b":":
            _, mode, _, oid, _ = text.split(b" ")
            if mode != _SUBMODULE:
                named.add(oid)
        else:
            commit = text.decode("ascii", "replace").strip()
    seen = {*map(bytes.decode, named - _NONE), *commits.values()}
    return HistoryWalk(
        places=places,
        paths=frozenset(paths),
        trees=seen.intersection(trees),
        is_whole=seen.issubset(listing.ids.decode("ascii").split()),
    )
