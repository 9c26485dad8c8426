"""Opens compressed files and archives one level deep, in bounded pieces."""

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, BinaryIO, Protocol, cast

import zstandard

PIECE = 8 << 20  # bytes handed on at a time
LARGEST_ZIP = 64 << 20  # a zip is read from its end, so it is held whole
EXPANDED = 1 << 30  # bytes taken out of one archive: more is a bomb or a dump, and is said
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
    zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, tarfile.TarError, struct.error,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One file out of an archive; its pieces are read before the next member is asked for."""

    name: str  # "" for the only content of a compressed file
    encoding: str  # gzip | zip | tar | gzip tar | …
    pieces: Iterator[bytes]


def archive_kind(head: bytes) -> str:
    """gzip, bzip2, xz, zstd, zip or tar by a content's first 512 bytes; "" for anything else."""
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def unpack(file: BinaryIO, kind: str, faults: list[str]) -> Iterator[Member]:
    """The members of an archive of the kind named. What cannot be read is said in `faults`, never raised."""
    budget = _Budget(EXPANDED)
    try:
        if kind == "zip":
            yield from _zip_members(file, budget, faults)
        elif kind == "tar":
            yield from _tar_members(file, "tar", budget, faults)
        else:
            yield from _decompressed(file, kind, budget, faults)
    except _BROKEN as error:
        faults.append(f"the {kind} is broken or not understood ({type(error).__name__})")
    if budget.spent:
        faults.append(f"the {kind} holds more than {EXPANDED:,} bytes: the rest was not searched")


class _Budget:
    """Bytes that may still be taken out of one archive."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    @property
    def spent(self) -> bool:
        return self.left <= 0

    def bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece[: self.left]
            self.left -= len(piece)
            if self.spent:
                return


def _decompressed(file: BinaryIO, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    pieces = budget.bounded(_guarded(_DECOMPRESSED[kind](file), kind, faults))
    first = next(pieces, b"")
    pieces = chain([first], pieces)
    if archive_kind(first[:HEAD]) == "tar":
        yield from _tar_members(cast(BinaryIO, PieceReader(pieces)), f"{kind} tar", budget, faults)
    else:
        _say_nested(first, "its content", faults)
        yield Member("", kind, pieces)


def _zip_members(file: BinaryIO, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    content = file.read(LARGEST_ZIP + 1)
    if len(content) > LARGEST_ZIP:
        faults.append(f"the zip is larger than {LARGEST_ZIP:,} bytes and was not opened")
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for number, entry in enumerate(archive.infolist()):
            if number >= MEMBERS or budget.spent:
                faults.append(f"the zip has more than {number} members that were searched")
                return
            if entry.flag_bits & 1:
                faults.append("the zip has an encrypted member")
                continue
            yield _member(entry.filename, "zip", lambda entry=entry: archive.open(entry), budget, faults)  # type: ignore[misc]


def _tar_members(file: BinaryIO, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for number, entry in enumerate(archive):
            if number >= MEMBERS or budget.spent:
                faults.append(f"the {kind} has more than {number} members that were searched")
                return
            # A link's target is text that can hold a value, as a name can.
            name = f"{entry.name} -> {entry.linkname}" if entry.linkname else entry.name
            content = archive.extractfile(entry) if entry.isreg() else None
            yield _member(name, kind, lambda content=content: content or io.BytesIO(), budget, faults)  # type: ignore[misc]


def _member(
    name: str, kind: str, opened: Callable[[], IO[bytes]], budget: _Budget, faults: list[str]
) -> Member:
    pieces = budget.bounded(_guarded(_pieces(opened), kind, faults))
    first = next(pieces, b"")
    _say_nested(first, "a member", faults)
    return Member(name, kind, chain([first], pieces))


def _pieces(opened: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with opened() as content:
        while piece := content.read(PIECE):
            yield piece


def _guarded(pieces: Iterator[bytes], kind: str, faults: list[str]) -> Iterator[bytes]:
    """The pieces up to a fault: what was read before it counts."""
    try:
        yield from pieces
    except _BROKEN as error:
        faults.append(f"the {kind} is broken or not understood ({type(error).__name__})")


def _say_nested(first: bytes, what: str, faults: list[str]) -> None:
    if nested := archive_kind(first[:HEAD]):
        faults.append(f"{what} is itself a {nested}: its content was not searched")


class PieceReader(io.RawIOBase):
    """Pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Up to a buffer of the pieces; 0 at their end."""
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = memoryview(piece)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of the others: what max_length holds back comes on demand."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _stream(file: BinaryIO, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content of one or several compressed streams that follow each other, in pieces."""
    data = file.read(PIECE)
    while data:
        inner = make()
        while not inner.eof:
            piece = inner.decompress(data, PIECE)
            if piece:
                yield piece
            data = b""
            if not inner.eof and len(piece) < PIECE:
                data = file.read(PIECE)
                if not data:
                    raise EOFError
        data = (inner.unused_data or file.read(PIECE)).lstrip(b"\0")


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True)
    while piece := reader.read(PIECE):
        yield piece


_DECOMPRESSED: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "gzip": lambda file: _stream(file, _Gzip),
    "bzip2": lambda file: _stream(file, bz2.BZ2Decompressor),
    "xz": lambda file: _stream(file, lambda: lzma.LZMADecompressor(memlimit=1 << 28)),
    "zstd": _zstd,
}
