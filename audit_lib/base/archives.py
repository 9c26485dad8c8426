"""Opens archives, compressed files, PDFs and PNGs, within bounds of bytes, members, depth and seconds. What
cannot be opened is named: a part that was not read is a part that was not searched."""

import bz2
import codecs
import io
import lzma
import re
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import thread_time
from typing import Any, BinaryIO

import zstandard

from audit_lib.base.files import PieceReader, Unreadable

SECONDS_A_SOURCE = 10  # of processor time, what is done with its content included
EXPANDED = 1 << 30  # bytes taken out of one source: more is a bomb or a dump, and is said
FAIR = 50  # logs shrink to a fiftieth at best: what grows further was made to, and has …
SURPLUS = 1 << 30  # … so many bytes in all sources of one search together
MEMBERS = 10_000
DEPTH = 4  # archives within each other
HELD = 64 << 20  # bytes of a zip, a PDF or a PNG, which are read as a whole
PIECE = 8 << 20  # bytes that are handed on at a time, …
OVERLAP = 1 << 16  # … of which so many come twice, so that a value over the border is found
HEAD = 512  # bytes by which a content is known, and a zip behind something else …
TAIL = 22 + (1 << 16)  # … by so many last ones
BOMB_RATIO = 250  # a log that grows further from a small file was made to fill a disk or a memory
_BOMB_FROM = 64 << 20
_MEMORY = 1 << 28  # bytes that a decompressor may take for its window
_MANY = 100_000  # compressed streams that follow each other in one file, or entries of a zip's list
_EXTENDED = 8 << 10  # bytes of a tar's extended header
_IN_A_ROW = 4  # such headers
_AHEAD = 16 << 10  # bytes that are read at a time: what is left of them at a stream's end is copied
_KINDS = tomllib.loads(Path(__file__).with_name("containers.toml").read_text("utf-8"))
_MAGIC: dict[bytes, str] = {
    bytes.fromhex(magic): kind for kinds in _KINDS.values() for kind, magic in kinds.items()
}
_START = re.compile(b"|".join(map(re.escape, _MAGIC)))
_BROKEN = (
    zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, tarfile.TarError,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError, OverflowError,
)  # fmt: skip
_PDF_STREAM = re.compile(rb"<<((?:[^<>]|<(?!<)|>(?!>)|<<[^<>]*>>)*)>>\s*stream\r?\n")
# What stands before a packed text; a plain one is found in the PNG's own bytes.
_PNG_TEXT = re.compile(rb"zTXt[^\0]{0,200}\0\0|iTXt[^\0]{0,200}\0\x01\0[^\0]{0,200}\0[^\0]{0,200}\0")


def kind_of(head: bytes, tail: bytes = b"") -> str:
    """The kind of a container by a content's first bytes: gzip, bzip2, xz, zstd, zip, tar, pdf or png.

    A zip is known by its `tail`, too. What is not opened gives words, such as "7z archive", all else "".
    """
    known = _START.match(head)
    listed, end, _ = tail[-TAIL:].rpartition(b"PK\5\6")
    behind = "zip" if end and b"PK\1\2" in listed else ""
    return "tar" if head[257:262] == b"ustar" else _MAGIC[known[0]] if known else behind


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_MEMORY),
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=_MEMORY >> 1).decompressobj(),
}


def _decompress(file: BinaryIO, kind: str) -> Iterator[bytes]:
    """The content of compressed streams that follow each other, in pieces of `PIECE` or more but for the
    last; `EOFError` behind it if a stream is cut."""
    ahead, most = (256, ()) if kind == "zstd" else (_AHEAD, (PIECE,))  # zstandard unpacks all it is given
    data, held = file.read(ahead), bytearray()
    try:
        for _ in range(_MANY):
            if not data:
                return
            unpacker: Any = _DECOMPRESSORS[kind]()
            while not unpacker.eof:
                held += (piece := unpacker.decompress(data, *most))
                if len(held) >= PIECE:
                    whole, held = bytes(held), bytearray()
                    yield whole
                data = getattr(unpacker, "unconsumed_tail", b"")  # zlib gives back what the others keep
                if not unpacker.eof and not data and len(piece) < PIECE and not (data := file.read(ahead)):
                    raise EOFError
            data = (unpacker.unused_data or file.read(ahead)).lstrip(b"\0")
        raise ValueError("too many streams")
    finally:
        if held:
            yield bytes(held)


# A path within the source (members of archives apart by "!"; "" for what a file is unpacked to), content, and
# how many bytes of the same content come before it: a large one comes in several parts that overlap.
Part = tuple[str, bytes, int]


class LogStream(PieceReader):
    """A log's bytes in UTF-8, unpacked and transcoded from UTF-16 by its first bytes, whatever its name is.

    They end where a packed stream is damaged: `broken` then names the fault. Reading raises `Unreadable` for
    a log that grows to more than `BOMB_RATIO` times its size.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(self._unpacked(PieceReader(iter(lambda: file.read(_AHEAD), b""))))
        self.broken = ""

    def _unpacked(self, packed: PieceReader) -> Iterator[bytes]:
        unpacked = 0
        try:
            file = io.BufferedReader(packed, _AHEAD)
            kind = kind_of(file.peek(6))
            pieces = (
                _decompress(file, kind) if kind in _DECOMPRESSORS else iter(lambda: file.read1(_AHEAD), b"")
            )
            first = next(pieces, b"")
            pieces = chain([first], pieces)
            if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                # What is no character becomes U+FFFD.
                pieces = codecs.iterencode(codecs.iterdecode(pieces, "utf-16", "replace"), "utf-8", "replace")
            for piece in pieces:
                unpacked += len(piece)
                if unpacked > max(_BOMB_FROM, BOMB_RATIO * packed.taken):
                    reason = f"unpacks to more than {BOMB_RATIO} times its size, which no honest log does"
                    raise Unreadable("log", "refused", reason)
                yield piece
        except _BROKEN as error:
            self.broken = type(error).__name__


@dataclass
class Budget:
    """What all sources of one search may still grow to beyond `FAIR` times their size, in bytes."""

    left: int = SURPLUS


class _Spent(Exception):
    """A source has reached the bound that this names, and what is left of it is not read."""


def unpack(
    source: BinaryIO | bytes, faults: list[str], budget: Budget | None = None, kind: str = ""
) -> Iterator[Part]:
    """All content in a container, members of members too, but not its own bytes; nothing of any other source.

    `kind` is what the caller found by `kind_of`, which knows more if it is given the end, too. What is not
    read is named in `faults`, each fault once: a broken container raises nothing.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    kind = kind or (kind_of(source, source) if isinstance(source, bytes) else "")
    packed, budget = PieceReader(iter(lambda: file.read(_AHEAD), b"")), budget or Budget()
    unpacker = _Unpacker(packed, budget, faults)
    try:
        yield from unpacker.parts(iter(lambda: packed.read(_AHEAD) or b"", b""), kind=kind)
    except _Spent as bound:
        faults.append(f"{bound}: the rest was not searched")
    finally:
        budget.left -= max(0, unpacker.taken - FAIR * packed.taken)
        faults[:] = dict.fromkeys(faults)


@dataclass
class _Unpacker:
    packed: PieceReader
    budget: Budget
    faults: list[str]
    taken: int = 0
    members: int = 0
    until: float = field(default_factory=lambda: thread_time() + SECONDS_A_SOURCE)

    def parts(
        self, pieces: Iterator[bytes], path: str = "", depth: int = 0, kind: str = ""
    ) -> Iterator[Part]:
        """The parts of a content: what is in it if it is a container, else itself, but for the source's own.

        A container of a kind that is not opened is searched as it stands.
        """
        try:
            first = next(pieces, b"")
            pieces, kind = chain([first], pieces), kind or kind_of(first)
            if kind:
                yield from self._members(pieces, kind, path, depth + 1)
            carried, start = b"", 0
            for piece in pieces if depth else ():
                content = carried + piece
                yield path, content, start
                if start == 0 and len(content) < PIECE and (kind := kind_of(b"", content)):
                    yield from self._members(iter([content]), kind, path, depth + 1)
                carried = content[-OVERLAP:]
                start += len(content) - len(carried)
        except _BROKEN as error:
            what = f"a {kind} that is " if kind else ""
            self.faults.append(f"is {what}broken or not understood ({type(error).__name__})")

    def _members(self, pieces: Iterator[bytes], kind: str, path: str, depth: int) -> Iterator[Part]:
        """The parts of all members, and the bytes of a container in another one, if they are held.

        Raises what is `_BROKEN`. The pieces of what is not opened are left in the iterator.
        """
        if kind in _KINDS["other"] or depth > DEPTH:
            where = f" more than {DEPTH} deep in others" if depth > DEPTH else ""
            self.faults.append(f"is a {kind}, which is not opened{where}: its content was not searched")
            return
        if kind in _HELD_WHOLE:
            held = bytearray()
            while len(held) <= HELD and (piece := next(pieces, b"")):
                held += piece
            if depth > 1:
                yield path, bytes(held), 0
            if len(held) > HELD:
                self.faults.append(f"has a {kind} larger than {HELD:,} bytes, which was not opened")
                return
            members = _HELD_WHOLE[kind](bytes(held), self.faults)
        else:
            file = io.BufferedReader(PieceReader(pieces))
            members = _tar(file) if kind == "tar" else iter([("", _decompress(file, kind))])
        for name, content in members:
            self.members += 1
            self._require_within_bounds()
            if name:
                yield path, name.encode("utf-8", "surrogateescape"), 0
            yield from self.parts(self._bounded(content), "!".join(filter(None, (path, name))), depth)

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces up to a bound; processor time counts what is done with them, too."""
        for piece in pieces:
            yield piece
            self.taken += len(piece)
            self._require_within_bounds()

    def _require_within_bounds(self) -> None:
        bounds = {
            f"has more than {MEMBERS:,} members": self.members > MEMBERS,
            f"holds more than {EXPANDED:,} bytes": self.taken >= EXPANDED,
            f"grows to more than {FAIR} times its size": self.taken - FAIR * self.packed.taken
            > max(0, self.budget.left),
            f"takes more than {SECONDS_A_SOURCE} seconds": thread_time() > self.until,
        }
        for bound in (bound for bound, reached in bounds.items() if reached):
            raise _Spent(bound)


_Members = Iterator[tuple[str, Iterator[bytes]]]  # the name of each, "" if it has none, and its content


def _tar(file: BinaryIO) -> _Members:
    """The name and content of each member, read as a stream, and what its extended header holds.

    Raises `ValueError` for a long header, or many in a row, before tarfile reads them: Python before 3.11.10
    takes the square of the digits in one.
    """
    extended = 0

    class BoundedHeader(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "BoundedHeader":
            nonlocal extended
            made = super().frombuf(buf, encoding, errors)
            long = made.type in (b"x", b"g", b"X", b"L", b"K")
            extended = extended + 1 if long else 0
            if long and (made.size > _EXTENDED or extended > _IN_A_ROW):
                raise ValueError("a tar's extended header is too long")
            return made

    with tarfile.open(fileobj=file, mode="r|", tarinfo=BoundedHeader, errorlevel=0) as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all
            if said := "\n".join(f"{key}={value}" for key, value in member.pax_headers.items()):
                yield "", iter([said.encode("utf-8", "surrogateescape")])
            name = f"{member.name} -> {member.linkname}" if member.linkname else member.name
            content = archive.extractfile(member) if member.isfile() else None
            yield name, iter(lambda: content.read(PIECE), b"") if content else iter(())  # noqa: B023


def _zip(content: bytes, faults: list[str]) -> _Members:
    """The name and content of each member. Comments stand in the zip's own bytes."""
    if content.count(b"PK\1\2") > _MANY:
        raise ValueError("a zip lists too many members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            # Of other ways zipfile unpacks a member at once.
            if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                how = "encrypted" if entry.flag_bits & 1 else "packed in a way that is not opened"
                faults.append(f"has a member that is {how}: its content was not searched")
                yield entry.filename, iter(())
            else:
                with archive.open(entry) as member:
                    yield entry.filename, iter(lambda: member.read(PIECE), b"")


def _pdf(content: bytes, faults: list[str]) -> _Members:
    """The streams of a PDF, inflated, and the texts in each without what stands between them."""
    if b"/Encrypt" in content:
        faults.append("is an encrypted PDF: its content was not searched")
    for found in _PDF_STREAM.finditer(content):
        end = content.find(b"endstream", found.end())
        if other := re.search(
            rb"/(ASCIIHexDecode|ASCII85Decode|LZWDecode|RunLengthDecode|Crypt)\b", found[1]
        ):
            faults.append(f"is a PDF with a stream by {other[1].decode()}, which was not searched")
        elif b"FlateDecode" in found[1]:
            inflated = _inflated(content[found.end() : end if end >= 0 else len(content)], faults)
            yield "", iter([inflated])
            yield "", iter([b"".join(re.findall(rb"\(((?:[^()\\]|\\.)*)\)", inflated))])


def _png(content: bytes, faults: list[str]) -> _Members:
    for found in _PNG_TEXT.finditer(content):
        yield "", iter([_inflated(content[found.end() :], faults)])


def _inflated(packed: bytes, faults: list[str]) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(packed, HELD)
    if stream.unconsumed_tail:
        faults.append(f"has a stream larger than {HELD:,} bytes: the rest was not searched")
    return content


_HELD_WHOLE: dict[str, Callable[[bytes, list[str]], _Members]] = {"zip": _zip, "pdf": _pdf, "png": _png}
