"""What one log file adds up to, as columns of numbers and names: the common form of both readers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

import numpy as np

from audit_lib.base.log_kinds import DECLARED, MESSAGE_KINDS, REQUEST_KINDS
from audit_lib.logs.count_lines import Tally
from audit_lib.logs.units import NONE, Ints

KINDS = ("other", *REQUEST_KINDS.values(), *MESSAGE_KINDS, DECLARED)
NAMED = ("client", "method", "route")
# Columns by which rows are summed, those that are summed, and those of which the first is kept: see `summed`.
BY_GROUP = ("day", "kind", "status", *NAMED), ("count", "untimed"), ("line", "untimed_line")
BY_MOMENT = ("minute", "status", "declared", *NAMED), ("count",), ("line",)
EVENT = ("line", "at", "not_before", "not_after", "day", "kind", "message", "status")
EVENT_NAMES = (*NAMED, "subject")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NO_LINE = 1 << 62  # higher than any

Columns = dict[str, Ints]


@dataclass(frozen=True)
class LogSums:
    """The sums of one file.

    Columns hold numbers: days since 1970 and one (0: none), kinds by their place in KINDS, status 0 for none,
    instants in microseconds since 1970 UTC (NONE: none), message by its place in `messages`, and names by
    their place in `names`. `groups` has `count` and `untimed`, `moments` has `count`; both have the `line` of
    their first, `groups` also that of the first without a time (0: none).
    """

    lines: int
    request_lines: int
    message_lines: int
    text_only: int
    not_understood: int
    blank: int
    dated: int
    in_period: int
    lacks: int  # what any time of it has not of its own: ZONELESS, YEARLESS
    names: tuple[str, ...]
    messages: tuple[str, ...]
    groups: Columns
    moments: Columns
    events: Columns
    first: int = NONE  # the first and the last instant in the order of the lines, of whatever period
    last: int = NONE

    @property
    def read(self) -> int:
        """Lines that a format matches, whatever they show."""
        return self.request_lines + self.message_lines + self.text_only

    @property
    def states(self) -> dict[str, int]:
        """The lines by the columns of Sources."""
        return {
            "lines": self.lines,
            "read": self.read,
            "requests": self.request_lines,
            "messages": self.message_lines,
            "text_only": self.text_only,
            "not_understood": self.not_understood,
            "blank": self.blank,
        }


class Names:
    """Numbers names in order of sight, behind those that have numbers already."""

    def __init__(self, known: Sequence[str] = ("",)) -> None:
        self.numbers: dict[str, int] = {name: number for number, name in enumerate(known)}

    def __getitem__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def all(self) -> tuple[str, ...]:
        """The names by their number."""
        return tuple(self.numbers)


def day_number(day: str | None) -> int:
    """Days since 1970 and one; 0 for none."""
    return 0 if day is None else date.fromisoformat(day).toordinal() - _EPOCH_DAY + 1


def day_text(number: int) -> str | None:
    """The day of a number, 2026-09-30."""
    return None if not number else date.fromordinal(number + _EPOCH_DAY - 1).isoformat()


def sums_of(tally: Tally) -> LogSums:
    """The naive reader's sums as columns."""
    names, messages = Names(), Names()

    def numbered(named: object, attributes: Sequence[str] = NAMED) -> list[int]:
        return [names[getattr(named, attribute)] for attribute in attributes]

    groups = [
        (day_number(group.day), KINDS.index(group.kind), group.status or 0, *numbered(group), *counted)
        for group, counted in tally.counts.items()
    ]
    moments = [
        (moment.minute, moment.status, moment.declared, *numbered(moment), *counted)
        for moment, counted in tally.moments.items()
    ]
    events = [
        (
            event.line,
            *(NONE if at is None else at for at in (event.at, event.not_before, event.not_after)),
            day_number(event.day),
            KINDS.index(event.shown.kind),
            messages[event.shown.message],
            event.shown.status or 0,
            *numbered(event.shown, EVENT_NAMES),
        )
        for event in tally.events
    ]
    return LogSums(
        lines=tally.lines,
        request_lines=tally.states["request"],
        message_lines=tally.states["message"],
        text_only=tally.states["text only"],
        not_understood=tally.states["not understood"],
        blank=tally.states["blank"],
        dated=tally.dated,
        in_period=tally.in_period,
        lacks=tally.lacks,
        names=names.all(),
        messages=messages.all(),
        groups=_columns(groups, list(chain(*BY_GROUP))),
        moments=_columns(moments, list(chain(*BY_MOMENT))),
        events=_columns(events, (*EVENT, *EVENT_NAMES)),
        first=NONE if tally.first is None else tally.first,
        last=NONE if tally.last is None else tally.last,
    )


def no_sums() -> LogSums:
    """The sums of a file without lines."""
    return sums_of(Tally())


def _columns(rows: Sequence[tuple[int, ...]], names: Sequence[str]) -> Columns:
    table = np.array(rows, np.int64).reshape(-1, len(names))
    return {name: table[:, place] for place, name in enumerate(names)}


def summed(columns: Columns, by: Sequence[str], values: Sequence[str], lines: Sequence[str] = ()) -> Columns:
    """One row for each group of the columns `by`, in their order: sums of `values`, the first of `lines`."""
    key = _key(map(columns.__getitem__, by))
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    del key
    firsts = order[starts]
    groups = {name: columns[name][firsts] for name in by}
    if not len(starts):
        return groups | {name: columns[name] for name in (*values, *lines)}
    sums = {name: np.add.reduceat(columns[name][order], starts) for name in values}
    return groups | sums | {name: _least(columns[name][order], starts) for name in lines}


def _key(columns: Iterable[Ints]) -> Ints:
    """One number a row, in the order of the columns, which hold no number below 0."""
    key, width = np.zeros(1, np.int64), 1
    for numbers in columns:
        column, size = numbers, int(np.max(numbers, initial=0)) + 1
        if width * size >= 1 << 62:
            (key, width), (column, size) = _dense(key), _dense(numbers)
        key, width = key * size + column, width * size
    return key


def _dense(numbers: Ints) -> tuple[Ints, int]:
    """The numbers in the same order without gaps, and how many differ."""
    distinct, places = np.unique(numbers, return_inverse=True)
    return places.astype(np.int64), len(distinct)


def distinct_in(numbers: Ints) -> Ints:
    """The numbers of a column in order, each once; none is below 0, or much above how many there are."""
    found = np.zeros(int(np.max(numbers, initial=-1)) + 1, np.bool_)
    found[numbers] = True
    return np.flatnonzero(found)


def _least(lines: Ints, starts: Ints) -> Ints:
    """The lowest line of each group, of which each begins at a place; 0, which is none, if no row has one."""
    least = np.minimum.reduceat(np.where(lines > 0, lines, _NO_LINE), starts)
    return np.where(least < _NO_LINE, least, 0)


def renamed(
    sums: Iterable[LogSums], columns: Callable[[LogSums], Columns], named: Sequence[str]
) -> tuple[Columns, tuple[str, ...]]:
    """The columns of several files below each other, and the names that they now refer to, in sorted order.

    Since numbers follow the order of names, sorting by number sorts by name.
    """
    parts = list(sums)
    names = tuple(sorted({name for part in parts for name in part.names}))
    places = {name: number for number, name in enumerate(names)}
    tables: list[Columns] = []
    for part in parts:
        mapping = np.array([places[name] for name in part.names], np.int64)
        table = columns(part)
        tables.append({name: mapping[table[name]] if name in named else table[name] for name in table})
    if len(tables) == 1:
        return tables[0], names
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}, names
