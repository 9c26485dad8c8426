"""Every form in which a value may be in a file: plain, escaped, encoded (docs/leak_search.md#forms)."""

import html
import json
import re
import shlex
from base64 import b32encode, b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from audit_lib.secrecy.strength import strength_bits

SHORTEST = 8  # characters; a shorter value is met by chance (docs/leak_search.md#forms)
SHORTEST_FORM = 8  # bytes; a shorter form is met by chance
WINDOW = 12  # characters; the seal's window
STRONG_BITS = 64  # a value of fewer may be met by chance in another case, or in parts

_PUBLIC_PREFIX = re.compile(r"(?:[A-Za-z]{2,8}[0-9]{0,2}[-_])*")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
# What JSON writers of web frameworks escape so that a text may stand inside a <script>.
_SCRIPT_SAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>'+="}
_TAG_SAFE = {ord(sign): _SCRIPT_SAFE[ord(sign)] for sign in "&<>"}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# Of the first characters of base64, those that share bits with 0, 1 or 2 bytes before the value.
_SHARED_AT_START = (0, 2, 3)
# And of those of base32, with 0 to 4 bytes before it.
_SHARED_IN_BASE32 = (0, 2, 4, 5, 7)


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes; no bytes twice, none under eight bytes, plain first."""
    seen: set[bytes] = set()
    for name, form in _all_forms(value):
        if len(form) >= SHORTEST_FORM and form not in seen:
            seen.add(form)
            yield name, form


def windows(value: str, size: int = WINDOW) -> Iterator[bytes]:
    """Every run of `size` characters of a value, as UTF-8, none twice; nothing for a shorter value."""
    runs = (value[start : start + size] for start in range(len(value) - size + 1))
    yield from dict.fromkeys(run.encode("utf-8", "surrogatepass") for run in runs)


def wrapped_pieces(value: str) -> Iterator[bytes]:
    """Parts of the base64 forms, of which at least one is whole where lines of 60 or more were wrapped.

    A hint only: whoever meets one joins the lines and searches for the forms themselves.
    """
    for name, form in forms(value):
        if name not in ("base64", "base64url"):
            continue
        size = min(16, len(form) // 2)
        for start in range(0, len(form) - size + 1, size):
            yield form[start : start + size]
        yield form[-size:]


def shortened(value: str) -> Iterator[bytes]:
    """The first and the last ten characters of a value (fourteen if it is hexadecimal), plain.

    A prefix that the provider gives every key is taken along and not counted. Nothing comes back for a
    value of under twice that length, a URL, or a JSON Web Token, whose beginning says what many share.
    """
    body = value[len(_PUBLIC_PREFIX.match(value)[0]) :]  # type: ignore[index]
    size = 14 if re.fullmatch(r"[0-9a-fA-F]+", body) else 10
    if len(body) < 2 * size or value.startswith("eyJ") or "://" in value:
        return
    for part, end in ((body[:size], value[: len(value) - len(body) + size]), (body[-size:], body[-size:])):
        if re.fullmatch(r"[A-Za-z0-9_+/=-]+", part) and len(set(part)) > size // 2:
            yield end.encode()


def _all_forms(value: str) -> Iterator[tuple[str, bytes]]:
    plain = value.encode("utf-8", "surrogatepass")
    yield "plain", plain
    for name, texts in (
        ("url", _url_encoded(plain)),
        ("json", _in_json(_json_escaped(value))),
        ("html", _in_json(_html_escaped(value))),
        ("quoted", _in_json(_quoted(value))),
        ("hex", _hexadecimal(plain)),
    ):
        yield from ((name, text.encode("utf-8", "surrogatepass")) for text in texts)
    yield from _base64("base64", plain)
    for once in dict.fromkeys(text for _, text in _base64("base64", plain)):
        yield from (("base64 twice", twice) for _, twice in _base64("base64", once))
    for text in _base32(plain):
        yield "base32", text.encode()
    for codec in ("utf-16-le", "utf-16-be"):
        wide = value.encode(codec, "surrogatepass")
        yield "utf-16", wide
        yield from _base64("utf-16 base64", wide)
        yield from (("utf-16 hex", text.encode()) for text in _hexadecimal(wide))
    for text in (value.lower(), value.upper()):
        # In small letters a name or a word would be met by chance.
        if text != value and strength_bits(text) >= STRONG_BITS:
            yield "other case", text.encode("utf-8", "surrogatepass")


def _url_encoded(plain: bytes) -> Iterator[str]:
    for text in (quote(plain, safe=""), quote(plain, safe="/"), quote_plus(plain)):
        yield text
        yield _PERCENT.sub(lambda found: found[0].lower(), text)


def _json_escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield text.replace("/", "\\/")
        yield text.translate(_SCRIPT_SAFE)
        yield text.translate(_TAG_SAFE)


def _in_json(texts: Iterable[str]) -> Iterator[str]:
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
    """The inside of a Python or JavaScript literal in single quotes, a shell word, a doubled dollar."""
    yield value.replace("\\", "\\\\").replace("'", "\\'")
    yield repr(value)[1:-1]
    yield shlex.quote(value).removeprefix("'").removesuffix("'")
    yield value.replace("$", "\\$")
    yield value.replace("$", "$$")


def _hexadecimal(plain: bytes) -> tuple[str, str]:
    return plain.hex(), plain.hex().upper()


def _base64(name: str, plain: bytes) -> Iterator[tuple[str, bytes]]:
    """Both alphabets at the three alignments, without the characters that share bits with a neighbour."""
    for before, shared in enumerate(_SHARED_AT_START):
        padded = bytes(before) + plain
        # A last group of one or two bytes ends in a character whose low bits are the next byte's.
        end = len(padded) * 8 // 6
        text = b64encode(padded)[shared:end]
        yield name, text
        yield name.replace("base64", "base64url"), text.translate(_URL_SAFE)


def _base32(plain: bytes) -> Iterator[str]:
    """In capital and small letters at the five alignments, without what shares bits with a neighbour."""
    for before, shared in enumerate(_SHARED_IN_BASE32):
        padded = bytes(before) + plain
        text = b32encode(padded).decode("ascii")[shared : len(padded) * 8 // 5]
        yield text
        yield text.lower()
