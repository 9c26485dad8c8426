"""Times as logs write them, as microseconds since 1970 UTC, and what they lack: a zone, a year."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from audit_lib.base.clock import Quarter

NONE = -(1 << 62)  # no instant
WHOLE, ZONELESS, YEARLESS, REFUSED = 0, 1, 2, 4  # what a time has not of its own, or that it is no time
SECOND = 1_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 7_258_118_400_000_000  # the year 2200: a later time is none
SAME_DIGITS = bytes.maketrans(b"013456789", b"2" * 9)  # makes texts equal that differ in digits alone
_MONTHS = dict(zip(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), range(1, 13), strict=True))
_HOUR = rb"(?P<hour>\d\d?| \d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
_HALF, _OFFSET = rb"[ \xc2\xa0\xe2\x80\xaf]+(?P<half>[AP])M", rb"(?P<zone> ?(?:Z|UTC|[+-]\d\d:?\d\d)| .*)?"
_FORMS = tuple(
    re.compile(form).fullmatch
    for form in (
        rb"(?P<year>\d{4}).(?P<month>\d\d).(?P<day>\d\d)(?:[T ]| - )" + _HOUR + rb"(?:%b)?" % _HALF + _OFFSET,
        rb"(?P<day>\d\d?)[/ -](?P<month>...)[/ -](?P<year>\d{4})[: ]" + _HOUR + _OFFSET,
        rb"(?P<month>...) (?P<day>[ \d]?\d) (?P<year>\d{4}) " + _HOUR,
        rb"... (?P<month>...) (?P<day>[ \d]?\d) " + _HOUR + rb" (?P<year>\d{4})",
        rb"(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{4}), " + _HOUR + _HALF,  # American
    )
)
# A time's minute, its seconds with a fraction, and what follows: a zone, a year, half a day.
_SECONDS = re.compile(rb".*?\d:\d\d:(\d\d(?:[.,]\d+)?)(?:[^\d:.,].*)?")
_YEARLESS = re.compile(rb"[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d")
_ZONED = re.compile(rb"(?:Z| UTC| ?[+-]\d\d:?\d\d| \w+/.*|\A[^:]*)\Z")  # or it counts seconds: no colon
_TAI64N = re.compile(rb"@4([0-9a-f]{15})([0-9a-f]{8})")
_SECONDS_SINCE_1970 = re.compile(rb"\d{9,10}\.\d{3}")
_NUMBER = re.compile(rb"([1-9]\d{8,19})(?:\.(\d+))?")


def micros_of(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - EPOCH) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """The instant of so many microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def day_of(micros: int) -> int:
    """Days since 1970 and one; 0 for no instant."""
    return 0 if micros == NONE else micros // DAY + 1


def days_of(quarter: Quarter) -> range:
    """The days of a quarter, counted as in the column `day`."""
    return range(*(day_of(micros_of(at)) for at in (quarter.start, quarter.end)))


def since_1970(value: bytes) -> int | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size (1973 to 5138)."""
    if not (found := _NUMBER.fullmatch(value)):
        return None
    micros = int(found[1]) * SECOND + int((found[2] or b"")[:6].ljust(6, b"0"))
    at = micros // 1_000 ** ((len(found[1]) - 9) // 3)
    return at if at < LATEST else None


def parse_time(raw: bytes, zone: ZoneInfo) -> int | None:
    """Microseconds since 1970 UTC of a time as logs write it; a time without a zone is of `zone`.

    None for an unknown form, for what no calendar has, and for a written year outside 1971 to 2199.
    """
    if found := _TAI64N.fullmatch(raw):  # as multilog counts it, 10 s ahead of UTC
        counted = (int(found[1], 16) - 10) * SECOND + int(found[2], 16) // 1_000
        return counted if 0 <= counted < LATEST else None
    if _SECONDS_SINCE_1970.fullmatch(raw):
        return since_1970(raw)
    if not (found := next(filter(None, (form(raw) for form in _FORMS)), None)):
        return None
    parts = found.groupdict(b"")
    year, day, hour, minute, second = map(int, found.group("year", "day", "hour", "minute", "second"))
    month = _MONTHS.get(parts["month"], 0) if parts["month"].isalpha() else int(parts["month"])
    if half := parts.get("half"):
        hour = hour % 12 + 12 * (half == b"P") if 1 <= hour <= 12 else 99  # which no calendar has
    micros, own = int(parts["fraction"].ljust(6, b"0")[:6]), parts.get("zone", b"").strip().decode("latin-1")
    year = year if 1970 < year < 2200 else 0  # which no calendar has, either
    try:
        named = ZoneInfo(own) if own[1:2].isalpha() else None  # as PHP writes it
        offset = named or datetime.fromisoformat(f"2000-01-01T00{own}").tzinfo or zone
        return micros_of(datetime(year, month, day, hour, minute, second, micros, offset))
    except (KeyError, ValueError):
        return None


@lru_cache(maxsize=1 << 10)
def place_time(same: bytes, begin: int = 0) -> tuple[slice, ...]:
    """Slices of a text for a time that begins at a byte: all of it, what precedes its seconds, the seconds,
    their fraction, and the rest. For a time without seconds only the first takes anything."""
    (first, behind), end = found.span(1) if (found := _SECONDS.fullmatch(same)) else (0, 0), len(same)
    parts = ((0, end), (0, first), (first, min(first + 2, behind)), (first + 3, behind), (behind, end))
    return tuple(slice(begin + at, begin + to) for at, to in parts)


class Clock:
    """Instants of times as logs write them, each minute read once.

    Times without a zone are of `zone`; `written` is when the log was last written, None if nobody knows.
    """

    def __init__(self, zone: ZoneInfo, written: int | None = None) -> None:
        self.zone, self.written = zone, written
        self._read_minute = lru_cache(maxsize=1 << 16)(self._read_whole)

    def read(self, text: bytes, place: tuple[slice, ...] = ()) -> tuple[int | None, int]:
        """The instant of a time, or of the time at a place in a text, and what it lacks; None and REFUSED for
        what no calendar has."""
        whole, before, seconds, fraction, behind = place or place_time(text.translate(SAME_DIGITS))
        second = text[seconds]
        if not second or second > b"59":
            return self._read_minute(text[whole])
        at, lacks = self._read_minute(text[before] + b"00" + text[behind])
        return None if at is None else at + int((second + text[fraction] + b"000000")[:8]), lacks

    def _read_whole(self, raw: bytes) -> tuple[int | None, int]:
        if not _YEARLESS.fullmatch(raw):
            at = parse_time(raw, self.zone)
            return at, REFUSED if at is None else WHOLE if _ZONED.search(raw) else ZONELESS
        # A time such as Nov 24 13:50:34 is of the latest year that the log's date allows.
        latest = NONE if self.written is None else self.written + DAY
        year = 0 if self.written is None else instant_of(latest).astimezone(self.zone).year
        times = (self.read(b"Mon " + raw + b" %d" % each)[0] for each in (year, year - 1))
        return next((at for at in times if at is not None and at <= latest), None), ZONELESS | YEARLESS
