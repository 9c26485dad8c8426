"""Opens compressed files and archives one level deep, in pieces, within bounds of bytes, count and time."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from time import thread_time
from typing import BinaryIO, cast

import zstandard

from audit_lib.base.decompress import DECOMPRESSED, PIECE, PackedBytes, PieceReader, inflated
from audit_lib.base.tar_members import tar_members
from audit_lib.base.zip_members import ENTRIES, is_too_long, zip_members

SECONDS_A_SOURCE = 10  # of processor time, what is done with its content included (docs/bounds.md)
LARGEST_ZIP = 64 << 20  # a zip is read from its end, so it is held whole
EXPANDED = 1 << 30  # bytes taken out of one archive: more is a bomb or a dump, and is said
FAIR = 50  # logs shrink to a fiftieth at best: what grows further was made to, and has …
SURPLUS = 1 << 30  # … so many bytes in all archives of one search together
MEMBERS = 10_000
HEAD = 512  # bytes by which an archive is known

TAIL = 22 + (1 << 16)  # last bytes in which a zip's directory ends, whatever stands before the zip

_OPENED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\3\4": "zip",
    b"%PDF-": "pdf",
    b"\x89PNG\r\n\x1a\n": "png",
}
# What is known to be packed, and not how to unpack it.
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"Rar!\x1a\7": "rar archive",
    b"\x04\x22\x4d\x18": "lz4 file",
    b"\x02\x21\x4c\x18": "lz4 file",
    b"LZIP\1": "lzip file",
    b"]\0\0\x80\0": "lzma file",
    b"\x1f\x9d\x90": "file of compress",
    b"MSCF\0\0\0\0": "cabinet",
    b"# v2 git bundle\n": "git bundle",
    b"# v3 git bundle\n": "git bundle",
    b"PACK\0\0\0\2": "git pack",
    b"PAR1": "Parquet file",
}
_MAGIC = {**_OPENED, **_CLOSED}
BEGINNINGS = frozenset(magic[:2] for magic in _MAGIC)  # of any of them
_ZIP_ENTRY, _ZIP_END = b"PK\1\2", b"PK\5\6"
_STREAM, _UNREAD = re.compile(rb"(?<!end)stream\r?\n"), re.compile(rb"/(?:LZW|ASCII85|ASCIIHex|Crypt)")
_BROKEN = (
    zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, struct.error,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One file out of an archive; its pieces are read before the next member is asked for."""

    name: str  # "" for the only content of a compressed file
    encoding: str  # gzip | zip | tar | gzip tar | pdf | …
    pieces: Iterator[bytes]
    kind: str = ""  # what archive it is itself: it is not opened


@dataclass
class Expansion:
    """What all archives of one search may still grow to beyond `FAIR` times their size, in bytes."""

    left: int = SURPLUS


def archive_kind(head: bytes, tail: bytes = b"") -> str:
    """gzip, zip, tar … by a content's first 512 bytes, or a zip by its last; "" for anything else."""
    if head[257:262] == b"ustar":
        return "tar"
    known = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    directory, end, _ = tail[-TAIL:].rpartition(_ZIP_END)
    return known or ("zip" if end and _ZIP_ENTRY in directory else "")


def unpack(
    file: BinaryIO, kind: str, faults: list[str], expansion: Expansion | None = None
) -> Iterator[Member]:
    """The members of an archive of the kind named; of a PDF or a picture the texts that are packed in it.

    What cannot be read is said in `faults`, never raised.
    """
    if kind in _CLOSED.values():
        faults.append(f"is a {kind}, which cannot be opened: its content was not searched")
        return
    packed = PackedBytes(file)
    budget = _Budget(packed, expansion or Expansion())
    try:
        if kind in _WHOLE:
            yield from _of_whole(packed, kind, budget, faults)
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
        yield Member("", kind, pieces, archive_kind(first[:HEAD]))


def _of_whole(packed: PackedBytes, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    """The members of what is held whole to be read."""
    pieces = iter(lambda: packed.read(PIECE) or b"", b"")
    content = b"".join(islice(pieces, LARGEST_ZIP // PIECE + 1))
    if len(content) > LARGEST_ZIP:
        faults.append(f"the {kind} is larger than {LARGEST_ZIP:,} bytes and was not opened")
    elif kind == "zip" and is_too_long(content):
        faults.append(f"the zip lists more than {ENTRIES:,} members and was not opened")
    else:
        for number, (name, found) in enumerate(_WHOLE[kind](content)):
            if _is_beyond(number, kind, budget, faults):
                return
            if isinstance(found, str):
                faults.append(f"the {kind} has {found}")
            content_of: Iterator[bytes] = iter(()) if isinstance(found, str) else found
            yield _member(name, kind, budget.bounded(_guarded(content_of, kind, faults)))


def _pdf_streams(content: bytes) -> Iterator[tuple[str, Iterator[bytes] | str]]:
    """Each deflated stream by its number; what is packed in another way holds pictures, or is named."""
    if b"/Encrypt" in content:
        yield "", "a password"
    for number, found in enumerate(_STREAM.finditer(content), 1):
        about = content[max(content.rfind(b"obj", 0, found.start()), 0) : found.start()]
        end = content.find(b"endstream", found.end())
        if _UNREAD.search(about):
            yield f"stream {number}", "a stream packed in an unknown way"
        elif b"/FlateDecode" in about or b"/Fl " in about:
            yield f"stream {number}", inflated(content[found.end() : end if end > 0 else len(content)])


def _png_texts(content: bytes) -> Iterator[tuple[str, Iterator[bytes] | str]]:
    """Each packed text of a picture, by its keyword."""
    at = 8
    while at + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + size]
        at += 12 + size
        name, _, text = data.partition(b"\0")
        if kind == b"iTXt" and text[:1] == b"\1":
            yield name.decode("latin-1"), inflated(text[2:].split(b"\0", 2)[-1])
        elif kind == b"zTXt":
            yield name.decode("latin-1"), inflated(text[1:])


_WHOLE: dict[str, Callable[[bytes], Iterator[tuple[str, Iterator[bytes] | str]]]] = {
    "zip": zip_members,
    "pdf": _pdf_streams,
    "png": _png_texts,
}


def _tar_members(file: BinaryIO, kind: str, budget: _Budget, faults: list[str]) -> Iterator[Member]:
    for number, (name, pieces) in enumerate(tar_members(file)):
        if _is_beyond(number, kind, budget, faults):
            return
        read = _guarded(pieces, kind, faults)
        yield _member(name, kind, budget.bounded(read) if kind == "tar" else read)


def _is_beyond(number: int, kind: str, budget: _Budget, faults: list[str]) -> bool:
    """Whether a member is beyond the bounds of its archive, which `faults` says of their number."""
    if number >= MEMBERS:
        faults.append(f"the {kind} has more than {MEMBERS:,} members: the rest was not searched")
    return number >= MEMBERS or bool(budget.spent)


def _member(name: str, kind: str, pieces: Iterator[bytes]) -> Member:
    first = next(pieces, b"")
    return Member(name, kind, chain([first], pieces), archive_kind(first[:HEAD]))


def _guarded(pieces: Iterator[bytes], kind: str, faults: list[str]) -> Iterator[bytes]:
    """The pieces up to a fault: what was read before it counts."""
    try:
        yield from pieces
    except _BROKEN as error:
        faults.append(_broken(kind, error))


def _broken(kind: str, error: BaseException) -> str:
    return f"the {kind} is broken or not understood ({type(error).__name__})"
