"""What workers counted of a file: rows of keys, events by their texts, then all by names, each once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from audit_lib.base.compiled.load_code import load_entry
from audit_lib.logs.file_counts import BY_GROUP, BY_MOMENT, LogSums, Names, no_sums
from audit_lib.logs.group_limit import NAME_COST
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.chunks import ChunkRead, Counted
from audit_lib.logs.kernel.decode import (
    OF_GROUP,
    OF_MOMENT,
    NamedTexts,
    group_rows,
    moment_rows,
    named_groups,
    named_moments,
)
from audit_lib.logs.kernel.limit_routes import combined, thinned
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL, Frame
from audit_lib.logs.kernel.packed_words import (
    day_in,
    day_word,
    group_word,
    lower_in,
    message_in,
    method_in,
    status_in,
    two_in_one,
    untimed_in,
    untimed_word,
    upper_in,
)
from audit_lib.logs.kernel.shared_arrays import Groups, rows_in
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import Least, folded
from audit_lib.logs.units import Ints

_MANY_ROWS = 1 << 16


@dataclass
class Share:
    """What one worker counted since it began afresh.

    `begun` are the lines before each of its chunks. `extra` are rows that it could not count itself, since it
    did not know what stood before its chunk: the two words of a key, a count and the first line.
    """

    worker: Counted
    begun: list[int] = field(default_factory=list)
    extra: list[Ints] = field(default_factory=list)
    _enough: int = _MANY_ROWS
    _look_at: int = 0
    _known: Ints = field(default_factory=lambda: np.zeros(1, np.int64))

    def add(self, rows: Ints) -> None:
        """Adds to the rows beside the tables."""
        self.extra.append(rows)
        if sum(map(len, self.extra)) > self._enough:
            self.extra = [combined(np.concatenate(self.extra))]
            self._enough = max(_MANY_ROWS, 2 * len(self.extra[0]))

    def has_many(self, most: int) -> bool:
        """Whether so many groups were counted, with their names, that they are to be taken now."""
        strings, groups, *_ = self.worker.tables
        names = NAME_COST * int(strings.size[0])
        return names + int(groups.size[0]) + sum(map(len, self.extra)) > most

    def is_full(self, most: int) -> bool:
        """Whether so many routes differ that they are to be folded now."""
        size, limit = int(self.worker.tables.strings.size[0]), most + most // 2
        if size <= max(limit, self._look_at):
            return False
        self._look_at = size + size // 4  # most strings may be clients: looking at them each time would cost
        asked = np.zeros(size + 1, np.bool_)
        for rows in (rows_in(self.worker.tables.groups), *self.extra):
            asked[lower_in(rows[:, layout.G_TWO])] = True
        return bool(np.count_nonzero(asked) > limit)

    def own(self, events: Ints, texts: dict[bytes, int]) -> Ints:
        """The same events, with strings by their numbers in `texts`, to which new ones are added."""
        strings = self.worker.tables.strings
        missing = int(strings.size[0]) + 1 - len(self._known)
        self._known = np.concatenate([self._known, np.full(max(0, missing), -1, np.int64)])
        one, two, subject = (events[:, place] for place in (layout.E_ONE, layout.E_TWO, layout.E_SUBJECT))
        columns = (method_in(one), upper_in(two), lower_in(two), subject)
        used = np.zeros(len(self._known), np.bool_)
        for column in columns:
            used[column] = True
        for number in np.flatnonzero(used & (self._known < 0)).tolist():
            text = strings.arena[strings.starts[number] : strings.starts[number + 1]].tobytes()
            self._known[number] = texts.setdefault(text, len(texts))
        method, client, route, subject = (self._known[column] for column in columns)
        parts = day_in(one), untimed_in(one), status_in(one), message_in(one)
        events[:, layout.E_ONE] = group_word(*parts, method)
        events[:, layout.E_TWO] = two_in_one(client, route)
        events[:, layout.E_SUBJECT] = subject
        return events

    def _in_file(self, rows: Ints) -> Ints:
        """The rows of the worker's tables with their first line in the file in place of the mark."""
        marks = rows[:, layout.G_MARK]
        rows[:, layout.G_MARK] = np.array(self.begun, np.int64)[upper_in(marks)] + lower_in(marks)
        return rows

    def rows(self, names: Names, plan: Plan, least: Sequence[Least]) -> tuple[Ints, Ints]:
        """The rows of groups and moments that were counted, by names; `least` as in `thinned`."""
        tables = self.worker.tables
        groups, minutes = (self._in_file(rows_in(table)) for table in (tables.groups, tables.minutes))
        if self.extra:
            groups = np.concatenate([groups, *self.extra])
        strings = layout.texts(tables.strings)
        groups, minutes = thinned(groups, minutes, strings, least)
        texts = NamedTexts(strings, names, plan.limit)
        return named_groups(groups, texts, plan.formats), named_moments(minutes, texts, plan.formats)


def head_rows(read: ChunkRead, day: int, lines: int) -> Ints:
    """The groups before a chunk's first date, by the day and the lines that stand before the chunk."""
    rows = read.head.copy()
    rows[:, layout.G_ONE] |= day_word(day)
    rows[:, layout.G_MARK] = lines + lower_in(rows[:, layout.G_MARK])
    return rows


class FileTables:
    """The tables of one file, and the names that they number."""

    def __init__(self) -> None:
        self.names = Names()
        self._groups, self._moments = _empty(), _empty()
        self._folded = 0  # how much they held when they were last brought within the budgets

    def add(self, groups: Ints, moments: Ints) -> None:
        """Adds rows of a worker, by names."""
        frame = Frame(load_entry(LOG_KERNEL))
        self._groups = _gathered(frame, groups, self._groups, untimed_word(1))
        self._moments = _gathered(frame, moments, self._moments, 0)

    def fold(self, plan: Plan) -> None:
        """Lets go of what is beyond the budgets, where there may be so much more of it than is kept."""
        most = plan.limit.most if plan.limit else 2 * plan.routes
        if self._held() <= max(most, self._folded + self._folded // 2):
            return
        few = self.sums(plan)
        self.names = Names(few.names)
        self.add(group_rows(few.groups), moment_rows(few.moments))
        self._folded = self._held()

    def sums(self, plan: Plan) -> LogSums:
        """What is here, within the budgets of routes and groups, without lines and events; nothing is left.

        Tables, rows and columns of millions of groups are never held together: each makes room for the next.
        """
        groups, moments = rows_in(self._groups), rows_in(self._moments)
        self._groups, self._moments = _empty(), _empty()
        whole = replace(
            no_sums(),
            names=self.names.all(),
            groups={name: OF_GROUP[name](groups) for name in chain(*BY_GROUP)},
            moments={name: OF_MOMENT[name](moments) for name in chain(*BY_MOMENT)},
        )
        del groups, moments
        few = folded([whole], plan.routes)[0]
        return plan.limit.within(few) if plan.limit else few

    def _held(self) -> int:
        return int(self._groups.size[0]) + len(self.names.numbers)


def _empty() -> Groups:
    return layout.new_groups(256, layout.FILE_GROUP)


def _gathered(frame: Frame, rows: Ints, table: Groups, untimed: int) -> Groups:
    """The table with rows added, or a larger one."""
    left = np.ascontiguousarray(rows)
    while True:
        frame.link(layout.GROUPS, table)
        left = left[frame.call(layout.GATHER, left.ctypes.data, *left.shape, untimed) :]
        if not len(left):
            return table
        larger = layout.new_groups(2 * len(table.rows), layout.FILE_GROUP)
        table = _gathered(frame, table.rows, larger, 0)
