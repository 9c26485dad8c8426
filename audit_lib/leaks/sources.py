"""Everything that is searched: files and git's objects, each with what archives and documents in it hold."""

import io
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from html import unescape
from pathlib import Path
from typing import BinaryIO

from audit_lib.base.archives import HEAD, OVERLAP, PIECE, TAIL, Budget, kind_of, unpack
from audit_lib.base.files import NotSearched, walk_files
from audit_lib.leaks.history import read_objects

LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
TOO_LARGE = f"has more than {LARGEST:,} bytes: only known values were searched for in all of it"
_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024
# What holds the words of a document: Word, Excel, PowerPoint, OpenDocument.
_PARTS = re.compile(
    r"(?:.*!)?(?:word/(?:document|comments|footnotes|endnotes|header\d*|footer\d*)"
    r"|xl/(?:sharedStrings|comments\d*|worksheets/\w+)|ppt/(?:slides|notesSlides|comments)/\w+|content)\.xml"
)
_PARAGRAPH = re.compile(
    rb"</(?:w:p|a:p|si|is|c|row|text:p|text:h)>|<(?:w:br|w:tab|text:tab|text:line-break)\b[^<>]*>"
)
_TAG = re.compile(rb"<[^<>]*>")
# sqlite's header, and that of compiled Python, whose second half is always a line end.
_STRINGS_IN = re.compile(rb"SQLite format 3\0|[\0-\xff]{2}\r\n[\0-\3]\0\0\0")
_STRING = re.compile(rb"[\x20-\x7e\t]{6,}")
NO_WORDS = ("pdf", "png")  # where patterns occur by chance


@dataclass(frozen=True)
class Origin:
    """Where a content is: a file or an object of git, and the member of an archive within it."""

    place: str  # of a file as LeakPlaces names it; "git" for an object
    path: str = ""
    oid: str = ""
    kind: str = "blob"
    member: str = ""
    opened: str = ""  # what was opened to read it: zip, gzip, document

    @property
    def name(self) -> str:
        """What coverage calls it."""
        return self.path or f"git object {self.oid}"


@dataclass(frozen=True)
class Content:
    """Some bytes and where they are. A large content comes in several that overlap."""

    origin: Origin
    data: bytes
    start: int = 0  # bytes of the same content before these

    @property
    def text(self) -> bytes:
        """What people can read of it; b"" for a picture, a program or anything else that is not known."""
        opened = self.origin.opened
        if opened in NO_WORDS or (opened != "document" and _PARTS.fullmatch(self.origin.member)):
            return b""
        if is_text(self.data):
            return self.data[:LARGEST]
        return b"\n".join(_STRING.findall(self.data[:LARGEST])) if _STRINGS_IN.match(self.data) else b""


@dataclass
class Reading:
    """How a search went: what was left out, what git did not give, and what archives may still grow to."""

    left_out: list[NotSearched] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # objects
    faults: list[str] = field(default_factory=list)  # of git
    budget: Budget = field(default_factory=Budget)
    count: int = 0  # sources


@dataclass(frozen=True)
class Source:
    """A file or an object, to be read before the next one is taken."""

    origin: Origin
    size: int
    open: Callable[[], BinaryIO]
    start: int = 0  # bytes before what is read: a large object comes in windows

    def contents(self, reading: Reading, closed: Collection[str] = ()) -> Iterator[Content]:
        """Its own bytes, then what it holds if it is an archive or a document, but for the kinds `closed`."""
        head = tail = b""
        try:
            with self.open() as file:
                for content in _pieces(self.origin, file, self.start):
                    head, tail = head or content.data[:HEAD], content.data[-TAIL:]
                    yield content
            kind = kind_of(head, tail) if self.origin.kind == "blob" and not self.start else ""
            if kind and kind not in closed:
                with self.open() as file:
                    yield from self._members(kind, file, reading)
        except OSError as error:
            reading.left_out.append(NotSearched(self.origin.name, f"cannot be read ({type(error).__name__})"))

    def _members(self, kind: str, file: BinaryIO, reading: Reading) -> Iterator[Content]:
        faults: list[str] = []
        for part in unpack(file, faults, reading.budget, kind):
            inner = replace(self.origin, member=part.path, opened=kind)
            yield Content(inner, part.content, part.start)
            if _PARTS.fullmatch(part.path) and part.content.lstrip()[:1] == b"<":
                yield Content(replace(inner, opened="document"), _words(part.content))
        reading.left_out += [NotSearched(self.origin.name, fault) for fault in faults]


def is_text(content: bytes) -> bool:
    """Whether people can read a content: UTF-16 by its mark, else by having no zero byte at its beginning."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in content[:8000]


def file_sources(root: Path, reading: Reading) -> Iterator[Source]:
    """Every file below a folder, or that file, as `walk_files` gives them."""
    for file in walk_files(root, reading.left_out):
        reading.count += 1
        yield Source(Origin(file.place, file.path), file.size_bytes, file.open)


def object_sources(root: Path, oids: list[str], reading: Reading) -> Iterator[Source]:
    """The objects of a repository that are named; of what git cannot read `reading` says so."""
    for found in read_objects(root, oids, reading.missing, reading.faults):
        reading.count += found.start == 0
        if found.content.startswith(_POINTER) and found.size < _LONGEST_POINTER:
            fault = "points to content that git LFS stores elsewhere"
            reading.left_out.append(NotSearched(f"git object {found.oid}", fault))
        origin = Origin("git", oid=found.oid, kind=found.kind)
        yield Source(origin, found.size, partial(io.BytesIO, found.content), found.start)


def _pieces(origin: Origin, file: BinaryIO, start: int) -> Iterator[Content]:
    carried = b""
    while piece := file.read(PIECE):
        data = carried + piece
        yield Content(origin, data, start)
        carried = data[-OVERLAP:]
        start += len(data) - len(carried)
        if len(piece) < PIECE:
            return


def _words(part: bytes) -> bytes:
    """The text of a document's part, a line for each paragraph or cell; marks of style may cut a word."""
    text = _TAG.sub(b"", _PARAGRAPH.sub(b"\n", part)).decode("utf-8", "replace")
    return unescape(text).encode("utf-8")
