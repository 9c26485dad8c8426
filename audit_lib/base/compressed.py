"""Opens a log's bytes whatever they are packed in: gzip, Zstandard, bzip2, xz, UTF-16; never a bomb."""

import codecs
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import zstandard

from audit_lib.base.archives import DECOMPRESSED, Counted, PieceReader, kind_of
from audit_lib.base.files import ByteReader

# Logs shrink to a fiftieth at best; what grows further from a small file was made to fill a disk or a memory.
BOMB_RATIO = 250
BOMB_FROM = 64 << 20
_BUFFER = 1 << 18
BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Bomb(Exception):
    """A compressed log grows beyond every honest ratio."""


def is_packed(first: bytes) -> bool:
    """Whether a file that begins so must be unpacked or transcoded before its lines can be read."""
    return kind_of(first) in DECOMPRESSED or first[:2] in _UTF_16


def unpacked(file: BinaryIO) -> "io.BufferedReader[Any]":
    """The log's lines as bytes in UTF-8 or close to it, told by its first bytes, not by its name.

    Reading it can raise `Bomb`, or one of `BROKEN` if the packed stream is cut short or damaged.
    """
    counted = Counted(file)
    source: io.BufferedReader[Any] = io.BufferedReader(counted, _BUFFER)
    kind = kind_of(source.peek(6))
    if kind in DECOMPRESSED:
        pieces = _bounded(DECOMPRESSED[kind](cast(BinaryIO, source)), counted)
        source = io.BufferedReader(PieceReader(pieces), _BUFFER)
    try:
        mark = source.peek(2)[:2]
    except BROKEN:
        return source
    if mark in _UTF_16:
        source.read(2)
        pieces = _transcoded(cast(BinaryIO, source), _UTF_16[mark])
        source = io.BufferedReader(PieceReader(pieces), _BUFFER)
    return source


def _bounded(pieces: Iterator[bytes], counted: Counted) -> Iterator[bytes]:
    given = 0
    for piece in pieces:
        given += len(piece)
        if given > max(BOMB_FROM, BOMB_RATIO * counted.taken):
            raise Bomb
        yield piece


def _transcoded(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8; what is not a character becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while data := file.read(1 << 16):
        yield decoder.decode(data).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


class Stream(ByteReader):
    """The unpacked bytes of a log; they end where a packed stream is damaged: `broken` names the fault."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = unpacked(file)
        self.packed = not isinstance(self._file.raw, Counted)
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
