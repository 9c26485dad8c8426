"""The forms in which a value may stand in a text: plain, escaped, encoded (SECURITY.md#forms)."""

import html
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8  # characters, and bytes of a form: a shorter one is met by chance
WINDOW = 12  # characters of a strong value that are found wherever they stand
STRONG_BITS = 64  # a value of fewer may be met by chance in parts

_PERCENT = re.compile(r"%[0-9A-F]{2}")
# What JSON writers of web frameworks escape so that a text may stand inside a <script>.
_SCRIPT_SAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>'+="}
_TAG_SAFE = {ord(sign): _SCRIPT_SAFE[ord(sign)] for sign in "&<>"}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes; no bytes twice, none under eight bytes, plain first."""
    seen: set[bytes] = set()
    for name, form in _all_forms(value):
        if len(form) >= SHORTEST and form not in seen:
            seen.add(form)
            yield name, form


def _all_forms(value: str) -> Iterator[tuple[str, bytes]]:
    plain = value.encode("utf-8", "surrogatepass")
    yield "plain", plain
    yield "reversed", value[::-1].encode("utf-8", "surrogatepass")
    for name, texts in (
        ("url", _url_encoded(plain)),
        ("json", _within_json(_json_escaped(value))),
        ("html", _within_json(_html_escaped(value))),
        ("quoted", _within_json(_quoted(value))),
        ("hex", (plain.hex(), plain.hex().upper())),
        ("escaped bytes", _escaped_bytes(plain)),
        ("numbers", (sep.join(map(str, plain)) for sep in (",", ", ", " "))),
        ("numbers", (", ".join(map(hex, plain)), " ".join(map(hex, plain)))),
        ("spaced", (" ".join(value),)),
    ):
        yield from ((name, text.encode("utf-8", "surrogatepass")) for text in texts)
    yield from _base64(plain)
    for codec in ("utf-16-le", "utf-16-be"):
        yield "utf-16", value.encode(codec, "surrogatepass")


def _url_encoded(plain: bytes) -> Iterator[str]:
    for text in (quote(plain, safe=""), quote(plain, safe="/"), quote_plus(plain)):
        yield text
        yield _PERCENT.sub(lambda found: found[0].lower(), text)
        if "%" in text:
            yield text.lower()


def _json_escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield text.replace("/", "\\/")
        yield text.translate(_SCRIPT_SAFE)
        yield text.translate(_TAG_SAFE)


def _within_json(texts: Iterable[str]) -> Iterator[str]:
    """Each text, and as it is within a JSON text, as in logs and notebooks."""
    for text in dict.fromkeys(texts):
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]


def _html_escaped(value: str) -> Iterator[str]:
    full = html.escape(value)
    yield full
    yield full.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield full.replace("&#x27;", "&apos;")
    yield html.escape(value, quote=False)


def _quoted(value: str) -> Iterator[str]:
    """The inside of a Python or JavaScript literal, a shell word, a doubled dollar."""
    yield value.replace("\\", "\\\\").replace("'", "\\'")
    yield repr(value)[1:-1]
    yield repr(value.encode("utf-8", "surrogatepass"))[2:-1]
    yield shlex.quote(value).removeprefix("'").removesuffix("'")
    yield value.replace("$", "\\$")
    yield value.replace("$", "$$")


def _escaped_bytes(plain: bytes) -> Iterator[str]:
    """Each byte as an escape of C, twice escaped as in JSON, or of a URL."""
    for before in ("\\x", "\\\\x", "%"):
        text = before + plain.hex("-").replace("-", before)
        yield text
        yield before + plain.hex("-").upper().replace("-", before)


def _base64(plain: bytes) -> Iterator[tuple[str, bytes]]:
    """Both alphabets at the three alignments: the groups that hold bytes of the value alone."""
    for before in range(3):
        text = b64encode(plain[-before % 3 : len(plain) - (len(plain) + before) % 3])
        yield "base64", text
        yield "base64url", text.translate(_URL_SAFE)
