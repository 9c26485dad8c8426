"""What the lines of a log add up to: requests by minute, each failure and message, all else counted."""

import gc
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from io import BufferedReader
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from audit_lib.base.archives import LogStream
from audit_lib.base.clock import Quarter
from audit_lib.base.files import PieceReader, Unreadable
from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import NOTICE, REQUEST_KINDS
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import CLOCK_SET_BACK, MOST_NAMES, OTHER_ROUTES, LogFormats
from audit_lib.logs.line import REFUSAL, UNKNOWN, UNREAD, Line, LogEvent, raw_lines, read_lines
from audit_lib.logs.logins import OPEN_LOGINS, settle_logins
from audit_lib.logs.times import DAY, MINUTE, NONE, WHOLE, YEARLESS, day_of, days_of

# Where each line of a log ends; of one that is text only a prefix or a statement matched, and nothing else.
LOG_LINE_STATES = ("request", "message", "text only", "not understood", "blank")
OTHER_CLIENTS = "(other addresses)"
YEAR_TAKEN = "its times carry no year; it was taken from the file's date"
YEAR_OPEN = "its times carry no year, and the file's date leaves it open: no line has a time"
MOST_STEPS = 100  # of a clock, in a day of a file: lines in no order would have as many as lines
MOST_SHAPES, OTHER_SHAPES = 1_000, "(other shapes)"  # of a file's lines, each with a count of its own
SHOWN_LINES = 20
# Instants in microseconds since 1970 UTC, a minute in minutes (-1: none), a day in days and one (0: none).
GROUP = ("minute", "day", "kind", "status", "client", "method", "route")
REQUESTS = (*GROUP, "count", "line")
EVENTS = ("line", "at", "not_before", "not_after", "day", "kind", "message", *GROUP[3:], "subject")
TEXTS = ["file", "kind", "message", "client", "method", "route", "subject"]
_UNITS = {"minute": MINUTE, "at": 1, "not_before": 1, "not_after": 1}
_BY_MINUTE = ["file", "minute", "status", "client", "method", "route", "kind"]
_SUMS = {"count": np.add, "untimed": np.add, "line": np.minimum, "untimed_line": np.minimum}
_INTS: Any = defaultdict(lambda: "int64", minute="int32", day="int32", status="int16", count="int32")
_BLOCK = 1 << 20  # bytes that are read at a time
_MOST_ROWS = 200_000  # that are held as Python's own objects
_LONG = 32 * DAY  # before its date a file ends that was copied later; no clock is set back so far


@dataclass
class Facts:
    """What is known of the lines of a file beside their requests and events."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOG_LINE_STATES, 0))
    days: set[int] = field(default_factory=set)  # of the lines with a date
    last: int = NONE  # the instant of the last line that has one
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

    def append(self, later: "Facts") -> None:
        """Adds those of the lines that follow in the same file."""
        self.unread = [*self.unread, *(self.lines + number for number in later.unread)][:SHOWN_LINES]
        self.states = {state: count + later.states[state] for state, count in self.states.items()}
        for unknown, shapes in self.shapes.items():
            self.shapes[unknown] = dict(Counter(shapes) + Counter(later.shapes[unknown]))
        self.days |= later.days
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

    def within(self, quarter: Quarter) -> "LogSums":
        """The sums with the rows of a quarter's days, and those before the first date of the log."""
        requests, events = (it[it["day"].isin({0, *days_of(quarter)})] for it in (self.requests, self.events))
        return replace(self, requests=requests, events=events)

    def dumps(self) -> bytes:
        """What a log that could be read holds, as JSON."""
        rows = (self.requests.to_numpy().tolist(), self.events.to_numpy().tolist(), asdict(self.facts))
        return json.dumps(rows, default=sorted).encode("ascii")

    @classmethod
    def loads(cls, body: bytes) -> "LogSums":
        """The same from its JSON."""
        rows, events, own = json.loads(body)
        return cls(
            frame_of(REQUESTS, rows), frame_of(EVENTS, events), Facts(**own | {"days": {*own["days"]}})
        )


def frame_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame of rows: texts as categories in their order, all else as whole numbers."""
    cells = dict.fromkeys(columns, ()) | dict(zip(columns, zip(*rows, strict=True), strict=False))
    return pd.DataFrame(
        {name: categories(it) if name in TEXTS else np.array(it, _INTS[name]) for name, it in cells.items()}
    )


def categories(texts: Iterable[str]) -> pd.Categorical:
    """Texts as categories in their order."""
    codes, known = pd.factorize(np.array(list(texts), dtype=object), sort=True)
    return pd.Categorical.from_codes(codes, pd.Index(known, dtype="str"))


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames, which are emptied to save memory; texts as categories in order, if used."""
    whole: dict[str, Any] = {}
    for name in [*map(str, frames[0])]:
        parts: list[Any] = [frame.pop(name) for frame in frames]
        if name in TEXTS:
            texts = [part if part.dtype == "category" else categories(part) for part in parts]
            every = union_categoricals(texts, sort_categories=True)
            is_whole = np.bincount(every.codes, minlength=len(every.categories)).all()
            whole[name] = every if is_whole else every.remove_unused_categories()
        else:
            whole[name] = np.concatenate(parts, dtype=parts[0].dtype, casting="same_kind")
    return pd.DataFrame(whole, copy=False)


def read_log(formats: LogFormats, file: LogFile) -> LogSums:
    """What a log holds. If it leaves open of which year its times are, its lines have none.

    A log that cannot be read has a `state` of Sources and a `reason`, and adds up to nothing.
    """
    sums = sum_lines(formats, file)
    if sums.facts.lacks & YEARLESS and file.written is not None:
        sums.facts.remark = YEAR_TAKEN
        steps = sums.events[sums.events["message"].eq(CLOCK_SET_BACK)]
        is_near = sums.facts.last != NONE and abs(file.written - sums.facts.last) <= _LONG
        if not is_near or ((steps["not_after"] - steps["not_before"]) > _LONG).any():
            sums = sum_lines(formats, replace(file, written=None))
            sums.facts.remark = YEAR_OPEN
    return settled(formats, sums)


def sum_lines(
    formats: LogFormats, file: LogFile, first: int = 0, end: int | None = None, following: int | None = None
) -> LogSums:
    """The sums of a log from a byte on and before another, where a record begins at the instant `following`.

    Logins that were redirected are left open. `end` None: up to the end. An unreadable log has a `state`.
    """
    try:
        with file.open() as (content, _):
            stream = LogStream(content)
            lines = read_lines(
                raw_lines(PieceReader(_between(stream, first, end))), formats, file.zone, file.written
            )
            return replace(Tally().total(lines, following), broken=stream.broken)
    except Unreadable as error:
        return LogSums(frame_of(REQUESTS, ()), frame_of(EVENTS, ()), state=error.state, reason=error.reason)


def _between(stream: LogStream, first: int, end: int | None) -> Iterator[bytes]:
    passed, file = 0, BufferedReader(stream, _BLOCK)
    while piece := file.read(_BLOCK if end is None else min(_BLOCK, end - passed)):
        yield piece[max(first - passed, 0) :]
        passed += len(piece)


def settled(formats: LogFormats, sums: LogSums) -> LogSums:
    """The sums with each login that was redirected counted as it ended."""
    requests, events = settle_logins(sums.requests, sums.events, formats.logins)
    if events is not sums.events:
        requests, events = together([requests]), together([events])
    return replace(sums, requests=requests, events=events)


def joined(formats: LogFormats, parts: Sequence[LogSums]) -> LogSums | None:
    """The sums of a log from those of its pieces, in their order; a single piece is the log as it was read.
    None if a piece cannot be read, a time has no year, or MOST_SHAPES is reached: read the whole log then.
    """
    if len(parts) == 1:
        return parts[0]
    facts = Facts()
    for part in parts:
        for frame in (part.requests, part.events):
            frame["line"] += facts.lines
        facts.append(part.facts)
    is_capped = any(len(shapes) >= MOST_SHAPES for shapes in facts.shapes.values())
    if is_capped or facts.lacks & YEARLESS or any(part.state for part in parts):
        return None
    shown = together([part.events for part in parts])
    steps = shown["message"].eq(CLOCK_SET_BACK)
    kept = shown[~steps | steps.groupby(shown["day"]).cumsum().le(MOST_STEPS)]
    return settled(
        formats,
        LogSums(_merged([part.requests for part in parts]), together([kept]), facts, parts[-1].broken),
    )


class Tally:
    """Sums that grow line by line, and what the lines so far say about the next one."""

    def __init__(self) -> None:
        self._facts = Facts()
        self._frames: list[tuple[pd.DataFrame, pd.DataFrame]] = []
        self._requests: list[Any] = []  # of each in turn its minute, day, line, event and client
        self._events: list[tuple[Any, ...]] = []  # rows of EVENTS
        self._number = 0  # of the line
        self._day = 0  # of the last time
        self._until = NONE  # so long times are of that day
        self._steps: Counter[int] = Counter()  # of a clock that was set back, by day
        self._waiting: list[tuple[int, int, LogEvent, str]] = []  # for the next line with a time
        self._counted: set[str] = set()  # kinds that this record was already counted for
        self._open = ""  # what the line before was of a record with a time: "record", "continuation"

    def total(self, lines: Iterable[Line], following: int | None = None) -> LogSums:
        """The sums of lines in their order, up to a line behind them whose instant is given."""
        gc.disable()  # what is kept grows with each line and has no circles: looking for them takes a third
        try:
            for line in lines:
                self._add(line)
            self._number += 1
            if following is not None:
                self._pass_time(following)
            for number, before, event, client in self._waiting:
                self._add_event(event, client, number, NONE, before, NONE, day_of(before))
            self._pack()
            requests, events = zip(*self._frames, strict=True)
            return LogSums(_merged(requests), together(events), self._facts)
        finally:
            gc.enable()

    def _add(self, line: Line) -> None:
        state, at, record, events, lacks, client, continues, _, unknown, shape, warns = line
        facts = self._facts
        self._number += 1
        facts.states[state] += 1
        facts.lacks |= lacks
        if record:
            self._counted.clear()
        if at is not None:
            if facts.last <= at < self._until and not self._waiting:
                facts.last = at
            else:
                self._pass_time(at)
            self._open = "record"
        elif state != "blank":
            follows = self._open and not record and continues in ("record", self._open)
            self._open, at = ("continuation", facts.last) if follows else ("", None)
        self._note(unknown, shape, warns)
        for event in events:
            # A login that was redirected is counted once it is known how it ended.
            if event.status and event.message not in OPEN_LOGINS:
                minute = -1 if at is None else at // MINUTE
                self._requests += (minute, self._day, self._number, event, event.client or client)
            if event.kind != "other" or event.message:
                self._count(event, event.client or client, at)
        if len(self._requests) > 5 * _MOST_ROWS or len(self._events) > _MOST_ROWS:
            self._pack()

    def _note(self, unknown: str, shape: str, warns: bool) -> None:
        """Counts a line whose words nobody knows, if they are unknown, by its shape, and notes a warning."""
        self._facts.warned |= warns
        if unknown:
            shapes = self._facts.shapes[unknown]
            key = shape if shape in shapes or len(shapes) < MOST_SHAPES else OTHER_SHAPES
            shapes[key] = shapes.get(key, 0) + 1
        if unknown == UNREAD and len(self._facts.unread) < SHOWN_LINES:
            self._facts.unread.append(self._number)

    def _pass_time(self, at: int) -> None:
        before, self._facts.last, self._day = self._facts.last, at, day_of(at)
        self._until = self._day * DAY
        self._facts.days.add(self._day)
        if before - at > MINUTE and self._steps[self._day] < MOST_STEPS:
            self._steps[self._day] += 1
            self._add_event(LogEvent(NOTICE, CLOCK_SET_BACK), "", self._number, at, at, before, self._day)
        for number, earlier, event, client in self._waiting:
            # Untimed events lie between their nearest timed lines; merged instances can swap the two.
            self._add_event(event, client, number, NONE, min(earlier, at), max(earlier, at), day_of(earlier))
        self._waiting.clear()

    def _count(self, event: LogEvent, client: str, at: int | None) -> None:
        if event.once and event.kind in self._counted:
            return
        self._counted.update([event.kind] if event.once else ())
        if at is None:
            self._waiting.append((self._number, self._facts.last, event, client))
        else:
            self._add_event(event, client, self._number, at, self._facts.last, at, self._day)

    def _add_event(self, event: LogEvent, client: str, *place: int) -> None:
        """Adds a row of EVENTS; its place is the line, its instant, the bounds of that, and the day."""
        kind, message, status, _, method, route, subject, _ = event
        self._events.append((*place, kind, message, status or 0, client, method, route, subject))

    def _pack(self) -> None:
        minutes, days, lines = (
            np.array(self._requests[at::5], it) for at, it in enumerate(("i4", "i4", "i8"))
        )
        events, clients = self._requests[3::5], categories(self._requests[4::5])
        numbers = {event: at for at, event in enumerate(dict.fromkeys(events))}
        named = frame_of(LogEvent._fields[:6], numbers).take([numbers[event] for event in events])
        rows = named.assign(minute=minutes, day=days, line=lines, client=clients, count=np.int32(1))
        sums = _by_group(rows[[*REQUESTS]].reset_index(drop=True), GROUP).astype({"count": _INTS["count"]})
        self._frames.append((sums.sort_index().reset_index(drop=True), frame_of(EVENTS, self._events)))
        self._requests, self._events = [], []


def _by_group(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The first row of each group by these columns, sorted by them (no day or status last), with _SUMS."""
    cells = [rows[name].sub(1) if name in {"day", "status"} else rows[name] for name in by]
    cells = [each.cat.codes if each.dtype == "category" else each for each in cells]
    keys = [column.to_numpy().view(f"u{column.dtype}") for column in cells]
    order = np.lexsort(keys[::-1])
    is_new = reduce(np.logical_or, (np.diff(key[order]) != 0 for key in keys))
    starts = np.flatnonzero(np.append(len(rows) > 0, is_new))
    sums = {name: _SUMS[name].reduceat(rows[name].to_numpy()[order], starts) for name in {*rows} & {*_SUMS}}
    return rows.take(order[starts]).assign(**sums)


def _merged(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows REQUESTS of frames in their order; what several have of a minute, or of a day, is summed."""
    places = [frame["minute"].where(frame["minute"].ge(0), -1 - frame["day"]) for frame in frames]
    known = pd.concat([each.drop_duplicates() for each in places]).loc[lambda it: it.duplicated()]
    shared = np.flatnonzero(np.concatenate([each.isin(known) for each in places]))
    whole = together(frames)
    sums = _by_group(whole.take(shared), GROUP)
    whole.loc[sums.index.to_numpy(), "count"] = sums["count"].astype(_INTS["count"])
    twice = np.setdiff1d(shared, sums.index)
    return pd.DataFrame({name: whole.pop(name).array.delete(twice) for name in REQUESTS}, copy=False)


class OfLog(Contract):
    """What the rows of each frame of logs have."""

    file: Series[str]
    line: Series[int]  # of the first, where a row is of several
    client: Series[str]  # "" where the line names none
    method: Series[str]
    route: Series[str]  # path without query, identifiers collapsed


class LogCounts(OfLog):
    """One row for each group of requests and messages in the period; every line is in `lines` of Sources."""

    day: Series[str] = Field(nullable=True)  # "2026-09-30" UTC; null: no date before it in its file
    kind: Series[str]  # docs/log_formats.md#requests and docs/log_formats.md#messages
    status: Series[pd.Int64Dtype] = Field(nullable=True)  # null on messages
    count: Series[int]
    untimed: Series[int]  # how many of `count` carry no time of their own
    untimed_line: Series[pd.Int64Dtype] = Field(nullable=True)  # of the first without a time; null: none


class LogEvents(OfLog):
    """One row for each failed request and each message of a known kind, with its place."""

    at: Series[Instant] = Field(nullable=True)  # null: the line carries no time
    not_before_at: Series[Instant] = Field(nullable=True)  # the nearest timed lines of the file
    not_after_at: Series[Instant] = Field(nullable=True)
    day: Series[str] = Field(nullable=True)
    kind: Series[str]
    message: Series[str]  # the message kind's name in log_formats.toml; "" for a request
    status: Series[pd.Int64Dtype] = Field(nullable=True)
    subject: Series[str]  # what the message names: a variable, a masked e-mail address; never a value


class LogMinutes(OfLog):
    """One row for each minute, status, client, method, route and kind of the requests that carry a time."""

    minute_at: Series[Instant]  # the first instant of the minute
    status: Series[int]
    kind: Series[str]  # docs/log_formats.md#requests
    count: Series[int]


def gather(logs: Mapping[str, LogSums]) -> list[pd.DataFrame]:
    """The requests and the events of logs by name; each event has the minute and the count of a request."""
    logs = logs or {"": LogSums(frame_of(REQUESTS, ()), frame_of(EVENTS, ()))}
    parts = ([getattr(sums, name) for sums in logs.values()] for name in ("requests", "events"))
    requests, events = (together(it).assign(file=categories(logs).repeat([*map(len, it)])) for it in parts)
    return [requests, events.assign(count=1, minute=events["at"].clip(-1) // MINUTE)]


def tabulate(frames: Iterable[pd.DataFrame], most: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of requests, and of messages that are no notices, of what `gather` gives; and `LogEvents`.

    Events are in order of file, line and message. Routes after the first `most` (404 and its like, which
    anyone may make up, apart) and addresses beyond MOST_NAMES have one name.
    """
    requests, events = frames
    messages = events.loc[events["status"].eq(0) & events["kind"].ne(NOTICE), list(requests)]
    shown = _typed(events).sort_values(["file", "line", "message"], kind="stable")
    return together([_limited(requests, most), messages]), LogEvents.checked(shown[list(LogEvents.columns)])


def count_by(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The first of the rows that `tabulate` gives in each group by these columns, with the counts of all."""
    parts = (rows[at : at + _MOST_ROWS] for at in range(0, max(len(rows), 1), _MOST_ROWS))
    sums = [_by_group(one.assign(untimed=one["count"].where(one["minute"].lt(0), 0)), by) for one in parts]
    return _typed(_by_group(pd.concat(sums), by))


def counts_of(rows: pd.DataFrame) -> pd.DataFrame:
    """`LogCounts` of the rows that `tabulate` gives, in order of their groups."""
    counts = count_by(
        rows.assign(untimed_line=rows["line"].where(rows["minute"].lt(0), 1 << 62)), ["file", *GROUP[1:]]
    )
    lines = counts["untimed_line"].astype("Int64").where(counts["untimed"].gt(0))
    return LogCounts.checked(counts.assign(untimed_line=lines)[list(LogCounts.columns)])


def minutes_of(rows: pd.DataFrame) -> pd.DataFrame:
    """`LogMinutes` of the rows that `tabulate` gives, in order of their groups."""
    timed = rows[rows["minute"].ge(0) & rows["status"].gt(0) & rows["count"].gt(0)]
    return LogMinutes.checked(_typed(_by_group(timed, _BY_MINUTE))[list(LogMinutes.columns)])


def _limited(requests: pd.DataFrame, routes: int) -> pd.DataFrame:
    missed = requests["status"].between(400, 499) & ~requests["status"].isin(list(REQUEST_KINDS))
    for column, others, rows, most in (
        *(("route", OTHER_ROUTES, some, routes) for some in (missed, ~missed)),
        ("client", OTHER_CLIENTS, missed | ~missed, MOST_NAMES),
    ):
        names = requests.loc[rows & requests[column].ne(""), column].unique()
        if len(names) > most:
            folded = requests[column].astype("str").mask(rows & requests[column].isin(names[most:]), others)
            requests = requests.assign(**{column: folded.astype("category")})
    return requests


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    typed = frame.assign(status=frame["status"].astype("Int64").mask(frame["status"].eq(0)))
    for name in frame.columns.intersection([*_UNITS]):
        numbers = frame[name].to_numpy("int64")
        stamps = np.where(numbers < 0, pd.NaT.value, numbers * _UNITS[name]).view("datetime64[us]")
        typed[name if name == "at" else f"{name}_at"] = pd.DatetimeIndex(stamps, tz="UTC")
    days, known = pd.factorize(frame["day"])
    names = [str(np.datetime64(day - 1, "D")) if day else None for day in known.tolist()]
    return typed.assign(day=pd.array(names, dtype="str").take(days))
