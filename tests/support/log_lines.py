"""Lines and logs as text, read by the bundled formats or by others."""

from collections import Counter
from functools import lru_cache
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.line import Line, LineReader
from audit_lib.logs.read_files import LogPart, read_whole
from audit_lib.logs.stream import Plan
from audit_lib.logs.sums import KINDS, Period, Sums

FORMATS = load_formats()


@lru_cache(maxsize=16)
def _reader(formats: LogFormats, zone: str, written: int | None) -> LineReader:
    return LineReader(formats, ZoneInfo(zone), written)


def read_line(
    line: str | bytes, zone: str = "UTC", formats: LogFormats = FORMATS, written: int | None = None
) -> Line:
    """How one line is read."""
    raw = line if isinstance(line, bytes) else line.encode()
    return _reader(formats, zone, written).read(raw)


def read_part(
    content: str | bytes,
    formats: LogFormats = FORMATS,
    period: Period | None = None,
    written: int | None = None,
) -> LogPart:
    """What a log with this content holds."""
    raw = content if isinstance(content, bytes) else content.encode()
    plan = Plan(ZoneInfo("UTC"), period or Period(), written)
    return read_whole(BytesIO(raw), formats, plan)


def read_log(content: str | bytes, formats: LogFormats = FORMATS, **plan: Any) -> Sums:
    """What a log with this content adds up to."""
    return read_part(content, formats, **plan).sums


def requests_of(sums: Sums, *columns: str) -> Counter[Any]:
    """How many requests there are by these columns, with names in place of numbers."""
    counts: Counter[Any] = Counter()
    for place, count in enumerate(sums.requests["count"].tolist()):
        key = tuple(_value(sums, sums.requests, column, place) for column in columns)
        counts[key if len(columns) > 1 else key[0]] += count
    return counts


def events_of(sums: Sums, *columns: str) -> list[Any]:
    """These columns of each event, in the order of lines."""
    places = sorted(range(len(sums.events["line"])), key=lambda place: sums.events["line"][place])
    rows = [tuple(_value(sums, sums.events, column, place) for column in columns) for place in places]
    return rows if len(columns) > 1 else [row[0] for row in rows]


def _value(sums: Sums, table: Any, column: str, place: int) -> Any:
    number = int(table[column][place])
    if column == "kind":
        return KINDS[number]
    return sums.names[number] if column in ("client", "method", "route", "subject", "message") else number
