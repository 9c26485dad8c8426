"""What a line's fields become in a frame: instant, client, route, subject. No other text of it does."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs.units import DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_ISO = re.compile(rb"(\d{4}).(\d\d).(\d\d)(?:[T ]| - )(\d\d| \d):(\d\d):(\d\d)(?:[.,](\d+))?(.*)")
_CLF = re.compile(rb"(\d\d?)[/ -](...)[/ -](\d{4})[: ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(.*)")
_ZONED = re.compile(rb"(?:Z| UTC| ?[+-]\d\d:?\d\d)\Z")
_TAI64N = re.compile(rb"@4([0-9a-f]{15})([0-9a-f]{8})")
_SINCE_1970 = re.compile(rb"(\d{9,10})\.(\d{3})")
# As Americans write it, and nobody else with these capitals: the month stands first.
_AMERICAN = re.compile(rb"(\d\d?)/(\d\d?)/(\d{4}), (\d\d?):(\d\d):(\d\d)(?: |\xc2\xa0|\xe2\x80\xaf)([AP])M")
_ASCTIME = re.compile(rb"... (...) ([ \d]?\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))? (\d{4})")
_DATED = re.compile(rb"(...) ([ \d]?\d) (\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_EMAIL = re.compile(rb"([^@\s])[^@]*@([A-Za-z0-9-]{1,30}(?:\.[A-Za-z0-9-]{1,30}){1,3})")
_WORDS = re.compile(rb"[a-z_-]*")
# Printable ASCII but for the marks of queries and encoding: it stands for itself.
_PLAIN = re.compile(rb"/[!\"$&-:<->@-~]*")
NOT_AN_ADDRESS = "(not an address)"
IDENTIFIER = b"{id}"
_SEGMENTS = 12  # what lies deeper is an attacker's or an identifier, not a route


def parse_time(raw: bytes, zone: ZoneInfo) -> int | None:
    """Microseconds since 1970 in UTC; None where no calendar has such a time.

    A time without a zone is one of `zone`: the first of two where the clocks went back.
    """
    if (counted := _counted_seconds(raw)) is not None:
        return counted
    if american := _AMERICAN.fullmatch(raw):
        raw = _by_the_day(american)
    if raw[:1].isdigit() and (raw[2:3] in b"/- " or raw[1:2] in b"/- "):
        found = _CLF.match(raw)
        order = (3, 2, 1, 4, 5, 6, 7, 8)
    elif raw[:1].isdigit():
        found = _ISO.match(raw)
        order = (1, 2, 3, 4, 5, 6, 7, 8)
    elif found := _DATED.match(raw):
        order = (3, 1, 2, 4, 5, 6, 7, 0)
    else:
        found = _ASCTIME.match(raw)
        order = (7, 1, 2, 3, 4, 5, 6, 0)
    if not found:
        return None
    year, month, day, hour, minute, second, part = (found[group] for group in order[:7])
    offset = _offset(found[8]) if order[7] else None
    number = _MONTHS.get(month) if month.isalpha() else int(month)
    if not number or not 1970 < int(year) < 2200:
        return None
    fraction = int((part or b"").ljust(6, b"0")[:6])
    try:
        wall = datetime(int(year), number, int(day), int(hour), int(minute), int(second), fraction)  # noqa: DTZ001
    except ValueError:
        return None
    instant = wall.replace(tzinfo=zone) if offset is None else wall.replace(tzinfo=UTC) - offset
    return (instant.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _by_the_day(found: re.Match[bytes]) -> bytes:
    """A time of the American form as one that begins with its year, with an hour of twenty-four."""
    hour = int(found[4]) % 12 + 12 * (found[7] == b"P") if 1 <= int(found[4]) <= 12 else 99
    return b"%s-%02d-%02d %02d:%s:%s" % (found[3], int(found[1]), int(found[2]), hour, found[5], found[6])


def _counted_seconds(raw: bytes) -> int | None:
    """A time that is a number of seconds: TAI64N as multilog counts it, 10 s ahead of UTC, or since 1970."""
    if found := _TAI64N.fullmatch(raw):
        return (int(found[1], 16) - 10) * 1_000_000 + int(found[2], 16) // 1_000
    if found := _SINCE_1970.fullmatch(raw):
        return int(found[1]) * 1_000_000 + int(found[2]) * 1_000
    return None


def lacks_zone(raw: bytes) -> bool:
    """Whether a time names no zone of its own, so that its instant rests on what was declared."""
    return not _ZONED.search(raw) and _counted_seconds(raw) is None


def latest_and_year(zone: ZoneInfo, written: int) -> tuple[int, int]:
    """Until when times of a file may be that was last written at `written`, and the year of that."""
    latest = written + DAY  # clocks of two machines may differ
    return latest, (_EPOCH + timedelta(microseconds=latest)).astimezone(zone).year


def time_of_last_year(raw: bytes, zone: ZoneInfo, written: int) -> int | None:
    """The instant of a time without a year, Nov 24 13:50:34, in a file that was last written at `written`.

    The latest year in which it is not over a day later than that; None if neither that year nor the one
    before has such a time.
    """
    latest, year = latest_and_year(zone, written)
    for candidate in (year, year - 1):
        at = parse_time(b"Mon " + raw + b" %d" % candidate, zone)
        if at is not None and at <= latest:
            return at
    return None


def _offset(text: bytes) -> timedelta | None:
    text = text.strip()
    if not text:
        return None
    if text in (b"Z", b"UTC"):
        return timedelta()
    digits = text[1:].replace(b":", b"")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if text[:1] == b"-" else offset


@lru_cache(maxsize=1 << 14)
def clean_client(raw: bytes) -> str:
    """The address in its one spelling; "" if none was logged, and NOT_AN_ADDRESS for a name in its place."""
    text = raw.decode("ascii", "replace")
    if text in ("", "-", "None", "unix:"):
        return ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return NOT_AN_ADDRESS
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def strip_port(raw: bytes, always: bool) -> bytes:
    """The address without port and brackets. `always`: a port follows the last colon, as uvicorn writes.

    It does so, too, where an address of four numbers stands before it: ::ffff:203.0.113.7:443.
    """
    if raw.startswith(b"[") and b"]" in raw:
        return raw[1 : raw.rindex(b"]")]
    host, colon, port = raw.rpartition(b":")
    if colon and port.isdigit() and (always or b":" not in host or b"." in host.rpartition(b":")[2]):
        return host
    return raw


def clean_method(raw: bytes) -> str:
    """The method in capitals; "" for what is none."""
    return raw.decode("ascii").upper() if len(raw) <= 16 and raw.isalpha() and raw.isascii() else ""


def collapse(path: bytes) -> bytes:
    """The path without query, each identifier in it as `{id}`; the kernel follows the same rule.

    An absolute form (http://host/path) loses scheme and host, since the host is the client's text.
    """
    end = min((at for at in (path.find(mark) for mark in b"?#;") if at >= 0), default=len(path))
    path = path[:end]
    if not path.startswith(b"/"):
        return b"*" if path == b"*" else _after_host(path)
    segments = path.split(b"/")
    kept = [IDENTIFIER if _is_identifier(segment) else segment for segment in segments[:_SEGMENTS]]
    return b"/".join(kept if len(segments) <= _SEGMENTS else [*kept, IDENTIFIER])


def _after_host(path: bytes) -> bytes:
    scheme, mark, rest = path.partition(b"://")
    slash = rest.find(b"/")
    return collapse(rest[slash:]) if mark and scheme.isalpha() and slash >= 0 else b"" if not mark else b"/"


def _is_identifier(segment: bytes) -> bool:
    """Numbers, dates, UUIDs, hashes, tokens, addresses of people: whatever names one thing, not a kind."""
    size = len(segment)
    digits = sum(48 <= byte <= 57 for byte in segment)
    if size >= 40 or b"@" in segment or b"%40" in segment:
        return True
    if digits and not segment.strip(b"0123456789-_.,:+"):
        return True
    if digits and size >= 8 and not segment.strip(b"0123456789abcdefABCDEF-"):
        return True
    return (size >= 16 and digits > 0) or (size >= 24 and not _WORDS.fullmatch(segment))


@lru_cache(maxsize=1 << 14)
def clean_route(path: bytes) -> str:
    """A path as a route: query dropped, needless encoding undone, identifiers collapsed, printable."""
    decoded = _ENCODED.sub(_decode, collapse(path))
    text = collapse(decoded).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def name_route(collapsed: bytes) -> str:
    """What `clean_route` gives for a path that is collapsed already, sooner: of millions most are plain."""
    if _PLAIN.fullmatch(collapsed):
        return collapsed.decode("ascii")
    return OTHER_ROUTES if collapsed == OTHER_ROUTES.encode() else clean_route(collapsed)


def _decode(found: re.Match[bytes]) -> bytes:
    byte = bytes([int(found[1], 16)])
    return byte if byte.isalnum() or byte in b"-._~@" else found[0].upper()


@lru_cache(maxsize=1 << 14)
def mask_email(raw: bytes) -> str:
    """First character and domain of an address; "***" for what is none (it could be a password)."""
    found = _EMAIL.fullmatch(raw.rstrip(b".,;"))
    return f"{found[1].decode('ascii', 'replace')}***@{found[2].decode().lower()}" if found else "***"
