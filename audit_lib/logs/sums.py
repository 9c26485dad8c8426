"""What a log adds up to, as columns of numbers and names; the parts of a file are joined in their order."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit_lib.base.log_kinds import (
    DECLARED,
    LOG_LINE_STATES,
    MESSAGE_KINDS,
    MOST_ROUTES,
    NOTICE,
    OTHER_ROUTES,
    POSSIBLE,
    REQUEST_KINDS,
)
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.line import UNKNOWN
from audit_lib.logs.logins import OPEN_LOGINS, LoginStep, failed_steps
from audit_lib.logs.values import DAY, MINUTE, NONE, NOT_AN_ADDRESS, WHOLE
from audit_lib.settings import Login

KINDS = ("other", *REQUEST_KINDS.values(), *MESSAGE_KINDS, DECLARED)
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
OTHER_CLIENTS = "(other addresses)"
MOST_NAMES = MOST_ROUTES  # of routes and addresses that differ; the others are counted together
MOST_STEPS = 100  # of a clock, in a file: one whose lines are in no order would have as many as lines
MOST_SHAPES = 1_000  # of a file's lines; the others are counted together
OTHER_SHAPES = "(other shapes)"
SHOWN_LINES = 20
# A request's `slot` is the minute since 1970, or without a time -1 - its day (days since 1970 and one).
REQUESTS = ("slot", "kind", "status", "client", "method", "route", "count", "line")
GROUP = list(REQUESTS[:6])
NAMED = ("client", "method", "route", "subject")
EVENTS = ("line", "at", "not_before", "not_after", "day", "kind", "message", "status", *NAMED)
_WIDE = frozenset(("line", "at", "not_before", "not_after"))

Columns = dict[str, NDArray[Any]]


def columns_of(names: Sequence[str], numbers: "array[int]") -> Columns:
    """The columns of rows that stand one behind another."""
    table = np.frombuffer(numbers, np.int64).reshape(-1, len(names))
    return {
        name: table[:, place].astype(np.int64 if name in _WIDE else np.int32)
        for place, name in enumerate(names)
    }


def _no_rows(names: Sequence[str]) -> Columns:
    return columns_of(names, array("q"))


@dataclass(frozen=True)
class Sums:
    """What a file, or a part of one, adds up to.

    The columns of `requests` and `events` hold numbers: a kind is its place in KINDS, a name or a message its
    place in `names`, status 0 is none, an instant is in microseconds since 1970 UTC (NONE: none).
    """

    names: tuple[str, ...] = ("",)
    requests: Columns = field(default_factory=lambda: _no_rows(REQUESTS))
    events: Columns = field(default_factory=lambda: _no_rows(EVENTS))
    states: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(LOG_LINE_STATES, 0))
    days: Mapping[int, int] = field(default_factory=dict)  # lines by day (0: before the first date)
    timed: int = 0  # lines with a time of their own
    in_period: int = 0  # lines with a date in the period
    first: int = NONE  # the first and the last instant in the order of the lines, of whatever period
    last: int = NONE
    lacks: int = WHOLE  # what any time of it has not of its own: ZONELESS, YEARLESS
    waiting: int = 0  # events at the end that no later time of the file bounds
    # How many lines nobody understands, and the first, by why (UNKNOWN) and shape.
    shapes: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    unread: tuple[int, ...] = ()  # the first lines that are not understood
    warned: bool = False  # whether such a line, or a message, has the level of a warning

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
        """How many lines of text may report a refusal in words that no format knows, by shape.

        In a log with requests and a warning each such text may: whoever writes there what went wrong writes
        of refusals there, too.
        """
        kinds = UNKNOWN[1:] if self.warned and self.states["request"] else UNKNOWN[1:2]
        found: dict[str, int] = {}
        for kind in kinds:
            for (unknown, shape), (count, _) in self.shapes.items():
                if unknown == kind:
                    found[shape] = found.get(shape, 0) + count
        return found

    @property
    def dated(self) -> int:
        """Lines with a date, their own or one before them."""
        return self.lines - self.days.get(0, 0)


@dataclass(frozen=True)
class Period:
    """What is counted, in microseconds since 1970 UTC: from `first` on, before `end`; by default all."""

    first: int = NONE
    end: int = 1 << 62

    def holds(self, at: int) -> bool:
        """Whether an instant lies in the period."""
        return self.first <= at < self.end


class Names:
    """Numbers names in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"": 0}

    def __getitem__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


def missed(status: NDArray[Any]) -> NDArray[np.bool_]:
    """Which statuses are 404 and its like; their routes, which anyone may make up, are limited apart."""
    found: NDArray[np.bool_] = (status >= 400) & (status < 500) & ~np.isin(status, list(REQUEST_KINDS))
    return found


class Joining:
    """The sums of parts, added in their order: at most so many routes, in either budget, and addresses.

    Which are kept is decided by their order alone, so that it does not matter how a file is split.
    """

    def __init__(self, routes: int = MOST_NAMES, clients: int = MOST_NAMES) -> None:
        self._names = Names()
        self._most = {"missed": routes, "route": routes, "client": clients}
        self._kept: dict[str, set[int]] = {limit: set() for limit in self._most}

    def renamed(self, part: Sums) -> tuple[Columns, Columns]:
        """The requests and events of a part by the names of all; what is beyond a limit is one name."""
        requests, events = dict(part.requests), dict(part.events)
        for column in (*NAMED, "message"):
            events[column] = self._renumbered(part.names, events[column])
        for column in ("client", "method", "route"):
            requests[column] = self._renumbered(part.names, requests[column])
        rows = missed(requests["status"])
        for limit, column, which in (
            ("missed", "route", rows),
            ("route", "route", ~rows),
            ("client", "client", np.ones_like(rows)),
        ):
            self._limit(limit, requests, column, which)
        return requests, events

    @property
    def names(self) -> tuple[str, ...]:
        """The names by their number."""
        return tuple(self._names.numbers)

    def number(self, name: str) -> int:
        """The number of a name."""
        return self._names[name]

    def _renumbered(self, names: Sequence[str], numbers: NDArray[Any]) -> NDArray[Any]:
        used = pd.unique(numbers)
        mapping = np.zeros(len(names), np.int32)
        mapping[used] = [self._names[names[number]] for number in used.tolist()]
        renumbered: NDArray[Any] = mapping[numbers]
        return renumbered

    def _limit(self, limit: str, requests: Columns, column: str, rows: NDArray[np.bool_]) -> None:
        """Puts the name of the others in place of those that come too late."""
        kept, others = self._kept[limit], OTHER_ROUTES if column == "route" else OTHER_CLIENTS
        never = {0, self._names.numbers.get(others, 0)}
        late = []
        for number in pd.unique(requests[column][rows]).tolist():
            if number in kept or number in never:
                continue
            if len(kept) < self._most[limit]:
                kept.add(number)
            else:
                late.append(number)
        if late:
            folded = rows & np.isin(requests[column], late)
            requests[column] = np.where(folded, self._names[others], requests[column]).astype(np.int32)


def join(parts: Iterable[Sums], period: Period, most: int = MOST_NAMES) -> Sums:
    """The sums of a file from those of its parts, each but the first of which begins at a time."""
    joining, whole = Joining(most, most), Sums()
    requests, events = [_no_rows(REQUESTS)], [_no_rows(EVENTS)]
    for part in parts:
        rows = joining.renamed(part)
        for columns in rows:
            columns["line"] = columns["line"] + whole.lines
        if whole.lines and part.first != NONE:
            _bound(events[-1], whole.waiting, part.first)
            if whole.last - part.first > MINUTE and whole.last != NONE and period.holds(part.first):
                events.append(_step(whole, part.first, joining.number(CLOCK_SET_BACK)))
        requests.append(rows[0])
        events.append(rows[1])
        whole = _added(whole, part)
    joined = _together(events)
    steps = np.flatnonzero(joined["message"] == joining.number(CLOCK_SET_BACK))[MOST_STEPS:]
    joined = {name: np.delete(column, steps) for name, column in joined.items()} if len(steps) else joined
    return replace(whole, names=joining.names, requests=summed(_together(requests)), events=joined)


def _together(tables: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([columns[name] for columns in tables]) for name in tables[0]}


def _bound(events: Columns, waiting: int, following: int) -> None:
    """Bounds the last events by a later time; instances merged out of order can swap the two."""
    rows = slice(len(events["line"]) - waiting, None)
    before = events["not_before"][rows].copy()
    events["not_before"][rows] = np.minimum(before, following)
    events["not_after"][rows] = np.maximum(before, following)


def _step(whole: Sums, at: int, message: int) -> Columns:
    """The event of a clock that was set back between two parts."""
    known = {"line": whole.lines + 1, "at": at, "not_before": at, "not_after": whole.last}
    known |= {"day": at // DAY + 1, "kind": KIND_NUMBERS[NOTICE], "message": message}
    return columns_of(EVENTS, array("q", (known.get(name, 0) for name in EVENTS)))


def _added(whole: Sums, part: Sums) -> Sums:
    return Sums(
        states={state: count + part.states[state] for state, count in whole.states.items()},
        days={day: whole.days.get(day, 0) + part.days.get(day, 0) for day in {**whole.days, **part.days}},
        timed=whole.timed + part.timed,
        in_period=whole.in_period + part.in_period,
        first=part.first if whole.first == NONE else whole.first,
        last=whole.last if part.last == NONE else part.last,
        lacks=whole.lacks | part.lacks,
        waiting=part.waiting,
        shapes=_added_shapes(whole, part),
        warned=whole.warned or part.warned,
        unread=(*whole.unread, *(line + whole.lines for line in part.unread))[:SHOWN_LINES],
    )


def _added_shapes(whole: Sums, part: Sums) -> dict[tuple[str, str], tuple[int, int]]:
    shapes = dict(whole.shapes)
    for (state, shape), (count, line) in part.shapes.items():
        key = (state, shape)
        if len(shapes) >= MOST_SHAPES and key not in shapes:
            key = (state, OTHER_SHAPES)
        before, first = shapes.get(key, (0, line + whole.lines))
        shapes[key] = before + count, first
    return shapes


def settle_logins(sums: Sums, logins: Sequence[Login]) -> Sums:
    """The sums with each login that was redirected counted as it ended: failed, possibly so, or a success."""
    events, names = sums.events, sums.names
    moved, sent = (names.index(name) if name in names else -1 for name in OPEN_LOGINS)
    places = np.flatnonzero(np.isin(events["message"], [moved, sent]))
    if not len(places):
        return sums
    places = places[np.argsort(events["line"][places], kind="stable")]
    steps = [_login_step(events, place, names, moved) for place in places.tolist()]
    kinds = [
        KIND_NUMBERS[POSSIBLE if failed is None else DECLARED if failed else "other"]
        for failed in failed_steps(steps, logins)
    ]
    events = events | {"kind": events["kind"].copy(), "message": events["message"].copy()}
    events["kind"][places], events["message"][places] = kinds, 0
    requests = _together([sums.requests, _requests_of(events, places)])
    gone = places[events["kind"][places] == KIND_NUMBERS["other"]]
    events = {name: np.delete(column, gone) for name, column in events.items()}
    return replace(sums, requests=summed(requests), events=events)


def _login_step(events: Columns, place: int, names: Sequence[str], moved: int) -> LoginStep:
    at = int(events["at"][place])
    client, method, route, subject = (names[events[column][place]] for column in NAMED)
    return LoginStep(
        is_login=bool(events["message"][place] == moved),
        at=None if at == NONE else at,
        client="" if client == NOT_AN_ADDRESS else client,
        method=method,
        route=route,
        parameter=subject,
    )


def _requests_of(events: Columns, places: NDArray[Any]) -> Columns:
    """The rows of requests that are counted by their events."""
    rows = {name: events[name][places] for name in EVENTS}
    rows["slot"] = np.where(rows["at"] == NONE, -1 - rows["day"], rows["at"] // MINUTE).astype(np.int32)
    rows["count"] = np.ones(len(places), np.int32)
    return {name: rows[name] for name in REQUESTS}


def summed(requests: Columns) -> Columns:
    """One row for each group of requests: how many, and the first line."""
    frame = pd.DataFrame(requests, copy=False)
    if not frame.duplicated(GROUP).any():
        return requests
    groups = frame.groupby(GROUP, sort=False, as_index=False).agg(
        count=("count", "sum"), line=("line", "min")
    )
    return {name: groups[name].to_numpy() for name in REQUESTS}
