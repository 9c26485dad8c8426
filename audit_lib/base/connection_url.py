"""Takes a connection URL apart as two families of parsers do, and says where they would disagree."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
# As SQLAlchemy's dialects read it: the first @ ends the password, which may hold / ? and #.
_FIRST_AT = re.compile(r"([^:/@]*):([^@]*)@")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class UrlParts:
    """The decoded components of a connection URL; "" if it names none."""

    user: str
    password: str = field(repr=False)
    host: str
    database: str
    unambiguous: bool  # every parser reads the same password (docs/rules.md#rule-27)


def url_parts(value: str) -> UrlParts | None:
    """The components of a connection URL; None for any other value."""
    url = _URL.fullmatch(value.strip())
    if not url:
        return None
    rest = url[2]
    # As the standard library reads it: the last @ before the path ends the password.
    userinfo, _, address = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    user, _, password = userinfo.partition(":")
    other = _FIRST_AT.match(rest)
    agree = (other[2] if other else "") == password and not _BAD_PERCENT.search(userinfo)
    if other and not userinfo:
        user, password, rest = other[1], other[2], rest[other.end() :]
        address = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, query = re.split("[/#]", rest, maxsplit=1)[-1].partition("?") if "/" in rest else ("", "", "")
    password = password or parse_qs(query).get("password", [""])[0]
    host = re.sub(r":\d*$", "", address).strip("[]").lower()
    return UrlParts(unquote(user), unquote(password), host, unquote(path), agree)
