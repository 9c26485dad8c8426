"""The text within files that are not texts: office documents, databases, compiled Python."""

import io
import re
import zipfile
import zlib
from html import unescape

LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
TOO_LARGE = f"has more than {LARGEST:,} bytes: only known values were searched for in all of it"
_ENTRIES = 100_000  # of a zip's list
_ZIP = b"PK\3\4"
# What holds the words of a document: Word, Excel, PowerPoint, OpenDocument.
_PARTS = re.compile(
    r"(?:word/(?:document|comments|footnotes|endnotes|header\d*|footer\d*)"
    r"|xl/(?:sharedStrings|comments\d*|worksheets/\w+)|ppt/(?:slides|notesSlides|comments)/\w+|content)\.xml"
)
_PARAGRAPH = re.compile(
    rb"</(?:w:p|a:p|si|is|c|row|text:p|text:h)>|<(?:w:br|w:tab|text:tab|text:line-break)\b[^<>]*>"
)
_TAG = re.compile(rb"<[^<>]*>")
# sqlite's header; compiled Python's, whose second half is always a line end.
_SQLITE, _PYC = b"SQLite format 3\0", re.compile(rb"[\0-\xff]{2}\r\n[\0-\3]\0\0\0")
_RUNS = re.compile(rb"[\x20-\x7e\t]{6,}")
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError)


def is_text(content: bytes) -> bool:
    """Whether people can read a content: UTF-16 by its mark, else by having no zero byte at its beginning."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in content[:8000]


def text_of(content: bytes) -> bytes:
    """What people can read in a content; b"" for a picture, a program or anything else that is not known."""
    if content.startswith(_ZIP):
        return _document(content)
    if is_text(content):
        return content
    if content.startswith(_SQLITE) or _PYC.match(content):
        return b"\n".join(_RUNS.findall(content))
    return b""


def is_document_part(name: str) -> bool:
    """Whether a member of an archive holds the words of an office document."""
    return _PARTS.fullmatch(name) is not None


def words(part: bytes) -> bytes:
    """The text of a document's part, a line for each paragraph or cell; marks of style may cut a word."""
    text = _TAG.sub(b"", _PARAGRAPH.sub(b"\n", part)).decode("utf-8", "replace")
    return unescape(text).encode("utf-8")


def _document(content: bytes) -> bytes:
    """The words of an office document, b"" for any other zip."""
    found: list[bytes] = []
    left = LARGEST
    if content.count(b"PK\1\2") > _ENTRIES:
        return b""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if is_document_part(member.filename) and left > 0:
                    with archive.open(member) as opened:
                        part = opened.read(left)
                    left -= len(part)
                    found.append(words(part))
    except _BROKEN:
        pass  # what was read counts; that a zip is broken the search for known values says
    return b"\n".join(found)
