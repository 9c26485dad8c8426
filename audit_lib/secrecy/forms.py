"""The forms in which a value may stand in a text, and how a text is read back (SECURITY.md#forms)."""

import html
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

SHORTEST = 8  # characters, and bytes of a form: a shorter one is found by chance
WINDOW = 12  # characters of a strong value that are found wherever they stand
STRONG_BITS = 64  # a value of fewer may be found by chance in parts

_INFLATED = 16 << 20  # bytes of a stream that is no file
_SCRIPT_SAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>'"}  # of JSON within a <script>
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_TAG = re.compile(rb"<[^<>]*>")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
# Each way begins with a byte that is known: the engine then skips all others, in a third of the time.
_WRAPPED = re.compile(rb"\r\n[ \t]*|\n[ \t]*|\xad|\xc2\xad|\xe2\x80[\x8b-\x8d]|\x1b\[[0-?]*[ -/]*[@-~]")
# A shorter run is found by the base64 forms, or holds less than a window.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


def encode(text: str) -> bytes:
    """UTF-8, lone surrogates kept."""
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The text of UTF-8; where a cut left no valid text, with replacement characters."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes; no bytes twice, none under eight bytes, plain first."""
    seen: set[bytes] = set()
    for name, form in _all_forms(value):
        if len(form) >= SHORTEST and form not in seen:
            seen.add(form)
            yield name, form


def _all_forms(value: str) -> Iterator[tuple[str, bytes]]:
    plain = encode(value)
    dumped = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    escaped = html.escape(value)
    numeric = escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield "plain", plain
    for name, texts in (
        ("json", [form for text in dumped for form in (text, text.replace("/", "\\/"))]),
        ("json", [text.translate(_SCRIPT_SAFE) for text in dumped]),
        ("html", [escaped, numeric, html.escape(value, quote=False)]),
        ("quoted", [repr(value)[1:-1], repr(plain)[2:-1]]),
        ("quoted", [value.replace("$", "$$"), value.replace("$", "\\$")]),
    ):
        for text in texts:  # and as it is within a JSON text, as in logs and notebooks
            for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
                yield name, encode(form)
    for name, texts in (
        ("reversed", [value[::-1]]),
        ("url", list(_url_encoded(plain))),
        ("hex", [plain.hex(), plain.hex().upper()]),
        ("escaped bytes", [form for sign in ("\\x", "\\\\x", "%") for form in _escaped(plain, sign)]),
        ("numbers", [apart.join(map(str, plain)) for apart in (",", ", ", " ")]),
        ("numbers", [apart.join(map(hex, plain)) for apart in (", ", " ")]),
        ("spaced", [" ".join(value)]),
    ):
        yield from ((name, encode(text)) for text in texts)
    for before in range(3):  # the groups that hold bytes of the value alone, at each alignment
        groups = b64encode(plain[-before % 3 : len(plain) - (len(plain) + before) % 3])
        yield from (("base64", groups), ("base64url", groups.translate(_URL_SAFE)))
    yield from (("utf-16", value.encode(codec, "surrogatepass")) for codec in ("utf-16-le", "utf-16-be"))


def _url_encoded(plain: bytes) -> Iterator[str]:
    for text in (quote(plain, safe=""), quote(plain), quote_plus(plain)):
        yield text
        if "%" in text:
            yield from (_PERCENT.sub(lambda found: found[0].lower(), text), text.lower())


def _escaped(plain: bytes, sign: str) -> Iterator[str]:
    """Each byte as an escape of C, twice escaped as in JSON, or of a URL."""
    yield from (sign + digits.replace("-", sign) for digits in (plain.hex("-"), plain.hex("-").upper()))


def readings(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Pairs of a way of reading and what its readers see then: unescaped, unwrapped, decoded."""
    if content.lstrip()[:1] in (b"{", b"["):
        with suppress(ValueError, RecursionError):  # of another kind: it was searched as it is
            yield "JSON", encode("\n".join(_strings(json.loads(content))))
    if b"<" in content or b"&" in content:
        for text in (_TAG.sub(b"", content), content):
            yield "HTML", html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "replace")
    yield "escapes", _ESCAPE.sub(_sign, content)
    yield "URL", unquote_to_bytes(content)
    yield "CSV", content.replace(b'""', b'"')
    yield "joined lines", _WRAPPED.sub(b"", content)
    with suppress(zlib.error):  # a stream without a header by which it is known
        yield "zlib", zlib.decompressobj().decompress(content, _INFLATED)
    decoded = list(map(_decoded, _BASE64.findall(content)))
    # Files one by one, since each may be packed in its own way; short texts together.
    yield from (("base64", part) for part in decoded if len(part) > 64 or part[:2] == b"\x1f\x8b")
    yield "base64", b"\n".join(decoded)


def _sign(found: re.Match[bytes]) -> bytes:
    return encode(chr(int(found[1] or found[2], 16))) if found[1] or found[2] else found[3]


def _decoded(run: bytes) -> bytes:
    letters = run.rstrip(b"=").translate(_STANDARD)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return b64decode(letters + b"=" * (-len(letters) % 4))


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        node = list(node.values())
    if isinstance(node, list):
        # A notebook's text is a list of its lines.
        if node and all(isinstance(item, str) for item in node):
            yield "".join(node)
        for item in node:
            yield from _strings(item)
    else:
        yield node if isinstance(node, str) else repr(node)
