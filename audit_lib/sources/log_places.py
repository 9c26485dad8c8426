"""Finds the line of a success: what a table sums up by the minute or the day is looked up where it stands."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.project import Project
from audit_lib.sources.files import Unreadable, open_source
from audit_lib.sources.kernel.layout import MINUTE
from audit_lib.sources.log_formats import LogFormats, load_formats
from audit_lib.sources.log_lines import LINE_LIMIT, Line, read_line
from audit_lib.sources.log_paths import log_paths
from audit_lib.sources.log_stream import BROKEN, Bomb, unpacked
from audit_lib.sources.log_tally import day_of

_CHUNK = 1 << 20
_END = 1 << 62
_CLOSELY = 100_000  # lines of a file: where times step far back, more would take minutes


@dataclass(frozen=True)
class Wanted:
    """A success in a file: by one of these clients, on one of these routes, in a minute or on a day."""

    source: str
    since: datetime | None  # the first instant of the minute, or of the day; None: before the first date
    timed: bool
    clients: frozenset[str]
    routes: frozenset[str]


@dataclass
class _Search:
    """One thing wanted, the lines between which it must stand, and where it was found."""

    place: int
    wanted: Wanted
    low: int
    high: int
    found: int | None = None
    minute: int = field(init=False)
    day: str | None = field(init=False)

    def __post_init__(self) -> None:
        since = self.wanted.since
        self.minute = 0 if since is None else int(since.timestamp()) // 60
        self.day = None if since is None else since.date().isoformat()

    def meets(self, line: Line, day: str | None) -> bool:
        """Whether a line, which stands on a day, is such a success."""
        if self.wanted.timed:
            here = line.at is not None and line.at // MINUTE == self.minute
        else:
            here = line.at is None and day == self.day
        return here and any(
            200 <= (shown.status or 0) < 300
            and shown.client in self.wanted.clients
            and shown.route in self.wanted.routes
            for shown in line.sightings
        )


def find_lines(project: Project, wanted: Sequence[Wanted], events: pd.DataFrame) -> list[int | None]:
    """For each thing wanted the number of its first line; None where it is not found again.

    `events` are all LogEvents: their lines and times bound where a line can stand, so that of a large file
    little is read closely. Of a file in which that is much, the rest is not looked for.
    """
    found: list[int | None] = [None] * len(wanted)
    formats, zones = load_formats(), _zones(project)
    for source in sorted({one.source for one in wanted} & zones.keys()):
        known = events[events["source"] == source].sort_values("line")
        searches = [
            _Search(place, one, *_bounds(one, known))
            for place, one in enumerate(wanted)
            if one.source == source
        ]
        days = dict(zip(known["line"].tolist(), known["day"].astype(object).tolist(), strict=True))
        try:
            with open_source(project.root, source) as opened:
                _search(cast(BinaryIO, unpacked(opened.file)), searches, days, formats, zones[source])
        except (Unreadable, Bomb, *BROKEN):
            continue
        for search in searches:
            found[search.place] = search.found
    return found


def _zones(project: Project) -> dict[str, ZoneInfo]:
    zones: dict[str, ZoneInfo] = {}
    for source in project.log_sources:
        for path in log_paths(project.root, source.pattern):
            zones.setdefault(path, ZoneInfo(source.time_zone))
    return zones


def _bounds(wanted: Wanted, known: pd.DataFrame) -> tuple[int, int]:
    """The lines between which it must stand, by the events of its file.

    Times that step back widen the span: before it every event is earlier, and behind it every one is later.
    A clock that was set back is an event too, so that what was written late is found behind it.
    """
    if wanted.timed:
        known, width = known[known["at"].notna()], pd.Timedelta(minutes=1)
        at = known["at"]
    else:
        known, width = known[known["day"].notna()], pd.Timedelta(days=1)
        at = pd.to_datetime(known["day"].astype("str"), utc=True)
    if known.empty:
        return 1, _END
    since = pd.Timestamp(wanted.since) if wanted.since else at.iloc[0] - width
    before = int(at.cummax().searchsorted(since, side="left"))
    after = int(at[::-1].cummin()[::-1].searchsorted(since + width, side="left"))
    low = int(known["line"].iloc[before - 1]) if before else 1
    return low, int(known["line"].iloc[after]) if after < len(known) else _END


def _search(
    file: BinaryIO,
    searches: list[_Search],
    days: dict[int, str | None],
    formats: LogFormats,
    zone: ZoneInfo,
) -> None:
    """Reads the lines that can be meant, and notes in each search the first that is."""
    waiting = sorted(searches, key=lambda one: -one.low)
    active: list[_Search] = []
    day, left = None, _CLOSELY
    spans = [(one.low, one.high) for one in searches]
    for number, raw in lines_between(file, spans):
        while waiting and waiting[-1].low <= number:
            active.append(waiting.pop())
        active = [one for one in active if one.found is None and one.high >= number]
        if left == 0 or not (active or waiting):
            return
        day = days.get(number, day)
        if not active:
            continue
        left -= 1
        line = read_line(raw, formats, zone)
        day = day if line.at is None else day_of(line.at)
        for search in active:
            if search.meets(line, day):
                search.found = number


def lines_between(file: BinaryIO, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """The lines of a stream with their numbers, whole chunks that touch no span left out."""
    wanted = sorted(spans)
    last = max((high for _, high in wanted), default=0)
    number, rest = 1, b""
    while number <= last and (chunk := file.read(_CHUNK)):
        chunk = rest + chunk
        cut = chunk.rfind(b"\n") + 1
        # Of a line beyond the limit only so much is kept that it shows to be too long.
        whole, rest = chunk[:cut], chunk[cut:][: LINE_LIMIT + 2]
        end = number + whole.count(b"\n")
        if any(low < end and high >= number for low, high in wanted):
            yield from enumerate(whole.split(b"\n")[:-1], number)
        number = end
    if rest and number <= last:
        yield number, rest
