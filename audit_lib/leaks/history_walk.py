"""Walks a whole history once: where objects were put, every name in it, and whether anything is missing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_lib.leaks.git_history import Introduction
from audit_lib.leaks.git_objects import Listing, stream_lines

_DIFF = ("diff-tree", "--stdin", "-r", "-t", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
_SUBMODULE = b"160000"  # its object is a commit of another repository


@dataclass(frozen=True)
class HistoryWalk:
    """What a walk over every commit that there is saw; of no walk nothing."""

    places: Mapping[str, list[Introduction]] = field(default_factory=dict)  # of the objects asked for
    paths: frozenset[bytes] = frozenset()  # of files and folders
    trees: frozenset[str] = frozenset()  # their names are in those
    is_whole: bool = False  # whether every object that a commit or a tree names is there


def walk_history(
    root: Path, listing: Listing, commits: Mapping[str, str], asked: Collection[str], trees: Collection[str]
) -> HistoryWalk:
    """One pass over all commits, each with its own tree, which is named nowhere else.

    A tree's names are all seen: a commit shows what is in it and not in the commit before. Raises `GitFailed`
    if git could not follow the history.
    """
    seen = _Seen(frozenset(asked))
    for entry in stream_lines(root, _DIFF, commits):
        seen.take(entry)
    named = seen.named | {tree.encode("ascii", "replace") for tree in commits.values()}
    return HistoryWalk(
        places=seen.places,
        paths=frozenset(seen.paths),
        trees=frozenset(tree for tree in trees if tree.encode("ascii") in named),
        is_whole=named.issubset(listing.ids.split()),
    )


@dataclass
class _Seen:
    """What the fields that git writes have said so far: a commit, or facts and then their path."""

    asked: frozenset[str]
    commit: str = ""
    oid: bytes = b""  # of the facts whose path comes next
    places: dict[str, list[Introduction]] = field(default_factory=dict)
    paths: set[bytes] = field(default_factory=set)
    named: set[bytes] = field(default_factory=set)

    def take(self, text: bytes) -> None:
        """One field."""
        if self.oid:
            self.paths.add(text)
            if (oid := self.oid.decode("ascii")) in self.asked:
                self.places.setdefault(oid, []).append(Introduction(oid, self.commit, text))
            self.oid = b""
        elif text.startswith(b":"):
            _, mode, _, self.oid, _ = text.split(b" ")
            if self.oid.strip(b"0") and mode != _SUBMODULE:
                self.named.add(self.oid)
        else:
            self.commit = text.decode("ascii", "replace").strip()
