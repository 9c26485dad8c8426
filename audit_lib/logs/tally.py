"""What the lines of a log add up to: requests by minute, each failure and message, all else counted."""

import gc
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from audit_lib.base.archives import LogStream
from audit_lib.base.files import Unreadable
from audit_lib.base.in_words import DECLARED, NOTICE, REQUEST_KINDS
from audit_lib.logs.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.logs.file_lines import raw_lines, read_lines
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import CLOCK_SET_BACK, MOST_ROUTES, OTHER_ROUTES, LogFormats
from audit_lib.logs.line import REFUSAL, UNKNOWN, UNREAD, Line, LogEvent
from audit_lib.logs.logins import OPEN_LOGINS, settle_logins
from audit_lib.logs.times import DAY, MINUTE, NONE, WHOLE, YEARLESS, day_of, instant_of

# Where each line of a log ends; of one that is text only a prefix or a statement matched, and nothing else.
LOG_LINE_STATES = ("request", "message", "text only", "not understood", "blank")
OTHER_CLIENTS = "(other addresses)"
MOST_NAMES = MOST_ROUTES  # of routes and addresses that differ; the others are counted together
YEAR_TAKEN = "its times carry no year; it was taken from the file's date"
YEAR_OPEN = "its times carry no year, and the file's date leaves it open: no line has a time"
MOST_STEPS = 100  # of a clock, in a file: one whose lines are in no order would have as many as lines
MOST_SHAPES, OTHER_SHAPES = 1_000, "(other shapes)"  # of a file's lines
SHOWN_LINES = 20
# Instants in microseconds since 1970 UTC, a minute in minutes (-1: none), a day in days and one (0: none).
GROUP = ("minute", "day", "kind", "status", "client", "method", "route")
REQUESTS = (*GROUP, "count", "line")
EVENTS = (
    *("line", "at", "not_before", "not_after", "day"),
    *("kind", "message", "status", "client", "method", "route", "subject"),
)
TEXTS = ("file", "kind", "message", "client", "method", "route", "subject")
_NAMES = {"minute": "minute_at", "not_before": "not_before_at", "not_after": "not_after_at"}
_BY_GROUP = ["file", "day", "kind", "status", "client", "method", "route"]
_BY_MINUTE = ["file", "minute_at", "status", "client", "method", "route", "declared"]
_MOST_ROWS = 200_000  # that are held as Python's own objects
# A file that was copied later, with a new date, ends so long before it; no clock is set back so far.
_LONG = 32 * DAY


@dataclass(frozen=True)
class Plan:
    """How the lines of a log are read, and from which instant on and before which one they are counted."""

    zone: ZoneInfo
    written: int | None = None  # when the file was last written, for times without a year
    first: int = NONE
    end: int = 1 << 62


@dataclass
class Facts:
    """What is known of the lines of a file beside their requests and events."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOG_LINE_STATES, 0))
    undated: int = 0  # lines before the first date
    in_period: int = 0  # lines with a date in the period
    first: int = NONE  # the first and the last instant in the order of the lines, of whatever period
    last: int = NONE
    lacks: int = WHOLE  # what any time of it has not of its own: ZONELESS, YEARLESS
    # How many lines nobody understands, by why (UNKNOWN) and shape.
    shapes: dict[str, dict[str, int]] = field(default_factory=lambda: {each: {} for each in UNKNOWN})
    unread: list[int] = field(default_factory=list)  # the first lines that are not understood
    warned: bool = False  # whether such a line, or a message, has the level of a warning
    remark: str = ""  # where the year of its times is from

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return sum(self.states.values())

    @property
    def understood(self) -> int:
        """Lines that a format matches, whatever they show."""
        return self.lines - self.states["not understood"] - self.states["blank"]

    @property
    def refusals(self) -> dict[str, int]:
        """How many lines of text may report a refusal in words that no format knows, by shape."""
        # Whoever writes beside requests what went wrong, with a warning, writes of refusals there, too.
        kinds = UNKNOWN[1:] if self.warned and self.states["request"] else (REFUSAL,)
        return dict(sum((Counter(self.shapes[kind]) for kind in kinds), Counter()))

    def add_shape(self, unknown: str, shape: str, count: int = 1) -> None:
        """Counts lines that nobody understands."""
        shapes = self.shapes[unknown]
        key = shape if shape in shapes or len(shapes) < MOST_SHAPES else OTHER_SHAPES
        shapes[key] = shapes.get(key, 0) + count

    def append(self, later: "Facts") -> None:
        """Adds those of the lines that follow in the same file."""
        self.unread += [self.lines + number for number in later.unread][: SHOWN_LINES - len(self.unread)]
        for state, count in later.states.items():
            self.states[state] += count
        for unknown, shapes in later.shapes.items():
            for shape, count in shapes.items():
                self.add_shape(unknown, shape, count)
        self.undated, self.in_period = self.undated + later.undated, self.in_period + later.in_period
        self.first = later.first if self.first == NONE else self.first
        self.last = self.last if later.last == NONE else later.last
        self.lacks, self.warned = self.lacks | later.lacks, self.warned or later.warned


@dataclass(frozen=True)
class LogSums:
    """What a log adds up to: frames with the columns REQUESTS and EVENTS, where no text is missing."""

    requests: pd.DataFrame
    events: pd.DataFrame
    facts: Facts = field(default_factory=Facts)
    broken: str = ""  # the fault at which a damaged packed stream ends
    state: str = ""  # one of Sources, and why, of a log that cannot be read
    reason: str = ""

    def dumps(self) -> bytes:
        """What a log that could be read holds, as JSON."""
        rows = (self.requests.to_numpy().tolist(), self.events.to_numpy().tolist(), asdict(self.facts))
        return json.dumps(rows).encode("ascii")

    @classmethod
    def loads(cls, body: bytes) -> "LogSums":
        """The same from its JSON."""
        requests, events, facts = json.loads(body)
        return cls(frame_of(REQUESTS, requests), frame_of(EVENTS, events), Facts(**facts))


def frame_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame of rows: texts as categories in their order, all else as whole numbers."""
    values = dict(zip(columns, zip(*rows, strict=True), strict=False))
    frame = {}
    for name in columns:
        column = values.get(name, ())
        frame[name] = categories(column) if name in TEXTS else np.array(column, "int64")
    return pd.DataFrame(frame)


def categories(texts: Iterable[str]) -> pd.Categorical:
    """Texts as categories in their order."""
    return pd.Categorical(pd.array(list(texts), dtype="str"))


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames: texts as categories in their order."""
    whole = pd.concat(frames, ignore_index=True)
    for name in whole:
        if name in TEXTS:
            known = (frame[name] for frame in frames)
            texts = [each if each.dtype == "category" else categories(each) for each in known]
            whole[name] = union_categoricals(texts, sort_categories=True).remove_unused_categories()
    return whole


def read_log(formats: LogFormats, file: LogFile, plan: Plan) -> LogSums:
    """What a log holds. If it leaves open of which year its times are, its lines have none."""
    try:
        sums = _sum(formats, file, plan)
        if sums.facts.lacks & YEARLESS and plan.written is not None:
            sums.facts.remark = YEAR_TAKEN
            steps = sums.events[sums.events["message"].eq(CLOCK_SET_BACK)]
            is_near = sums.facts.last != NONE and abs(plan.written - sums.facts.last) <= _LONG
            if not is_near or ((steps["not_after"] - steps["not_before"]) > _LONG).any():
                sums = _sum(formats, file, replace(plan, written=None))
                sums.facts.remark = YEAR_OPEN
    except Unreadable as error:
        return unread(error)
    return settled(formats, sums)


def unread(error: Unreadable) -> LogSums:
    """The sums of a log that cannot be read, with the reason."""
    return LogSums(frame_of(REQUESTS, ()), frame_of(EVENTS, ()), state=error.state, reason=error.reason)


def settled(formats: LogFormats, sums: LogSums) -> LogSums:
    """The sums with each login that was redirected counted as it ended."""
    frames = settle_logins(sums.requests, sums.events, formats.logins)
    requests, events = (together([frame]) for frame in frames)
    return replace(sums, requests=requests, events=events)


def _sum(formats: LogFormats, file: LogFile, plan: Plan) -> LogSums:
    with file.open() as opened:
        stream = LogStream(opened.file)
        lines = read_lines(raw_lines(stream), formats, plan.zone, plan.written)
        return replace(Tally(plan).total(lines), broken=stream.broken)


class Tally:
    """Sums that grow line by line, and what the lines so far say about the next one."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._facts = Facts()
        self._frames: list[tuple[pd.DataFrame, pd.DataFrame]] = []
        self._requests: dict[tuple[Any, ...], list[int]] = {}  # by GROUP
        self._events: list[tuple[Any, ...]] = []
        self._number = 0  # of the line
        self._day = 0  # of the last time
        self._until = NONE  # so long times are of that day, and the period holds them or does not
        self._held = True  # whether the period holds the last time
        self._steps = 0  # of a clock that was set back
        self._waiting: list[tuple[int, int, LogEvent]] = []  # for the next line with a time
        self._counted: set[str] = set()  # kinds that this record was already counted for
        self._opened = False  # whether a record with a time is open
        self._inside = False  # whether the line before continued it

    def total(self, lines: Iterable[Line], following: Iterable[Line] = ()) -> LogSums:
        """The sums of lines in their order, with the time of the one that follows them."""
        gc.disable()  # what is kept grows with each line and has no circles: looking for them takes a third
        try:
            for line in lines:
                self._add(line)
            for line in following:
                self._number += 1
                self._pass_time(line.at if line.at is not None else self._facts.last)
            return self._sums()
        finally:
            gc.enable()

    def _add(self, line: Line) -> None:
        state, at, record, events, continues, lacks, _, unknown, shape, warns = line
        facts = self._facts
        self._number += 1
        facts.states[state] += 1
        facts.lacks |= lacks
        if at is not None:
            if facts.last <= at < self._until and not self._waiting:
                facts.last = at
            else:
                self._pass_time(at)
        if unknown:
            facts.add_shape(unknown, shape)
            if unknown == UNREAD and len(facts.unread) < SHOWN_LINES:
                facts.unread.append(self._number)
        facts.warned = facts.warned or warns
        facts.undated += not self._day
        facts.in_period += self._held and self._day > 0
        if record:
            self._counted.clear()
        if state != "blank":
            follows = False
            if continues and self._opened and at is None and not record:
                follows = continues == "record" or self._inside
            self._opened, self._inside = follows or at is not None, follows
            if follows:
                at = facts.last
        if self._held:
            for event in events:
                self._count(event, at)
            if len(self._events) + len(self._requests) > _MOST_ROWS:
                self._pack()

    def _pass_time(self, at: int) -> None:
        """Moves on to the time of a line, or notes that the clock was set back."""
        plan, before, self._facts.last = self._plan, self._facts.last, at
        if before == NONE:
            self._facts.first = at
        self._held = plan.first <= at < plan.end
        self._day = day_of(at)
        bounds = (bound for bound in (plan.first, plan.end, self._day * DAY) if bound > at)
        self._until = min(bounds)
        if self._held and before - at > MINUTE and before != NONE and self._steps < MOST_STEPS:
            self._steps += 1
            self._add_event(LogEvent(NOTICE, CLOCK_SET_BACK), self._number, at, at, before, self._day)
        for number, earlier, event in self._waiting:
            # Untimed events lie between their nearest timed lines; merged instances can swap the two.
            low, high = min(earlier, at), max(earlier, at)
            self._add_event(event, number, NONE, low, high, day_of(earlier))
        self._waiting.clear()

    def _count(self, event: LogEvent, at: int | None) -> None:
        """Counts what a line shows; a failure and a message is a row of its own, too."""
        kind, message, status, client, method, route, _, once = event
        if once:
            if kind in self._counted:
                return
            self._counted.add(kind)
        # A login that was redirected is counted once it is known how it ended.
        if status and message not in OPEN_LOGINS:
            key = (-1 if at is None else at // MINUTE, self._day, kind, status, client, method, route)
            if counted := self._requests.get(key):
                counted[0] += 1
            else:
                self._requests[key] = [1, self._number]
            if kind == "other":
                return
        if at is None:
            self._waiting.append((self._number, self._facts.last, event))
        else:
            self._add_event(event, self._number, at, self._facts.last, at, self._day)

    def _add_event(self, event: LogEvent, *place: int) -> None:
        """Adds a row of EVENTS; its place is the line, its instant, the bounds of that, and the day."""
        kind, message, status, client, method, route, subject, _ = event
        self._events.append((*place, kind, message, status or 0, client, method, route, subject))

    def _pack(self) -> None:
        """Turns the rows so far into frames, which take a tenth of the memory."""
        requests = frame_of(REQUESTS, [(*key, *counted) for key, counted in self._requests.items()])
        self._frames.append((requests, frame_of(EVENTS, self._events)))
        self._requests.clear()
        self._events.clear()

    def _sums(self) -> LogSums:
        for number, before, event in self._waiting:
            self._add_event(event, number, NONE, before, NONE, day_of(before))
        self._waiting.clear()
        self._pack()
        requests, events = (together(frames) for frames in zip(*self._frames, strict=True))
        return LogSums(grouped(requests), events, self._facts)


def grouped(requests: pd.DataFrame) -> pd.DataFrame:
    """The rows of REQUESTS with each group once, where it came first."""
    groups = requests.groupby(list(GROUP), observed=True, sort=False, as_index=False)
    return groups.agg(count=("count", "sum"), line=("line", "min"))


# ---- The frames of all logs ----


def tabulate(logs: Mapping[str, LogSums], most: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`LogCounts`, `LogEvents` and `LogMinutes` of logs by name; beyond so many routes the others are one."""
    if not logs:
        return LogCounts.of([]), LogEvents.of([]), LogMinutes.of([])
    requests = _typed(_limited(_of_all(logs, "requests"), most))
    events = _typed(_of_all(logs, "events"))
    messages = events[events["status"].isna() & events["kind"].ne(NOTICE)].assign(count=1)
    columns = [*_BY_GROUP, "count", "line", "at"]
    both = together([requests.rename(columns={"minute_at": "at"})[columns], messages[columns]])
    untimed = both["at"].isna()
    both = both.assign(
        untimed=both["count"].where(untimed, 0), untimed_line=both["line"].astype("Int64").where(untimed)
    )
    sums = {"count": "sum", "untimed": "sum", "line": "min", "untimed_line": "min"}
    counts = both.groupby(_BY_GROUP, observed=True, dropna=False, as_index=False).agg(sums)
    timed = requests[requests["minute_at"].notna()].assign(declared=requests["kind"].eq(DECLARED) * 1)
    minutes = timed.groupby(_BY_MINUTE, observed=True, as_index=False).agg({"count": "sum", "line": "min"})
    ordered = events.sort_values(["file", "line", "message"], kind="stable")
    return (
        LogCounts.checked(counts[list(LogCounts.columns())]),
        LogEvents.checked(ordered[list(LogEvents.columns())]),
        LogMinutes.checked(minutes[list(LogMinutes.columns())]),
    )


def _of_all(logs: Mapping[str, LogSums], name: str) -> pd.DataFrame:
    """A frame of all logs, with the name of each in `file`."""
    frames = ((file, getattr(sums, name)) for file, sums in logs.items())
    return together([frame.assign(file=categories([file] * len(frame))) for file, frame in frames])


def _limited(requests: pd.DataFrame, routes: int) -> pd.DataFrame:
    """The requests with one name in place of the routes and addresses beyond the first ones."""
    # Routes that are answered with 404 and its like, which anyone may make up, are limited apart.
    missed = requests["status"].between(400, 499) & ~requests["status"].isin(list(REQUEST_KINDS))
    for column, others, rows, most in (
        ("route", OTHER_ROUTES, missed, routes),
        ("route", OTHER_ROUTES, ~missed, routes),
        ("client", OTHER_CLIENTS, missed | ~missed, MOST_NAMES),
    ):
        names = requests.loc[rows & requests[column].ne(""), column].unique()
        if len(names) > most:
            folded = requests[column].astype("str").mask(rows & requests[column].isin(names[most:]), others)
            requests = requests.assign(**{column: folded.astype("category")})
    return requests


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with instants and days in place of numbers, and nothing in place of no number."""
    typed = frame.assign(status=frame["status"].astype("Int64").mask(frame["status"].eq(0)))
    for name, unit in (("minute", MINUTE), ("at", 1), ("not_before", 1), ("not_after", 1)):
        if name in frame:
            numbers = frame[name].to_numpy()
            stamps = np.where(numbers < 0, 0, numbers * unit).astype("datetime64[us]")
            stamps[numbers < 0] = np.datetime64("NaT", "us")
            typed[_NAMES.get(name, name)] = pd.DatetimeIndex(stamps, tz="UTC")
    days, known = pd.factorize(frame["day"])
    names = [f"{instant_of((day - 1) * DAY):%Y-%m-%d}" if day else None for day in known.tolist()]
    return typed.assign(day=pd.array(names, dtype="str").take(days))
