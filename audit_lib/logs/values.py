"""What of a line enters a frame: client, method, route, subject; and what a text of no format says."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from audit_lib.logs.templates import ADDRESS
from audit_lib.logs.times import SAME_DIGITS
from audit_lib.secrecy.identities import locate
from audit_lib.secrecy.strength import could_be_a_piece, looks_generated

NOT_AN_ADDRESS = "(not an address)"
_IDENTIFIER, BEHIND = b"{id}", "a token behind "
KEPT = 1 << 17  # entries of a cache
KEPT_BYTES = 500  # bytes of a text for which a result is kept
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_EMAIL = re.compile(rb"([^@\s])[^@]*@([A-Za-z0-9-]{1,30}(?:\.[A-Za-z0-9-]{1,30}){1,3})")
_IPV4 = re.compile(r"(?a)(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}")  # in its one spelling
_WORDS, _DIGIT = re.compile(rb"[a-z_-]*"), re.compile(rb"[0-9]")
QUERY_LISTS = ("secret_parameters", "path_words", "uuid_words", "callback_parameters", "plain_parameters")
# Words, a number or the path of a file behind a parameter's name.
_NO_WORD = r"(?!=(?:(?-i:[a-z]{1,15}(?:[._-][a-z]{1,15}){,3})|\d{1,9}|[^&]*(?:/|%2F)[^&]*\.\w{2,4})(?:&|\Z))"
_CALLBACK = re.compile(rb"(?i)[?&](state|code|error)=")  # OAuth calls back with the first and one more
_BEHIND = (
    rb"(?i)/(?:[^/?&]{0,40}[-_.])?(%s)(?:[-_.][^/?&]{0,40})?"  # a segment with a word
    rb"(?:/[^/?&]{1,40})??/"  # perhaps one more
    rb"(?=[^/?0-9]{0,99}[0-9])(?![^/?;]*\.[a-z]\w{0,4}(?:[/;?]|\Z))"  # one with a digit that names no file
    rb"((?:[\w.:~=+-]|%%3D){20,512})(?=[/;?]|\Z)"
)
_UUID = re.compile(r"(?i)[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # or a document's id
_SEGMENTS = 12  # what lies deeper is an attacker's or an identifier, not a route
# Small letters for capitals; what that does to other signs changes no word of letters and spaces.
SMALL = bytes(value | 0x20 for value in range(256))
LONGEST_SHAPE = 60  # characters
Words = Mapping[str, tuple[str, ...]]  # lists of a table of log_formats.toml, where they are described
# An address behind a word.
BEHIND_WORD = rb"(?i)(?<![A-Za-z0-9])%s[ =:\[('\"<@]{0,4}?(?P<address>" + ADDRESS.replace(b"%", b"%%") + rb")"
_LETTERS, _DIGITS = re.compile(r"[A-Za-z]+"), re.compile(r"[0-9]+")
_MIXED, _OTHER = re.compile(r"(?:a0|0a)[a0]*"), re.compile(r"[^ -~]+")
_REQUESTED = re.compile(rb'"(?:[A-Z]{3,16} /|https?://|/)[^"]*"')  # what a client asked for, quoted


def remember(function: Callable[[bytes], Any], telling: Collection[bytes]) -> Callable[[bytes], Any]:
    """The function with its results kept, one for all texts that differ in digits alone.

    A text that holds one of `telling`, and one that is long, is read as it is, others with 2 for each digit.
    """
    tells = re.compile(b"|".join(map(re.escape, telling)) if telling else b"(?!)").search
    kept: dict[bytes, Any] = {}

    def read(text: bytes) -> Any:
        same = text.translate(SAME_DIGITS)
        if (found := kept.get(same)) is None:
            if len(text) > KEPT_BYTES or tells(same):
                return function(text)
            if len(kept) == KEPT:
                kept.clear()
            found = kept[same] = function(same)
        return found

    return read


@lru_cache(maxsize=KEPT)
def clean_client(raw: bytes) -> str:
    """The address in its one spelling; "" if none was logged, and NOT_AN_ADDRESS for a name in its place."""
    text = raw.decode("ascii", "replace")
    if _IPV4.fullmatch(text):
        return text
    if text in ("", "-", "None", "unix:"):
        return ""
    address, network = locate(text)
    return address if network else NOT_AN_ADDRESS


@lru_cache(maxsize=KEPT)
def clean_route(path: bytes) -> str:
    """A path as a route: query dropped, needless encoding undone, identifiers collapsed, printable."""
    route = _collapse(path)
    text = (_collapse(_ENCODED.sub(_decode, route)) if b"%" in route else route).decode("utf-8", "replace")
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)


def _collapse(path: bytes) -> bytes:
    """The path without query, scheme and host (which a client chooses), each identifier in it as `{id}`."""
    path = re.split(rb"[?#;]", path, maxsplit=1)[0]
    if not path.startswith(b"/"):
        scheme, mark, rest = path.partition(b"://")
        _, slash, below = rest.partition(b"/")
        if mark and scheme.isalpha() and slash:
            return _collapse(slash + below)
        return b"*" if path == b"*" else b"/" if mark else b""
    segments = path.split(b"/")
    kept = [_IDENTIFIER if _is_identifier(segment) else segment for segment in segments[:_SEGMENTS]]
    return b"/".join(kept if len(segments) <= _SEGMENTS else [*kept, _IDENTIFIER])


@lru_cache(maxsize=KEPT)
def _is_identifier(segment: bytes) -> bool:
    """Numbers, dates, UUIDs, hashes, tokens, addresses of people: whatever names one thing, not a kind."""
    size, has_digits = len(segment), bool(_DIGIT.search(segment))
    if size >= 40 or b"@" in segment or b"%40" in segment or (has_digits and size >= 16):
        return True
    is_number = not segment.strip(b"0123456789-_.,:+")
    is_hex = size >= 8 and not segment.strip(b"0123456789abcdefABCDEF-")
    return (has_digits and (is_number or is_hex)) or (size >= 24 and not _WORDS.fullmatch(segment))


def _decode(found: re.Match[bytes]) -> bytes:
    byte = bytes([int(found[1], 16)])
    return byte if byte.isalnum() or byte in b"-._~@" else found[0].upper()


@lru_cache(maxsize=KEPT)
def mask_email(raw: bytes) -> str:
    """First character and domain of an address; "***" for what is none (it could be a password)."""
    found = _EMAIL.fullmatch(raw.rstrip(b".,;"))
    return f"{found[1].decode('ascii', 'replace')}***@{found[2].decode().lower()}" if found else "***"


def secret_finder(query: Words) -> Callable[[bytes], str]:
    """A function that names the first secret that a URL shows; "" for none.

    It is a parameter's value, a JSON Web Token, or what was drawn and stands behind a word of the path. `*`
    before a name, in small letters, is any text but one of `plain_parameters`; `?` behind it leaves out plain
    words, numbers and paths: `key=invoice` only names a thing. No value is a switch (true, 0), or what OAuth
    passes back: a parameter of `callback_parameters` where the URL has `state` beside `code` or `error`."""
    names, path_words, uuid_words, passed, plain = (query.get(each, ()) for each in QUERY_LISTS)
    others = re.escape("|".join(plain)).replace("_", "[_-]?").replace(r"\*", "[^?&=]*").replace(r"\|", "|")
    known = "|".join(f"({re.escape(name)})" for name in names).replace(r"\?", _NO_WORD)
    known = known.replace(r"(\*", f"((?!(?:{others})=)[^?&=]*")
    switch, token = "true|false|yes|no|on|off|null|none|undefined|[01]", r"[/=](eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.)"
    named = f"(?:\\A|[?&])(?:{known})=(?!(?:{switch})?(?:&|\\Z))"
    search, shown = re.compile(f"(?i){named}|{token}".encode()).search, [*names, "a JWT"]
    behind = re.compile(_BEHIND % ("|".join(map(re.escape, path_words)).encode() or b"(?!)")).finditer
    telling = [b"%", *([b""] if _DIGIT.search("".join((*names, *path_words, *plain)).encode()) else [])]
    may_show = remember(lambda url: bool(search(url) or next(behind(url), None)), telling)
    own = re.compile(rb"(?i)(?<=[?&])(?:%s)=[^&]*" % ("|".join(passed).encode() or b"(?!)"))

    def find(url: bytes) -> str:
        url = own.sub(b"", url) if {b"state"} < {*map(bytes.lower, _CALLBACK.findall(url))} else url
        if (found := search(url)) and found.lastindex:
            return shown[found.lastindex - 1].strip("*?")
        for word, one in ((each[1].decode().lower(), each[2].decode()) for each in behind(url)):
            if word in uuid_words if _UUID.fullmatch(one) else looks_generated(one) or could_be_a_piece(one):
                return BEHIND + word
        return ""

    return lambda url: find(url) if may_show(url) else ""


def possible_client(
    text: bytes, words: Iterable[Iterable[bytes]], before: Iterable[re.Pattern[bytes]]
) -> tuple[str, str] | None:
    """The client of a possible login failure, "" if it names none, and its words; None if the text is none.
    It is one if it holds a word of each of `words`, in small letters, beside a request that is quoted."""
    small = _REQUESTED.sub(b"", text).translate(SMALL)
    if not all(told := [next(filter(small.__contains__, each), b"") for each in words]):
        return None
    found = next(filter(None, (pattern.search(text) for pattern in before)), None)
    return clean_client(found["address"]) if found else "", b" ".join(told).decode()


def shape_of(text: bytes) -> str:
    """The shape of a text: runs of letters as `a`, of digits as `0`, of both as `a0`, of others as `?`."""
    shown = text[: 4 * LONGEST_SHAPE].decode("ascii", "replace")
    shown = _DIGITS.sub("0", _LETTERS.sub("a", _OTHER.sub("?", shown)))
    return _MIXED.sub("a0", shown)[:LONGEST_SHAPE]
