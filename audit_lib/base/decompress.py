"""Decompresses streams in pieces of bounded size, whatever a small input would grow to."""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, Protocol

import zstandard

from audit_lib.base.files import ByteReader

PIECE = 8 << 20  # bytes handed on at a time
STREAMS = 100_000  # compressed streams that follow each other in one file
MEMORY = 1 << 28  # bytes that a decompressor may take for its window
# What a finished stream leaves of its input is copied, so that little of it may be read ahead.
_AHEAD = 16 << 10
_LZMA_HEAD = 9  # bytes of a zip's lzma member before its data: version, size of properties, properties


class PackedBytes(ByteReader):
    """A file whose bytes are counted as they are taken, so that what they grow to can be bounded."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.taken = 0

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were read into the buffer."""
        count = int(self._file.readinto(buffer) or 0)  # type: ignore[attr-defined]
        self.taken += count
        return count


class PieceReader(ByteReader):
    """Pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")

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


class _Zlib:
    """zlib's decompressor with the interface of the others: what max_length holds back comes on demand."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _streams(file: BinaryIO, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content of one or several compressed streams that follow each other.

    Raises `EOFError` if one is cut, `ValueError` for more than `STREAMS`, and what the decompressor raises.
    """
    data = file.read(_AHEAD)
    for _ in range(STREAMS):
        if not data:
            return
        data = yield from _stream(file, make(), data)
        data = (data or file.read(_AHEAD)).lstrip(b"\0")
    raise ValueError


def _stream(file: BinaryIO, inner: _Decompressor, data: bytes) -> Generator[bytes, None, bytes]:
    """The content of one stream; the generator returns what was read beyond its end."""
    while not inner.eof:
        piece = inner.decompress(data, PIECE)
        if piece:
            yield piece
        data = b""
        if not inner.eof and len(piece) < PIECE:
            data = file.read(_AHEAD)
            if not data:
                raise EOFError
    return inner.unused_data


def inflated(data: bytes) -> Iterator[bytes]:
    """The content of a stream of zlib, as PDF and PNG have; raises what `DECOMPRESSED` does."""
    return _stream(io.BytesIO(), _Zlib(15), data)


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=MEMORY >> 1).stream_reader(
        file, read_across_frames=True
    )
    while piece := reader.read(PIECE):
        yield piece


def _lzma_of_zip(file: BinaryIO) -> Iterator[bytes]:
    """An lzma member, under the header of an `.lzma` file, which alone lets its memory be bounded."""
    head = file.read(_LZMA_HEAD)
    packed = io.BytesIO(head[4:] + b"\xff" * 8)
    rest = PieceReader(iter(lambda: packed.read() or file.read(_AHEAD), b""))
    yield from _stream(rest, lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY), rest.read(_AHEAD))  # type: ignore[arg-type]


DECOMPRESSED: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "gzip": lambda file: _streams(file, lambda: _Zlib(31)),
    "bzip2": lambda file: _streams(file, bz2.BZ2Decompressor),
    "xz": lambda file: _streams(file, lambda: lzma.LZMADecompressor(memlimit=MEMORY)),
    "zstd": _zstd,
}
# By the number that a zip gives its way of packing a member.
ZIP_METHODS: dict[int, Callable[[BinaryIO], Iterator[bytes]]] = {
    0: lambda file: iter(lambda: file.read(PIECE), b""),
    8: lambda file: _stream(file, _Zlib(-15), file.read(_AHEAD)),
    12: lambda file: _stream(file, bz2.BZ2Decompressor(), file.read(_AHEAD)),
    14: _lzma_of_zip,
    93: _zstd,
}
