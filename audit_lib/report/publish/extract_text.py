"""Shows an artefact as its readers see it: unescaped, unwrapped, unpacked, so that nothing hides in it."""

import csv
import html
import io
import json
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

from audit_lib.base.archives import HEAD, archive_kind, unpack
from audit_lib.base.errors import Refused

DEEPEST = 3  # an image in a page in an archive
LARGEST = 256 * 1024 * 1024  # bytes of all views of one artefact: a bomb is no report

_TAG = re.compile(rb"<[^<>]*>")
# Each way begins with a byte that is known: the engine then skips all others, in a third of the time.
_WRAPPED = re.compile(rb"\r\n[ \t]*|\n[ \t]*|\xad|\xc2\xad|\xe2\x80[\x8b-\x8d]|\x1b\[[0-?]*[ -/]*[@-~]")
# A shorter run is found by the base64 forms, or holds less than a window.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")

_ZIP = b"PK\3\4"
_TEXTS = ("", "png")  # kinds that pack texts alone, and nothing that packs further
View = tuple[str, bytes]


def views(name: str, data: bytes, searched: Collection[bytes] = ()) -> Iterator[View]:
    """Pairs of a way of reading and what is then read, the bytes themselves first, no content twice.

    `searched` has the digests of whole artefacts that were read before: a copy of one is left out, too.

    Raises:
        Refused: it cannot be searched as a whole: packed too deep, too large, or damaged.
    """
    seen = set(searched)
    total = 0
    waiting: list[tuple[str, bytes, int]] = [("bytes", data, 0)]
    while waiting:
        way, content, depth = waiting.pop(0)
        if (digest := sha256(content).digest()) in seen:
            continue
        seen.add(digest)
        total += len(content)
        if total > LARGEST:
            raise Refused(f"{name}: is too large to be searched ({way})")
        yield way, content
        if depth < DEEPEST:
            for step, inner in _inner(name, content):
                waiting.append((step if way == "bytes" else f"{way}, {step}", inner, depth + 1))
        elif (kind := _kind(content)) not in _TEXTS:
            raise Refused(f"{name}: is packed too deep to be searched ({way}, {kind})")


def _kind(content: bytes) -> str:
    return archive_kind(content[:HEAD], content)


def _inner(name: str, content: bytes) -> Iterator[View]:
    # An archive or a PDF is unpacked and no more: with its lines joined it would be damaged, and refused.
    kind = _kind(content)
    own = None if kind in _TEXTS else _pdf if kind == "pdf" else _archive
    for step, unfold in ((step, unfold) for step, unfold in _STEPS if own in (None, unfold)):
        try:
            for inner in unfold(content):
                if inner and inner != content:
                    yield step, inner
        except (ValueError, RecursionError, csv.Error):
            continue  # not of this kind
        except Refused as error:
            raise Refused(f"{name}: {error}") from None


def _json(content: bytes) -> Iterator[bytes]:
    if content.lstrip()[:1] in (b"{", b"["):
        yield "\n".join(_strings(json.loads(content))).encode("utf-8", "surrogatepass")


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _strings(key)
            yield from _strings(value)
    elif isinstance(node, list):
        # A notebook's text is a list of its lines.
        if node and all(isinstance(item, str) for item in node):
            yield "".join(node)
        for item in node:
            yield from _strings(item)
    elif isinstance(node, int | float):
        yield repr(node)


def _markup(content: bytes) -> Iterator[bytes]:
    if b"<" in content or b"&" in content:
        text = _TAG.sub(b"", content).decode("utf-8", "surrogateescape")
        yield html.unescape(text).encode("utf-8", "surrogateescape")
        attributes = html.unescape(content.decode("utf-8", "surrogateescape"))
        yield attributes.encode("utf-8", "surrogateescape")


def _unwrapped(content: bytes) -> Iterator[bytes]:
    yield _WRAPPED.sub(b"", content)


def _url(content: bytes) -> Iterator[bytes]:
    if b"%" in content:
        yield unquote_to_bytes(content)


def _cells(content: bytes) -> Iterator[bytes]:
    if b'""' in content:
        rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        yield "\n".join(cell for row in rows for cell in row).encode()


def _base64(content: bytes) -> Iterator[bytes]:
    decoded = []
    for found in _BASE64.finditer(content):
        run = found[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        run = run[: len(run) - (len(run) % 4 == 1)]
        decoded.append(b64decode(run + b"=" * (-len(run) % 4)))
    # Files one by one, since each may be packed in its own way; short texts together.
    yield from (part for part in decoded if len(part) > 64 or part[:2] == b"\x1f\x8b")
    yield b"\n".join(decoded)


def _zlib(content: bytes) -> Iterator[bytes]:
    if content[:2] in (b"x\x9c", b"x\xda", b"x\x01"):
        unpacker = zlib.decompressobj()
        try:
            plain = unpacker.decompress(content, LARGEST)
        except zlib.error:
            raise ValueError from None
        if unpacker.unconsumed_tail:
            raise Refused("what is packed in it is too large to be searched")
        yield plain


def _archive(content: bytes) -> Iterator[bytes]:
    kind = _kind(content)
    if kind and kind != "pdf":
        faults: list[str] = []
        left = LARGEST
        if kind == "zip":
            yield content[: max(content.find(_ZIP), 0)]  # what stands before it, if anything does
        for member in unpack(io.BytesIO(content), kind, faults):
            yield member.name.encode("utf-8", "surrogateescape")
            plain = bytearray()
            for piece in member.pieces:
                plain += piece
                if len(plain) > left:
                    raise Refused("an archive is too large to be searched")
            left -= len(plain)
            yield bytes(plain)
        if faults:
            raise Refused(f"an archive cannot be searched: {faults[0]}")


def _pdf(content: bytes) -> Iterator[bytes]:
    if _kind(content) == "pdf":
        yield from texts_of_pdf(content)


@lru_cache(maxsize=1)
def texts_of_pdf(content: bytes) -> tuple[bytes, bytes, bytes]:
    """A PDF's text, the same without spaces, and its streams; the last PDF's are kept, since it takes long.

    Raises:
        Refused: it is damaged.
    """
    from pypdf import PdfReader  # noqa: PLC0415  a third of the start of `verify` and `seal`
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(content))
        pages = [page.extract_text() for page in reader.pages]
        facts = [str(value) for value in (reader.metadata or {}).values()]
        numbers = {number for table in reader.xref.values() for number in table} | set(reader.xref_objStm)
        streams = [_stream(reader.get_object(number)) for number in sorted(numbers)]
    except (PyPdfError, KeyError, AttributeError, TypeError):
        raise Refused("a PDF cannot be opened, so it cannot be searched") from None
    text = "\n".join(pages + facts)
    # A renderer breaks lines where it likes, also within a value.
    joined = re.sub(r"\s", "", text)
    return text.encode("utf-8", "surrogatepass"), joined.encode("utf-8", "surrogatepass"), b"\n".join(streams)


def _stream(item: Any) -> bytes:
    return bytes(item.get_data()) if hasattr(item, "get_data") else b""


_STEPS: tuple[tuple[str, Callable[[bytes], Iterator[bytes]]], ...] = (
    ("JSON", _json),
    ("HTML", _markup),
    ("joined lines", _unwrapped),
    ("URL", _url),
    ("CSV", _cells),
    ("base64", _base64),
    ("zlib", _zlib),
    ("archive", _archive),
    ("PDF", _pdf),
)
