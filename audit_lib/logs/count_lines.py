"""What the lines of one log file add up to: counts, events with their bounds, and where each line ended."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import DECLARED, LOG_LINE_STATES, NOTICE
from audit_lib.logs.fields import clean_client, clean_method, parse_time
from audit_lib.logs.formats import CLOCK_SET_BACK, LogFormats
from audit_lib.logs.line_events import Line, LogEvent, request_events
from audit_lib.logs.read_line import read_line
from audit_lib.logs.units import LINE_LIMIT, MINUTE, MOST_STEPS, NONE, WHOLE
from audit_lib.logs.w3c_columns import DeclaredColumns

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Group(NamedTuple):
    """What requests and messages are counted by. `day` is None before the first date of a file."""

    day: str | None
    kind: str
    status: int | None
    client: str
    method: str
    route: str


class Moment(NamedTuple):
    """What timed requests are counted by, minute by minute."""

    minute: int  # minutes since 1970 UTC
    status: int
    declared: int  # 1: a failed login by what is declared
    client: str
    method: str
    route: str


class PlacedEvent(NamedTuple):
    """A failed request or a message, with its line; instants in microseconds since 1970 UTC."""

    line: int
    at: int | None
    not_before: int | None
    not_after: int | None
    day: str | None
    shown: LogEvent


@dataclass
class Tally:
    """The sums of one file.

    `counts` holds for each group its lines, those without a time, the first line, and the first without a
    time (0: none); `moments` holds how many, and the first line.
    """

    lines: int = 0
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOG_LINE_STATES, 0))
    counts: dict[Group, list[int]] = field(default_factory=dict)
    moments: dict[Moment, list[int]] = field(default_factory=dict)
    events: list[PlacedEvent] = field(default_factory=list)
    dated: int = 0  # lines with a date, their own or one before them
    in_period: int = 0  # those of them that lie in the period
    first: int | None = None  # the first and the last instant, of whatever period
    last: int | None = None
    lacks: int = WHOLE  # what any time of it has not of its own


@dataclass(frozen=True)
class Period:
    """What is counted, in microseconds since 1970 UTC: from `first` on, before `end`; by default all."""

    first: int = NONE
    end: int = 1 << 62

    def holds(self, at: int | None) -> bool:
        """Whether an instant lies in the period; lines before the first time of a file always do."""
        return at is None or at == NONE or self.first <= at < self.end


def day_of(at: int) -> str:
    """The UTC day of an instant, 2026-09-30."""
    return (_EPOCH + timedelta(microseconds=at)).date().isoformat()


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; of one beyond the limit only so much that it shows to be too long."""
    while line := file.readline(LINE_LIMIT + 2):
        yield line
        while len(line) == LINE_LIMIT + 2 and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 2)


def tally_lines(
    lines: Iterable[bytes], formats: LogFormats, zone: ZoneInfo, period: Period, written: int | None = None
) -> Tally:
    """The sums over all lines of one file, in their order; `written` as in `read_line`."""
    columns, started, read = DeclaredColumns(formats), _Started(formats, zone), _Read(period)
    for number, raw in enumerate(lines, 1):
        read.add(number, started.joined(raw, read_line(raw, columns.formats_of(raw), zone, written)))
    read.tally.events += read.waiting
    return read.tally


@dataclass
class _Started:
    """Requests of Rails, which says who asks for what when one begins, and the status when it ends.

    Both lines have the same tags; without any they are of one process. If several are open there, what they
    do not share is not known.
    """

    formats: LogFormats
    zone: ZoneInfo
    open: dict[bytes, list[re.Match[bytes]]] = field(default_factory=dict)

    def joined(self, raw: bytes, line: Line) -> Line:
        """The line, if it ends a request with what began it."""
        if line.state == "text only" and b" for " in raw and (found := _BEGUN.match(raw)):
            self.open.setdefault(_request_key(found), []).append(found)
            if len(self.open) > _MOST_OPEN:
                self.open.pop(next(iter(self.open)))
        if len(line.events) != 1 or not line.requested or b"Completed " not in raw:
            return line
        (event,) = line.events
        found = _ENDED.match(raw)
        begun = self.open.pop(_request_key(found), []) if found else []
        if not begun or event.client or event.route:
            return line
        client, method, path, at = (_shared(begun, name) for name in ("client", "method", "path", "time"))
        events = request_events(
            event.status or 0, clean_client(client), clean_method(method), path, self.formats
        )
        return replace(line, events=events, at=parse_time(at, self.zone) if line.at is None else line.at)


# Nothing that a client writes stands before it, since that is quoted.
_BEFORE = rb"(?P<before>[^\"{]*?)(?P<tags>(?:\[[^\] \"]+\] )*)"
_BEGUN = re.compile(
    _BEFORE
    + rb'Started (?P<method>[A-Z]+) "(?P<path>[^ "]*)" for (?P<client>[0-9A-Fa-f:.]+) at (?P<time>.{25})'
)
_ENDED = re.compile(_BEFORE + rb"Completed [1-5]\d\d ")
_PROCESS = re.compile(rb"#(\d+)\]|\[(\d+)\]: ")
_MOST_OPEN = 10_000


def _request_key(found: re.Match[bytes]) -> bytes:
    """The tags of a request's line, else its process; of a file without either all are of one."""
    process = _PROCESS.search(found["before"])
    return found["tags"] or (process[0] if process else b"")


def _shared(begun: list[re.Match[bytes]], name: str) -> bytes:
    """What all open requests have in common of a field; empty if they differ."""
    values = {found[name] for found in begun}
    return values.pop() if len(values) == 1 else b""


@dataclass
class _Read:
    """The sums of the lines that were read, and what these say about the next one."""

    period: Period
    tally: Tally = field(default_factory=Tally)
    day: str | None = None  # of the last time
    held: bool = True  # whether the period holds the last time
    steps: int = 0  # of a clock that was set back
    waiting: list[PlacedEvent] = field(default_factory=list)  # for the next line with a time
    counted: set[str] = field(default_factory=set)  # kinds that this record was already counted for
    opened: bool = False  # whether a record with a time is open
    inside: bool = False  # whether the line before continued it

    def add(self, number: int, line: Line) -> None:
        """Adds a line to the sums."""
        tally = self.tally
        if line.at is not None:
            self._pass_time(number, line.at)
        tally.lines += 1
        tally.states[line.state] += 1
        tally.lacks |= line.lacks
        tally.dated += self.day is not None
        tally.in_period += self.day is not None and self.held
        if line.record:
            self.counted.clear()
        at = self._time_of(line)
        for shown in line.events:
            if shown.once and shown.kind in self.counted:
                continue
            if shown.once:
                self.counted.add(shown.kind)
            event = PlacedEvent(number, at, tally.last, at, self.day, shown)
            if self.held and _add(tally, event):
                (self.waiting if at is None else tally.events).append(event)

    def _pass_time(self, number: int, at: int) -> None:
        """Moves on to the time of a line, or notes that the clock was set back."""
        tally, before = self.tally, self.tally.last
        tally.first, tally.last = at if tally.first is None else tally.first, at
        self.day, self.held = day_of(at), self.period.holds(at)
        if self.held and before is not None and before - at > MINUTE and self.steps < MOST_STEPS:
            self.steps += 1
            step = LogEvent(NOTICE, CLOCK_SET_BACK)
            tally.events.append(PlacedEvent(number, at, at, before, self.day, step))
        tally.events += [_bounded(event, at) for event in self.waiting]
        self.waiting.clear()

    def _time_of(self, line: Line) -> int | None:
        """The line's own time, or that of the record which it continues."""
        if line.state == "blank":
            return line.at
        untimed = line.at is None and not line.record
        follows = self.opened and untimed and (line.continues == 1 or (line.continues == 2 and self.inside))
        self.opened, self.inside = follows or line.at is not None, follows
        return self.tally.last if follows else line.at


def _add(tally: Tally, event: PlacedEvent) -> bool:
    """Counts what a line shows; whether that is a failure or a message."""
    shown = event.shown
    if shown.kind != NOTICE:
        group = Group(event.day, shown.kind, shown.status, shown.client, shown.method, shown.route)
        counted = tally.counts.setdefault(group, [0, 0, event.line, 0])
        counted[0] += 1
        if event.at is None:
            counted[1] += 1
            counted[3] = counted[3] or event.line
    if shown.status and event.at is not None:
        declared = int(shown.kind == DECLARED)
        moment = Moment(event.at // MINUTE, shown.status, declared, shown.client, shown.method, shown.route)
        tally.moments.setdefault(moment, [0, event.line])[0] += 1
    return shown.kind != "other" or bool(shown.message)


def _bounded(event: PlacedEvent, following: int) -> PlacedEvent:
    """An untimed event between its nearest timed lines; instances merged out of order can swap the two."""
    if event.not_before is None:
        return event._replace(not_after=following)
    low, high = sorted((event.not_before, following))
    return event._replace(not_before=low, not_after=high)
