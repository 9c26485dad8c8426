"""Walks a whole history once: where objects were put, every name in it, and whether anything is missing."""

from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from audit_lib.base.git import GitFailed
from audit_lib.leaks.git_history import SUBMODULE, Introduction
from audit_lib.leaks.git_objects import Listing, kinds_of_objects, stream_lines

# With each commit its own tree, which is named nowhere else.
_DIFF = (
    "diff-tree", "--stdin", "--always", "--format=%H %T", "-r", "-t", "-m", "--root", "--no-renames", "--raw",
    "-z", "--no-abbrev",
)  # fmt: skip
_FILES = (b"10", b"12")  # how the mode of a file or a link begins
_NONE = frozenset((b"0" * 40, b"0" * 64))  # what stands for the object of a path that is gone


@dataclass(frozen=True)
class HistoryWalk:
    """What a walk over every commit that there is saw; of no walk nothing."""

    files: Mapping[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)  # commits and paths of each
    paths: Set[bytes] = frozenset()  # of files and folders
    every_tree: Set[str] = frozenset()  # also those that no commit leads to
    trees: Set[str] = frozenset()  # their names are in `paths`
    is_whole: bool = False  # whether every object that a commit or a tree names is there

    @property
    def names(self) -> bytes:
        """Every path that it saw, one a line."""
        return b"\n".join(sorted(self.paths))

    def places(self, oids: Iterable[str]) -> dict[str, list[Introduction]]:
        """The places of some files, by object; of one without a place nothing."""
        met = ((oid, self.files.get(oid.encode("ascii"))) for oid in oids)
        return {oid: [Introduction(oid, *place) for place in found] for oid, found in met if found}

    @cached_property
    def _order(self) -> dict[str, int]:
        ordered = sorted(self.files, key=lambda oid: self.files[oid][0][1])
        return {oid.decode("ascii"): place for place, oid in enumerate(ordered)}

    def by_path(self, oids: Iterable[str]) -> list[str]:
        """The objects in the order of their first paths: the versions of a file are side by side.

        Those that were at no path come first.
        """
        return sorted(oids, key=lambda oid: self._order.get(oid, -1))


def walk_history(root: Path, listing: Listing) -> HistoryWalk:
    """One pass over all commits: a commit shows what is in it and not in the commit before.

    Raises `GitFailed` if git could not follow the history.
    """
    kinds = kinds_of_objects(root)
    files: dict[bytes, list[tuple[str, bytes]]] = {}
    paths: dict[bytes, bytes] = {}
    named: set[bytes] = set()
    oid, mode, commit = b"", b"", ""
    # There are as many fields as names and objects: no call for each.
    for text in stream_lines(root, _DIFF, kinds.commits):
        if oid:
            path = paths.setdefault(text, text)
            if mode[:2] in _FILES:
                files.setdefault(oid, []).append((commit, path))
            oid = b""
        elif text.startswith((b":", b"\n:")):
            _, mode, _, oid, _ = text.split(b" ")
            if mode != SUBMODULE:
                named.add(oid)
        else:
            own, _, tree = text.strip().partition(b" ")
            commit = own.decode("ascii", "replace")
            named.add(tree)
    seen = set(map(bytes.decode, named - _NONE))
    return HistoryWalk(
        files=files,
        paths=paths.keys(),
        every_tree=kinds.trees,
        trees=seen.intersection(kinds.trees),
        is_whole=seen.issubset(listing.ids.decode("ascii").split()),
    )


class LazyWalk:
    """A walk over all of the history, made once if anybody needs it, while whoever began it goes on."""

    def __init__(self, root: Path, listing: "Future[Listing]") -> None:
        self._root, self._listing = root, listing

    def begin(self) -> None:
        """Begin it, if it was not begun."""
        _ = self._walk

    def result(self) -> HistoryWalk | None:
        """The walk; None if git could not follow the history, which whoever reads the objects is told."""
        with suppress(GitFailed):
            return self._walk.result()
        return None

    @cached_property
    def _walk(self) -> "Future[HistoryWalk]":
        pool = ThreadPoolExecutor(1)
        walk = pool.submit(lambda: walk_history(self._root, self._listing.result()))
        pool.shutdown(wait=False)
        return walk
