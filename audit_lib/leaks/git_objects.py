"""Reads every object of a git repository once, reachable or not, in batches (docs/leak_search.md#places)."""

import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import filterfalse
from pathlib import Path

from audit_lib.base.git import GitFailed, pieces, running, unsound
from audit_lib.leaks.object_batches import BATCH, Batch, batches
from audit_lib.leaks.scan_cache import Memory, packed

_TREE = re.compile(r"^tree ([0-9a-f]+)$", re.MULTILINE)
_COMMIT = re.compile(r"^commit ([0-9a-f]+)$", re.MULTILINE)
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up


@dataclass(frozen=True)
class Listing:
    """All objects of a repository."""

    digest: str  # of the list: the same objects in the same packs give the same
    ids: bytes  # of all objects, one a line, in the order in which git reads them

    @cached_property
    def count(self) -> int:
        """How many objects there are."""
        return self.ids.count(b"\n")

    def is_new(self, memory: Memory) -> bool:
        """Whether a memory knows nothing of any object, so that all are to be read."""
        return self.digest != memory.listing and not memory.clean

    def to_read(self, memory: Memory) -> list[str] | None:
        """The objects that are new to a memory or marked in it; None for all."""
        if self.digest == memory.listing:
            return list(memory.marked)
        known = memory.clean
        # All are asked for at once where nothing is known: git then reads in the order of its packs.
        return [oid.decode("ascii") for oid in self.ids.split() if oid not in known] if known else None

    def read(
        self, root: Path, asked: list[str] | None, missing: list[str], faults: list[str]
    ) -> Iterator[Batch]:
        """The objects asked for; past one that git cannot read it goes on, and `faults` says so."""
        while asked is None or asked:
            last = ""
            try:
                for batch in read_objects(root, asked, missing):
                    last = batch.spans[-1].oid
                    yield batch
                return
            except GitFailed as failed:
                faults.append(str(failed))
            if len(faults) >= _MOST_FAULTS:
                return
            if asked is None:
                # How far git came in an order of its own is not known: all are asked for again, in ours.
                asked = self.ids.decode("ascii").split()
                continue
            # What follows the last that came is what git gave up on, or known to be missing.
            gone = set(missing)
            left = [oid for oid in asked[asked.index(last) + 1 if last else 0 :] if oid not in gone]
            missing += left[:1]
            asked = left[1:]

    def without(self, some: Collection[str]) -> list[str]:
        """All objects but some."""
        return list(filterfalse(frozenset(some).__contains__, self.ids.decode("ascii").split()))

    def clean(self, marked: Collection[str], memory: Memory) -> bytes:
        """The packed ids of all objects but the marked ones."""
        if self.digest == memory.listing and set(marked) == set(memory.marked):
            return memory.packed
        left_out = {oid.encode("ascii") for oid in marked}
        return packed(filterfalse(left_out.__contains__, self.ids.split()))


def list_objects(root: Path) -> Listing:
    """Which objects there are. `GitFailed` if git cannot list them, or one is not a plain file."""
    if fault := unsound(root / ".git"):
        raise GitFailed.at(".git", fault)
    every = ("--batch-all-objects", "--batch-check=%(objectname)", "--unordered", "--buffer")
    with running(root, ("cat-file", *every)) as stream:
        listed = b"".join(pieces(stream))
    return Listing(sha256(listed).hexdigest(), listed)


@dataclass(frozen=True)
class Kinds:
    """The trees among all objects, and the commits, in the order in which git reads them."""

    trees: frozenset[str] = frozenset()
    commits: tuple[str, ...] = ()


def kinds_of_objects(root: Path) -> Kinds:
    """What kind each object is. Raises `GitFailed`."""
    every = ("--batch-all-objects", "--batch-check=%(objecttype) %(objectname)", "--unordered", "--buffer")
    with running(root, ("cat-file", *every)) as stream:
        listed = b"".join(pieces(stream)).decode("ascii")
    return Kinds(frozenset(_TREE.findall(listed)), tuple(_COMMIT.findall(listed)))


def begin_listing(root: Path) -> "Future[Listing]":
    """As `list_objects`, while the caller goes on."""
    pool = ThreadPoolExecutor(1)
    listing = pool.submit(list_objects, root)
    pool.shutdown(wait=False)
    return listing


def read_objects(
    root: Path, oids: Iterable[str] | None = None, missing: list[str] | None = None
) -> Iterator[Batch]:
    """Batches of all objects, or of those named; ids of objects that are not there go into `missing`.

    Raises `GitFailed` at the end where git failed: what came before is then incomplete.
    """
    every = ("--batch-all-objects", "--unordered") if oids is None else ()
    with running(root, ("cat-file", "--batch", "--buffer", *every), oids or ()) as stream:
        yield from batches(stream, missing if missing is not None else [])


def read_object(root: Path, oid: str) -> Iterator[bytes]:
    """The content of one object, in pieces that follow each other without overlap."""
    with running(root, ("cat-file", "--batch", "--buffer"), [oid]) as stream:
        header = stream.readline().split()
        left = int(header[2]) if len(header) == 3 else 0
        while left and (piece := stream.read(min(BATCH, left))):
            left -= len(piece)
            yield piece
        # git still has a line end to write; with nobody to read it, it would fail.
        stream.read()


def stream_lines(root: Path, args: tuple[str, ...], lines: Iterable[str]) -> Iterator[bytes]:
    """What a plumbing command writes for the lines it is given, in fields that end in a zero byte."""
    with running(root, args, lines) as stream:
        rest = b""
        for piece in pieces(stream):
            *fields, rest = (rest + piece).split(b"\0")
            yield from fields
