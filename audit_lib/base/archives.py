"""Opens compressed files and archives one level deep, in pieces, within bounds of bytes, count and time."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from time import thread_time
from typing import BinaryIO, cast

import zstandard

from audit_lib.base.decompress import DECOMPRESSED, PIECE, PackedBytes, PieceReader
from audit_lib.base.tar_members import tar_members
from audit_lib.base.zip_members import ENTRIES, is_too_long, zip_members

SECONDS_A_SOURCE = 10  # of processor time, what is done with its content included (docs/bounds.md)
LARGEST_ZIP = 64 << 20  # a zip is read from its end, so it is held whole
EXPANDED = 1 << 30  # bytes taken out of one archive: more is a bomb or a dump, and is said
FAIR = 50  # logs shrink to a fiftieth at best: what grows further was made to, and has …
SURPLUS = 1 << 30  # … so many bytes in all archives of one search together
MEMBERS = 10_000
HEAD = 512  # bytes by which an archive is known

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\3\4": "zip",
}
_BROKEN = (
    zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, struct.error,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One file out of an archive; its pieces are read before the next member is asked for."""

    name: str  # "" for the only content of a compressed file
    encoding: str  # gzip | zip | tar | gzip tar | …
    pieces: Iterator[bytes]


@dataclass
class Expansion:
    """What all archives of one search may still grow to beyond `FAIR` times their size, in bytes."""

    left: int = SURPLUS


def archive_kind(head: bytes) -> str:
    """gzip, bzip2, xz, zstd, zip or tar by a content's first 512 bytes; "" for anything else."""
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def unpack(
    file: BinaryIO, kind: str, faults: list[str], expansion: Expansion | None = None
) -> Iterator[Member]:
    """The members of an archive of the kind named. What cannot be read is said in `faults`, never raised."""
    packed = PackedBytes(file)
    budget = _Budget(packed, expansion or Expansion())
    try:
        if kind == "zip":
            yield from _zip_members(packed, budget, faults)
        elif kind == "tar":
            yield from _tar_members(cast(BinaryIO, packed), "tar", budget, faults)
        else:
            yield from _decompressed(packed, kind, budget, faults)
    except _BROKEN as error:
        faults.append(_broken(kind, error))
    if budget.spent:
        faults.append(f"the {kind} {budget.spent}: the rest was not searched")


class _Budget:
    """What may still be taken out of one archive; `spent` says which bound is reached, "" while none is."""

    def __init__(self, packed: PackedBytes, expansion: Expansion) -> None:
        self._packed = packed
        self._expansion = expansion
        self._taken = self._surplus = 0
        self._until = thread_time() + SECONDS_A_SOURCE
        self.spent = ""

    def bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces up to a bound; processor time counts what is done with them, too."""
        for piece in pieces:
            if self.spent:
                return
            yield piece
            self._taken += len(piece)
            surplus = max(0, self._taken - FAIR * self._packed.taken)
            self._expansion.left -= surplus - self._surplus
            self._surplus = surplus
            if self._taken >= EXPANDED:
                self.spent = f"holds more than {EXPANDED:,} bytes"
            elif self._surplus and self._expansion.left <= 0:
                self.spent = f"grows to more than {FAIR} times its size"
            elif thread_time() > self._until:
                self.spent = f"takes more than {SECONDS_A_SOURCE} seconds"


def _decompressed(packed: PackedBytes, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    opened = DECOMPRESSED[kind](cast(BinaryIO, packed))
    pieces = budget.bounded(_guarded(opened, kind, faults))
    first = next(pieces, b"")
    pieces = chain([first], pieces)
    if archive_kind(first[:HEAD]) == "tar":
        # Its bytes are counted as they come out of the compressed stream, and not a second time.
        yield from _tar_members(cast(BinaryIO, PieceReader(pieces)), f"{kind} tar", budget, faults)
    else:
        _say_nested(first, "its content", faults)
        yield Member("", kind, pieces)


def _zip_members(packed: PackedBytes, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    pieces = iter(lambda: packed.read(PIECE) or b"", b"")
    content = b"".join(islice(pieces, LARGEST_ZIP // PIECE + 1))
    if len(content) > LARGEST_ZIP:
        faults.append(f"the zip is larger than {LARGEST_ZIP:,} bytes and was not opened")
    elif is_too_long(content):
        faults.append(f"the zip lists more than {ENTRIES:,} members and was not opened")
    else:
        for number, (name, found) in enumerate(zip_members(content)):
            if _is_beyond(number, "zip", budget, faults):
                return
            if isinstance(found, str):
                faults.append(f"the zip has {found}")
            content_of: Iterator[bytes] = iter(()) if isinstance(found, str) else found
            yield _member(name, "zip", budget.bounded(_guarded(content_of, "zip", faults)), faults)


def _tar_members(file: BinaryIO, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    for number, (name, pieces) in enumerate(tar_members(file)):
        if _is_beyond(number, kind, budget, faults):
            return
        read = _guarded(pieces, kind, faults)
        yield _member(name, kind, budget.bounded(read) if kind == "tar" else read, faults)


def _is_beyond(number: int, kind: str, budget: _Budget, faults: list[str]) -> bool:
    """Whether a member is beyond the bounds of its archive, which `faults` says of their number."""
    if number >= MEMBERS:
        faults.append(f"the {kind} has more than {MEMBERS:,} members: the rest was not searched")
    return number >= MEMBERS or bool(budget.spent)


def _member(name: str, kind: str, pieces: Iterator[bytes], faults: list[str]) -> Member:
    first = next(pieces, b"")
    _say_nested(first, "a member", faults)
    return Member(name, kind, chain([first], pieces))


def _guarded(pieces: Iterator[bytes], kind: str, faults: list[str]) -> Iterator[bytes]:
    """The pieces up to a fault: what was read before it counts."""
    try:
        yield from pieces
    except _BROKEN as error:
        faults.append(_broken(kind, error))


def _broken(kind: str, error: BaseException) -> str:
    return f"the {kind} is broken or not understood ({type(error).__name__})"


def _say_nested(first: bytes, what: str, faults: list[str]) -> None:
    if nested := archive_kind(first[:HEAD]):
        faults.append(f"{what} is itself a {nested}: its content was not searched")
