"""Opens a log's bytes whatever they are packed in: gzip, Zstandard, bzip2, xz, UTF-16; never a bomb."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from typing import Any, BinaryIO, cast

import zstandard

from audit_lib.base.files import ByteReader

# Logs shrink to a fiftieth at best; what grows further from a small file was made to fill a disk or a memory.
BOMB_RATIO = 250
BOMB_FROM = 64 << 20
_BUFFER = 1 << 18
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Bomb(Exception):
    """A compressed log grows beyond every honest ratio."""


class _Counted(ByteReader):
    """A file whose bytes are counted as they are taken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.taken = file, 0

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = int(self._file.readinto(buffer) or 0)  # type: ignore[attr-defined]
        self.taken += count
        return count


class _Guarded(ByteReader):
    """Unpacked bytes, up to the ratio that is a bomb's."""

    def __init__(self, file: io.BufferedIOBase, packed: _Counted) -> None:
        self._file, self._packed, self._given = file, packed, 0
        self._fault: Exception | None = None

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._fault:
            raise self._fault
        try:
            # What is there, so that damage further on loses no line before it.
            data = self._file.read1(len(buffer))
        except BROKEN as fault:
            # A decompressor that failed may raise something else when it is asked again.
            self._fault = fault
            raise
        buffer[: len(data)] = data
        self._given += len(data)
        if self._given > max(BOMB_FROM, BOMB_RATIO * self._packed.taken):
            raise Bomb
        return len(data)


class _Transcoded(ByteReader):
    """UTF-16 as UTF-8; what is not a character becomes U+FFFD."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = b""
        self._ended = False

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._left and not self._ended:
            data = self._file.read(1 << 16)
            self._ended = not data
            self._left = self._decoder.decode(data, self._ended).encode("utf-8", "replace")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def unpacked(file: BinaryIO) -> "io.BufferedReader[Any]":
    """The log's lines as bytes in UTF-8 or close to it, told by its first bytes, not by its name.

    Reading it can raise `Bomb`, or one of `BROKEN` if the packed stream is cut short or damaged.
    """
    packed = _Counted(file)
    source: io.BufferedReader[Any] = io.BufferedReader(packed, _BUFFER)
    inner = _decompressor(source)
    if inner is not None:
        source = io.BufferedReader(_Guarded(inner, packed), _BUFFER)
    try:
        mark = source.peek(2)[:2]
    except BROKEN:
        return source
    if mark in _UTF_16:
        source.read(2)
        source = io.BufferedReader(_Transcoded(cast(BinaryIO, source), _UTF_16[mark]), _BUFFER)
    return source


class Stream(ByteReader):
    """The unpacked bytes of a log; they end where a packed stream is damaged: `broken` names the fault."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = unpacked(file)
        self.packed = not isinstance(self._file.raw, _Counted)
        self.broken = ""

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were put into the buffer; 0 at the end. `Bomb` for a bomb."""
        try:
            # No more than the reader's buffer: else what it holds is lost when what follows is damaged.
            view = memoryview(buffer)[:_BUFFER] if self.packed else buffer
            read = self._file.readinto1 if self.packed else self._file.readinto
            return 0 if self.broken else int(read(view))
        except BROKEN as error:
            self.broken = type(error).__name__
            return 0


def is_packed(first: bytes) -> bool:
    """Whether a file that begins so must be unpacked or transcoded before its lines can be read."""
    return first[:2] in (b"\x1f\x8b", b"BZ", *_UTF_16) or first[:4] in (b"\x28\xb5\x2f\xfd", b"\xfd7zX")


def _decompressor(source: "io.BufferedReader[Any]") -> io.BufferedIOBase | None:
    first = source.peek(6)
    if first.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=source, mode="rb")
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(
            io.BufferedIOBase, zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        )
    if first.startswith(b"BZh"):
        return bz2.BZ2File(source)
    if first.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(source)
    return None
