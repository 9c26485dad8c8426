"""What a line's fields become in a frame: instant, client, route, subject. No other text of it does."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NONE = -(1 << 62)  # no instant
# What a time has not of its own, so that it is taken from elsewhere.
WHOLE, ZONELESS, YEARLESS = 0, 1, 2
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_AN_ADDRESS = "(not an address)"
IDENTIFIER = b"{id}"

_KEPT = 1 << 16  # entries of a cache
_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_SECONDS = {b"%02d" % second: second * SECOND for second in range(60)}
_ISO = re.compile(rb"(\d{4}).(\d\d).(\d\d)(?:[T ]| - )(\d\d| \d):(\d\d):(\d\d)(?:[.,](\d+))?(.*)")
_CLF = re.compile(rb"(\d\d?)[/ -](...)[/ -](\d{4})[: ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(.*)")
# As Americans write it, and nobody else with these capitals: the month stands first.
_AMERICAN = re.compile(rb"(\d\d?)/(\d\d?)/(\d{4}), (\d\d?):(\d\d):(\d\d)(?: |\xc2\xa0|\xe2\x80\xaf)([AP])M")
_ASCTIME = re.compile(rb"... (...) ([ \d]?\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))? (\d{4})")
_DATED = re.compile(rb"(...) ([ \d]?\d) (\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?")
# The groups of each, by year, month, day, hour, minute, second, fraction and zone; 0 is none.
_ORDERS = (
    (_CLF, (3, 2, 1, 4, 5, 6, 7, 8)),
    (_ISO, (1, 2, 3, 4, 5, 6, 7, 8)),
    (_DATED, (3, 1, 2, 4, 5, 6, 7, 0)),
    (_ASCTIME, (7, 1, 2, 3, 4, 5, 6, 0)),
)
_PARTS = re.compile(rb"(.*\d:\d\d):(\d\d)(?:[.,](\d+))?(.*)")
_ZONED = re.compile(rb"(?:Z| UTC| ?[+-]\d\d:?\d\d)\Z")
_TAI64N = re.compile(rb"@4([0-9a-f]{15})([0-9a-f]{8})")
_SINCE_1970 = re.compile(rb"(\d{9,10})\.(\d{3})")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_EMAIL = re.compile(rb"([^@\s])[^@]*@([A-Za-z0-9-]{1,30}(?:\.[A-Za-z0-9-]{1,30}){1,3})")
_WORDS = re.compile(rb"[a-z_-]*")
_SEGMENTS = 12  # what lies deeper is an attacker's or an identifier, not a route


def micros_of(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - EPOCH) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """The instant of so many microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def parse_time(raw: bytes, zone: ZoneInfo) -> int | None:
    """Microseconds since 1970 in UTC; None where no calendar has such a time.

    A time without a zone is one of `zone`: the first of two where the clocks went back.
    """
    if (counted := _counted_seconds(raw)) is not None:
        return counted
    if american := _AMERICAN.fullmatch(raw):
        raw = _year_first(american)
    pattern, order = next(((each, order) for each, order in _ORDERS if each.match(raw)), _ORDERS[0])
    found = pattern.match(raw)
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
    return micros_of(instant.astimezone(UTC))


def _year_first(found: re.Match[bytes]) -> bytes:
    """A time of the American form as one that begins with its year, with an hour of twenty-four."""
    hour = int(found[4]) % 12 + 12 * (found[7] == b"P") if 1 <= int(found[4]) <= 12 else 99
    return b"%s-%02d-%02d %02d:%s:%s" % (found[3], int(found[1]), int(found[2]), hour, found[5], found[6])


def _counted_seconds(raw: bytes) -> int | None:
    """A time that is a number of seconds: TAI64N as multilog counts it, 10 s ahead of UTC, or since 1970."""
    if found := _TAI64N.fullmatch(raw):
        return (int(found[1], 16) - 10) * SECOND + int(found[2], 16) // 1_000
    if found := _SINCE_1970.fullmatch(raw):
        return int(found[1]) * SECOND + int(found[2]) * 1_000
    return None


def lacks_of(raw: bytes) -> int:
    """ZONELESS for a time that names no zone of its own, so that its instant rests on what was declared."""
    return ZONELESS if not _ZONED.search(raw) and _counted_seconds(raw) is None else WHOLE


def _offset(text: bytes) -> timedelta | None:
    text = text.strip()
    if not text:
        return None
    if text in (b"Z", b"UTC"):
        return timedelta()
    digits = text[1:].replace(b":", b"")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if text[:1] == b"-" else offset


class Clock:
    """Instants of times as logs write them, each minute read once.

    `zone` is that of times without one; `written` is when their file was last written, from which follows the
    year of a time without one. Without it such a time has no instant.
    """

    def __init__(self, zone: ZoneInfo, written: int | None = None) -> None:
        self.zone, self.written = zone, written
        self._minutes: dict[tuple[bytes, bytes], tuple[int | None, int]] = {}
        self._last: tuple[bytes, tuple[int | None, int]] = (b"", (None, WHOLE))

    def read(self, raw: bytes) -> tuple[int | None, int]:
        """The instant, None where no calendar has it, and what it lacks."""
        if raw == self._last[0]:
            return self._last[1]
        found = _PARTS.fullmatch(raw)
        read = self.read_parts(found) if found else (parse_time(raw, self.zone), lacks_of(raw))
        self._last = raw, read
        return read

    def read_parts(self, found: re.Match[bytes]) -> tuple[int | None, int]:
        """The same of a time in four groups: up to its minute, its second, its fraction, and what follows."""
        minute, second, part, rest = found.groups()
        begun, lacks = self._minutes.get((minute, rest)) or self._read_minute(minute, rest)
        seconds = _SECONDS.get(second)
        if begun is None or seconds is None:
            return None, lacks
        return begun + seconds + (int((part + b"00000")[:6]) if part else 0), lacks

    def _read_minute(self, minute: bytes, rest: bytes) -> tuple[int | None, int]:
        if len(self._minutes) > _KEPT:
            self._minutes.clear()
        raw = minute + b":00" + rest
        begun = self._minutes[minute, rest] = parse_time(raw, self.zone), lacks_of(raw)
        return begun

    def read_yearless(self, raw: bytes) -> int | None:
        """The instant of a time without a year, Nov 24 13:50:34.

        Of the latest year in which it is not over a day later than its file; None if neither that year nor
        the one before has such a time, or nothing dates the file.
        """
        if self.written is None:
            return None
        latest, year = latest_and_year(self.zone, self.written)
        for candidate in (year, year - 1):
            at, _ = self.read(b"Mon " + raw + b" %d" % candidate)
            if at is not None and at <= latest:
                return at
        return None


@lru_cache(maxsize=64)
def latest_and_year(zone: ZoneInfo, written: int) -> tuple[int, int]:
    """Until when times of a file may be that was last written at `written`, and the year of that."""
    latest = written + DAY  # clocks of two machines may differ
    return latest, instant_of(latest).astimezone(zone).year


@lru_cache(maxsize=_KEPT)
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


def strip_port(raw: bytes, always: bool = False) -> bytes:
    """The address without port and brackets. `always`: a port follows the last colon, as uvicorn writes.

    It does so, too, where an address of four numbers stands before it: ::ffff:203.0.113.7:443.
    """
    if raw.startswith(b"[") and b"]" in raw:
        return raw[1 : raw.rindex(b"]")]
    host, colon, port = raw.rpartition(b":")
    if colon and port.isdigit() and (always or b":" not in host or b"." in host.rpartition(b":")[2]):
        return host
    return raw


@lru_cache(maxsize=_KEPT)
def client_of(raw: bytes) -> str:
    """The address of a field that may have a port, in its one spelling."""
    return clean_client(strip_port(raw))


@lru_cache(maxsize=1 << 10)
def clean_method(raw: bytes) -> str:
    """The method in capitals; "" for what is none."""
    return raw.decode("ascii").upper() if len(raw) <= 16 and raw.isalpha() and raw.isascii() else ""


@lru_cache(maxsize=_KEPT)
def clean_route(path: bytes) -> str:
    """A path as a route: query dropped, needless encoding undone, identifiers collapsed, printable."""
    decoded = _ENCODED.sub(_decode, _collapse(path))
    text = _collapse(decoded).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _collapse(path: bytes) -> bytes:
    """The path without query, each identifier in it as `{id}`.

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
    return _collapse(rest[slash:]) if mark and scheme.isalpha() and slash >= 0 else b"" if not mark else b"/"


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


def _decode(found: re.Match[bytes]) -> bytes:
    byte = bytes([int(found[1], 16)])
    return byte if byte.isalnum() or byte in b"-._~@" else found[0].upper()


@lru_cache(maxsize=_KEPT)
def mask_email(raw: bytes) -> str:
    """First character and domain of an address; "***" for what is none (it could be a password)."""
    found = _EMAIL.fullmatch(raw.rstrip(b".,;"))
    return f"{found[1].decode('ascii', 'replace')}***@{found[2].decode().lower()}" if found else "***"


class SecretParameters:
    """Names of query parameters that are secrets, in small letters; `*` at the beginning is any text."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._ends = tuple(name[1:] if name[0] == "*" else name for name in names)
        self._names = names
        words = b"|".join(sorted({re.escape(end.encode()) for end in self._ends}))
        self._any = re.compile(rb"(?i)(?:" + words + rb")=.", re.DOTALL)

    def first_in(self, query: bytes) -> str:
        """What says that a parameter is a secret, of the first one with a value; "" if none is."""
        for pair in query.split(b"&") if self._any.search(query) else ():
            name, _, value = pair.partition(b"=")
            if value and (found := self._naming(name.decode("ascii", "replace").lower())):
                return found
        return ""

    def _naming(self, text: str) -> str:
        return next(
            (name for name in self._names if (text.endswith(name[1:]) if name[0] == "*" else text == name)),
            "",
        )
