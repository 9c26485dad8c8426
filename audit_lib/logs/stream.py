"""What the lines of a log add up to: requests by minute, each failure and message, all else counted."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import LOG_LINE_STATES, NOTICE
from audit_lib.logs.columns import DeclaredColumns
from audit_lib.logs.formats import CLOCK_SET_BACK, LogFormats
from audit_lib.logs.line import LINE_LIMIT, UNREAD, Line, LineReader, LogEvent
from audit_lib.logs.logins import OPEN_LOGINS
from audit_lib.logs.pairs import PairReader
from audit_lib.logs.sums import (
    EVENTS,
    KIND_NUMBERS,
    MOST_SHAPES,
    MOST_STEPS,
    OTHER_SHAPES,
    REQUESTS,
    SHOWN_LINES,
    Names,
    Period,
    Sums,
    columns_of,
)
from audit_lib.logs.values import DAY, MINUTE, NONE, WHOLE

_MOST_ROWS = 200_000  # of requests or events, beyond which a new piece begins


@dataclass(frozen=True)
class Plan:
    """How the lines of a log are read, and what of them is kept."""

    zone: ZoneInfo
    period: Period = field(default_factory=Period)
    written: int | None = None  # when the file was last written, for times without a year


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; of one beyond the limit only so much that it shows to be too long."""
    while line := file.readline(LINE_LIMIT + 2):
        yield line
        while len(line) == LINE_LIMIT + 2 and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 2)


def read_lines(lines: Iterable[bytes], formats: LogFormats, plan: Plan) -> Iterator[Line]:
    """How each line of a file, or of a part of one, is read."""
    rest = iter(lines)
    first = next(rest, b"")
    if not first:
        return
    reader = LineReader(formats, plan.zone, plan.written)
    if not first.startswith(b"#"):
        yield from map(PairReader(reader).read, chain([first], rest))
        return
    columns = DeclaredColumns(formats)
    for raw in chain([first], rest):
        if (declared := columns.formats_of(raw)) is not reader.formats:
            reader = LineReader(declared, plan.zone, plan.written)
        yield reader.read(raw)


def sum_lines(lines: Iterable[bytes], formats: LogFormats, plan: Plan) -> Iterator[Sums]:
    """The sums over the lines of a file, in as many pieces as a memory can hold: each begins at a time."""
    tally = Tally(plan)
    for line in read_lines(lines, formats, plan):
        if tally.is_full and line.at is not None and line.record:
            yield tally.sums()
            tally = Tally(plan)
        tally.add(line)
    yield tally.sums()


class Tally:
    """Sums that grow line by line, and what the lines so far say about the next one."""

    def __init__(self, plan: Plan) -> None:
        self._period = plan.period
        self._names = Names()
        self._requests: dict[tuple[int, int, int, int, int, int], list[int]] = {}
        self._events: array[int] = array("q")
        self._states = dict.fromkeys(LOG_LINE_STATES, 0)
        self._days: dict[int, int] = {0: 0}
        self._number = self._timed = self._in_period = 0
        self._first = self._last = NONE
        self._lacks = WHOLE
        self._day = 0  # of the last time
        self._held = True  # whether the period holds the last time
        self._steps = 0  # of a clock that was set back
        self._waiting: list[tuple[int, int, LogEvent]] = []  # for the next line with a time
        self._counted: set[str] = set()  # kinds that this record was already counted for
        self._opened = False  # whether a record with a time is open
        self._inside = False  # whether the line before continued it
        self._shapes: dict[tuple[str, str], list[int]] = {}
        self._warned = False
        self._unread: list[int] = []  # the numbers of the first lines that are not understood

    @property
    def is_full(self) -> bool:
        """Whether so much is held that the next line had better begin a new piece."""
        return len(self._requests) > _MOST_ROWS or len(self._events) > _MOST_ROWS * len(EVENTS)

    def add(self, line: Line) -> None:
        """Adds the next line."""
        state, at, record, events, continues, lacks, _, unknown, shape, warns = line
        self._number += 1
        self._states[state] += 1
        self._lacks |= lacks
        if at is not None:
            self._timed += 1
            self._pass_time(at)
        self._warned = self._warned or warns
        if unknown:
            self._add_shape(unknown, shape)
        self._days[self._day] += 1
        self._in_period += self._held and self._day > 0
        if record:
            self._counted.clear()
        if state != "blank":
            follows = False
            if continues and self._opened and at is None and not record:
                follows = continues == 1 or self._inside
            self._opened, self._inside = follows or at is not None, follows
            if follows:
                at = self._last
        if events and self._held:
            for event in events:
                self._count(event, at)

    def _add_shape(self, unknown: str, shape: str) -> None:
        if unknown == UNREAD and len(self._unread) < SHOWN_LINES:
            self._unread.append(self._number)
        if len(self._shapes) >= MOST_SHAPES and (unknown, shape) not in self._shapes:
            shape = OTHER_SHAPES
        self._shapes.setdefault((unknown, shape), [0, self._number])[0] += 1

    def _pass_time(self, at: int) -> None:
        """Moves on to the time of a line, or notes that the clock was set back."""
        before, self._last = self._last, at
        if before == NONE:
            self._first = at
        self._held = self._period.first <= at < self._period.end
        self._day = _day_of(at)
        self._days.setdefault(self._day, 0)
        if self._held and before - at > MINUTE and before != NONE and self._steps < MOST_STEPS:
            self._steps += 1
            self._add_event(LogEvent(NOTICE, CLOCK_SET_BACK), self._day, self._number, at, at, before)
        if self._waiting:
            self._bound_waiting(at)

    def _bound_waiting(self, following: int) -> None:
        """Untimed events lie between their nearest timed lines; merged instances can swap the two."""
        for number, before, event in self._waiting:
            low, high = (before, following) if before <= following else (following, before)
            self._add_event(event, _day_of(before), number, NONE, low, high)
        self._waiting.clear()

    def _count(self, event: LogEvent, at: int | None) -> None:
        """Counts what a line shows; a failure and a message is a row of its own, too."""
        kind, message, status, once = event.kind, event.message, event.status, event.once
        if once:
            if kind in self._counted:
                return
            self._counted.add(kind)
        open_login = message in OPEN_LOGINS  # counted once it is known how it ended
        if status and not open_login:
            self._sum(event, at)
        if status and kind == "other" and not open_login:
            return
        if at is None:
            self._waiting.append((self._number, self._last, event))
        else:
            self._add_event(event, self._day, self._number, at, self._last, at)

    def _sum(self, event: LogEvent, at: int | None) -> None:
        """Counts a request in its minute, or on the day of the last time before it."""
        kind, _, status, client, method, route, _, _ = event
        slot, names = -1 - self._day if at is None else at // MINUTE, self._names
        key = (slot, KIND_NUMBERS[kind], status or 0, names[client], names[method], names[route])
        self._requests.setdefault(key, [0, self._number])[0] += 1

    def _add_event(self, event: LogEvent, day: int, *place: int) -> None:
        """Adds a row of EVENTS; its place is the line, its instant, and the bounds of that."""
        kind, message, status, client, method, route, subject, _ = event
        names = self._names
        self._events.extend((*place, day, KIND_NUMBERS[kind], names[message], status or 0))
        self._events.extend((names[client], names[method], names[route], names[subject]))

    def sums(self) -> Sums:
        """The sums so far; what waits for a time stands at the end of the events."""
        for number, before, event in self._waiting:
            self._add_event(event, _day_of(before), number, NONE, before, NONE)
        rows = array("q", chain.from_iterable((*key, *counted) for key, counted in self._requests.items()))
        return Sums(
            names=tuple(self._names.numbers),
            requests=columns_of(REQUESTS, rows),
            events=columns_of(EVENTS, self._events),
            states=self._states,
            days={day: count for day, count in self._days.items() if count},
            timed=self._timed,
            in_period=self._in_period,
            first=self._first,
            last=self._last,
            lacks=self._lacks,
            waiting=len(self._waiting),
            shapes={key: (count, line) for key, (count, line) in self._shapes.items()},
            unread=tuple(self._unread),
            warned=self._warned,
        )


def _day_of(at: int) -> int:
    """Days since 1970 and one; 0 for no instant."""
    return 0 if at == NONE else at // DAY + 1
