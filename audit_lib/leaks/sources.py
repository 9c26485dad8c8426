"""Everything that is searched: files and git's objects, each with what archives and documents in it hold."""

import io
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from html import unescape
from pathlib import Path
from typing import BinaryIO

from audit_lib.base import git
from audit_lib.base.archives import HEAD, OVERLAP, PIECE, TAIL, Budget, kind_of, unpack
from audit_lib.base.files import NotSearched, walk_files
from audit_lib.base.git import GitFailed
from audit_lib.leaks.candidates import expression

LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
_TOO_LARGE = f"has more than {LARGEST:,} bytes: only known values were searched for in all of it"
_NO_WORDS = ("pdf", "png")  # where patterns occur by chance
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/[\s\S]{0,1000}")
# Ends of a document's paragraphs and cells.
_END = re.compile(
    rb"</(?:w:p|a:p|si|is|c|row|text:p|text:h)>|<(?:w:br|w:tab|text:tab|text:line-break)\b[^<>]*>"
)
# sqlite's header, and that of compiled Python, whose second half is always a line end.
_STRINGS_IN = re.compile(rb"SQLite format 3\0|[\0-\xff]{2}\r\n[\0-\3]\0\0\0")


@dataclass(frozen=True, order=True)
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
        data = self.data[:LARGEST]
        marks = self.origin.opened != "document" and expression("document").fullmatch(self.origin.member)
        if marks or self.origin.opened in _NO_WORDS:
            return b""
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in data[:8000]:
            return data
        return b"\n".join(re.findall(rb"[\x20-\x7e\t]{6,}", data)) if _STRINGS_IN.match(data) else b""


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
        head, tail, start = b"", b"", self.start
        try:
            with self.open() as file:
                while piece := file.read(PIECE):
                    data = tail[-OVERLAP:] + piece
                    yield Content(self.origin, data, start)
                    head, tail = head or data[:HEAD], data[-max(TAIL, OVERLAP) :]
                    start += max(len(data) - OVERLAP, 0)
            kind = kind_of(head, tail[-TAIL:]) if self.origin.kind == "blob" and not self.start else ""
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
            if expression("document").fullmatch(part.path) and part.content.lstrip()[:1] == b"<":
                words = re.sub(rb"<[^<>]*>", b"", _END.sub(b"\n", part.content)).decode("utf-8", "replace")
                yield Content(replace(inner, opened="document"), unescape(words).encode("utf-8"))
        reading.left_out += [NotSearched(self.origin.name, fault) for fault in faults]

    def texts(self, reading: Reading) -> Iterator[tuple[str, bytes]]:
        """Its texts, each with the member of an archive that it is; of a large source the beginning."""
        if self.size > LARGEST:
            reading.left_out.append(NotSearched(self.origin.name, _TOO_LARGE))
        for content in self.contents(Reading(budget=reading.budget), _NO_WORDS):
            if content.start == 0 and (text := content.text):
                yield content.origin.member, text
            if self.size > LARGEST:
                return


def file_sources(root: Path, reading: Reading) -> Iterator[Source]:
    """Every file below a folder, or that file, as `walk_files` gives them."""
    for file in walk_files(root, reading.left_out):
        reading.count += 1
        yield Source(Origin(file.place, file.path), file.size_bytes, file.open)


def object_sources(root: Path, oids: list[str], reading: Reading) -> Iterator[Source]:
    """The objects of a repository that are named, a large one in windows, past those that git cannot read."""
    while oids and len(reading.faults) < _MOST_FAULTS:
        last = ""
        try:
            for found in git.read_objects(root, oids, reading.missing):
                last, origin = found.oid, Origin("git", oid=found.oid, kind=found.kind)
                reading.count += found.start == 0
                if _POINTER.fullmatch(found.content):
                    fault = "points to content that git LFS stores elsewhere"
                    reading.left_out.append(NotSearched(origin.name, fault))
                yield Source(origin, found.size, partial(io.BytesIO, found.content), found.start)
            return
        except GitFailed as failed:
            reading.faults.append(str(failed))
        # What follows the last that came is what git gave up on, or known to be missing.
        gone = set(reading.missing)
        left = [oid for oid in oids[oids.index(last) + 1 if last else 0 :] if oid not in gone]
        reading.missing += left[:1]
        oids = left[1:]
