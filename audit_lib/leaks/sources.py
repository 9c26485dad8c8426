"""Everything that is searched: files and git's objects, each with what archives and documents in it hold."""

import io
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from html import unescape
from pathlib import Path
from typing import BinaryIO, cast

from audit_lib.base.archives import HEAD, OVERLAP, PIECE, TAIL, Budget, kind_of, unpack
from audit_lib.base.files import NotSearched, TreeFile, walk_files
from audit_lib.leaks.history import read_objects

LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
TOO_LARGE = f"has more than {LARGEST:,} bytes: only known values were searched for in all of it"
_IN_LFS = "points to content that git LFS stores elsewhere"
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
# sqlite's header; compiled Python's, whose second half is always a line end.
_SQLITE, _PYC = b"SQLite format 3\0", re.compile(rb"[\0-\xff]{2}\r\n[\0-\3]\0\0\0")
_RUNS = re.compile(rb"[\x20-\x7e\t]{6,}")
NO_WORDS = ("pdf", "png")  # where shapes are met by chance


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
        if self.origin.opened in NO_WORDS or (_PARTS.fullmatch(self.origin.member) and not self.is_document):
            return b""
        if is_text(self.data):
            return self.data[:LARGEST]
        if self.data.startswith(_SQLITE) or _PYC.match(self.data):
            return b"\n".join(_RUNS.findall(self.data[:LARGEST]))
        return b""

    @property
    def is_document(self) -> bool:
        """Whether it is what people read of an office document, without its marks."""
        return self.origin.opened == "document"


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
        try:
            head = tail = b""
            for content in _pieces(self.origin, self.open(), self.start):
                head, tail = head or content.data, content.data[-TAIL:]
                yield content
            if (
                self.origin.kind == "blob"
                and not self.start
                and (kind := kind_of(head[:HEAD], tail)) not in ("", *closed)
            ):
                yield from self._members(kind, head, reading)
        except OSError as error:
            reading.left_out.append(NotSearched(self.origin.name, f"cannot be read ({type(error).__name__})"))

    def _members(self, kind: str, head: bytes, reading: Reading) -> Iterator[Content]:
        faults: list[str] = []
        source = head if self.size <= len(head) else self.open()
        for part in unpack(source, faults, reading.budget, kind):
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
        with _Opened(file) as opened:
            yield Source(Origin(file.place, file.path), file.size_bytes, opened.from_start)


def object_sources(root: Path, oids: list[str], reading: Reading) -> Iterator[Source]:
    """The objects of a repository that are named; of what git cannot read `reading` says so."""
    for one in read_objects(root, oids, reading.missing, reading.faults):
        reading.count += one.start == 0
        if one.content.startswith(_POINTER) and one.size < _LONGEST_POINTER:
            reading.left_out.append(NotSearched(f"git object {one.oid}", _IN_LFS))
        origin = Origin("git", oid=one.oid, kind=one.kind)
        yield Source(origin, one.size, partial(io.BytesIO, one.content), one.start)


class _Opened:
    """A file that is opened when it is first read, and closed at the end."""

    def __init__(self, file: TreeFile) -> None:
        self._file, self._handle = file, cast(BinaryIO, None)

    def from_start(self) -> BinaryIO:
        """The file, from its first byte. Raises `OSError`."""
        if self._handle is None:
            self._handle = self._file.open()
        self._handle.seek(0)
        return self._handle

    def __enter__(self) -> "_Opened":
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.close()


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
