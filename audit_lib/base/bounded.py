"""Reads what a stranger's settings may hold: TOML, globs, regular expressions, connection URLs."""

import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import regex

from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source

MAX_BYTES = 1_000_000  # of a TOML file
KEY_PARTS = 16  # of a dotted key or a table's name: the parser takes the square of their number
SECONDS = 5.0  # a sound expression takes microseconds on a value
SLOW = f"does not finish within {SECONDS:.0f} seconds: do not nest repetitions"
_PART = r"(?:[\w-]++|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+')"
_GO = re.compile(r"(?s)([^:/@\s]*)(?::(.*))?@\w+\(([^()]*)\)/([^/?]*)(?:\?.*)?")  # u:p@tcp(host:3306)/db
_PAIR = r"\s*+(\w++)\s*+=\s*+(?:'((?:[^'\\]|\\[\s\S])*+)'|((?!')(?:[^\s\\]|\\[\s\S])*+))"  # host=db user='…'
_PAIRS = re.compile(rf"(?:{_PAIR})++\s*+")
_LONG_KEY = re.compile(rf"(?m)(?:^|[{{,\[])[ \t]*+{_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{KEY_PARTS}}}")


def read_text_file(path: Path, place: str) -> bytes:
    """The bytes of a small regular file; `BadInput` if it is missing, a link, unreadable or too large."""
    try:
        return read_source(path.parent, path.name, MAX_BYTES).content
    except Unreadable as fault:
        raise BadInput.at(place, fault.reason) from None


def parse_toml(content: bytes, place: str) -> dict[str, Any]:
    """The tables of a TOML text; `BadInput` if it is not UTF-8, not TOML or too deep, with its line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput.at(place, "is not UTF-8") from None
    if long := _LONG_KEY.search(text):
        line = text.count("\n", 0, long.start() + 1) + 1
        raise BadInput.at(place, f"is not TOML of keys of at most {KEY_PARTS} parts (line {line})")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        # The parser's message may quote what it read, so only its place is passed on.
        found = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise BadInput.at(place, f"is not TOML{f' at {found[1]}' if found else ''}") from None


def shown_name(name: str, pattern: str = r"[\w.-]{1,80}") -> str:
    """A name as a fault may show it: what is not a name could be a value, or several lines."""
    return name if re.fullmatch(pattern, name) else "(unprintable name)"


def matches_glob(text: str, globs: Iterable[str]) -> bool:
    """Whether a text is one of the globs in any case, of which only `*` is special; `***` alone is a value
    that someone masked, not any text."""
    return _any_of(tuple(globs)).match(text.lower()) is not None


@lru_cache(maxsize=1 << 10)
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    literal = [re.sub(r"[\[?]" if glob.strip("*") else r"\*", r"[\g<0>]", glob.lower()) for glob in globs]
    return re.compile("|".join(map(translate, literal)) or r"(?!)")


def is_expression(pattern: str) -> bool:
    """Whether a text is a regular expression; a flag is written (?i:…), since one for all has no place."""
    with suppress(re.error, OverflowError, RecursionError):
        return bool(re.compile(pattern))
    return False


def matches_whole(pattern: str, text: str) -> bool:
    """Whether a text as a whole is what the expression says.

    Raises `TimeoutError` after `SECONDS`: nested repetition does not come to an end on some texts.
    """
    return regex.fullmatch(pattern, text, timeout=SECONDS) is not None


@dataclass(frozen=True)
class UrlParts:
    """The decoded components of a connection URL; "" if it names none."""

    user: str
    password: str = field(repr=False)
    host: str
    database: str
    unambiguous: bool  # every parser reads the same password (docs/rules.md#rule-27)


def url_parts(value: str) -> UrlParts | None:
    """The components of a connection URL or string, decoded; None for any other (docs/rules.md#rule-27).

    Where parsers differ the password is the standard library's, or SQLAlchemy's if that finds none; then the
    parts are not `unambiguous`."""
    url = re.fullmatch(r"(?s)([A-Za-z][A-Za-z0-9+.-]*)://(.*)", value.strip())
    if not url:
        return _parts_without_scheme(value.strip())
    rest = url[2]
    # As the standard library reads it: the last @ before the path ends the password.
    userinfo, _, address = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    user, _, password = userinfo.partition(":")
    # As SQLAlchemy's dialects read it: the first @ behind a user ends a password, which may hold / ? and #.
    other = re.match(r"([^:/@]*):([^@]*)@", rest.replace("@", "%40", user.count("@")))
    agree = not re.search(r"%(?![0-9A-Fa-f]{2})", userinfo) and password == (other[2] if other else "")
    if other and not userinfo:
        user, password, rest = other[1], other[2], rest[other.end() :]
        address = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, query = re.split("[/#]", rest, maxsplit=1)[-1].partition("?") if "/" in rest else ("", "", "")
    password = password or parse_qs(query).get("password", [""])[0]
    host = re.sub(r":\d*$", "", address).strip("[]").lower()
    return UrlParts(unquote(user), unquote(password), host, unquote(path), agree)


def _parts_without_scheme(text: str) -> UrlParts | None:
    """Those of a connection string of libpq or of Go's driver for MySQL, whose last @ before an address ends
    the password: nothing is percent-encoded there."""
    go, held = _GO.fullmatch(text), re.findall(_PAIR, text) if _PAIRS.fullmatch(text) else []
    pairs = {name: re.sub(r"(?s)\\(.)", r"\1", quoted or bare) for name, quoted, bare in held}
    named = (pairs.get(name, "") for name in ("user", "password", "host", "dbname"))
    user, password, address, database = go.groups("") if go else named
    host = re.sub(r":\d*$", "", address.partition("/")[0]).strip("[]").lower()  # a socket has a path
    return UrlParts(user, password, host, database, unambiguous=True) if go or "host" in pairs else None
