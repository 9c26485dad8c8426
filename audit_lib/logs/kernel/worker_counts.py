"""What one worker counted of a file, until it is put with the rest: rows of keys, events by their texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audit_lib.logs.file_counts import BY_GROUP, BY_MOMENT, Columns, LogSums, Names, no_sums, summed
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decode import Texts, decode_groups, decode_moments, in_file
from audit_lib.logs.kernel.limit_routes import LOW, METHOD, combined, rows_in, thinned
from audit_lib.logs.kernel.worker import ChunkRead, Filled, Worker
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import Least
from audit_lib.logs.units import Ints

_MANY_ROWS = 1 << 16


@dataclass
class Share:
    """What one worker counted since it began afresh.

    `begun` are the lines before each of its chunks. `extra` are rows that it could not count itself, since it
    did not know what stood before its chunk: the two words of a key, a count and the first line.
    """

    worker: Worker | Filled
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

    def is_full(self, most: int) -> bool:
        """Whether so many routes differ that they are to be folded now; a worker that is done is full."""
        if isinstance(self.worker, Filled):
            return True
        size, limit = int(self.worker.tables.strings.size[0]), most + most // 2
        if size <= max(limit, self._look_at):
            return False
        self._look_at = size + size // 4  # most strings may be clients: looking at them each time would cost
        asked = np.zeros(size + 1, np.bool_)
        for rows in (rows_in(self.worker.tables.groups), *self.extra):
            asked[rows[:, 1] & LOW] = True
        return bool(np.count_nonzero(asked) > limit)

    def own(self, events: Ints, texts: dict[bytes, int]) -> Ints:
        """The same events, with strings by their numbers in `texts`, to which new ones are added."""
        strings = self.worker.tables.strings
        missing = int(strings.size[0]) + 1 - len(self._known)
        self._known = np.concatenate([self._known, np.full(max(0, missing), -1, np.int64)])
        one, two, subject = (events[:, place] for place in (layout.E_ONE, layout.E_TWO, layout.E_SUBJECT))
        columns = (one & METHOD, two >> 32, two & LOW, subject)
        used = np.zeros(len(self._known), np.bool_)
        for column in columns:
            used[column] = True
        for number in np.flatnonzero(used & (self._known < 0)).tolist():
            text = strings.arena[strings.starts[number] : strings.starts[number + 1]].tobytes()
            self._known[number] = texts.setdefault(text, len(texts))
        method, client, route, subject = (self._known[column] for column in columns)
        events[:, layout.E_ONE] = one & ~METHOD | method
        events[:, layout.E_TWO] = client << 32 | route
        events[:, layout.E_SUBJECT] = subject
        return events

    def rows(self, texts: list[bytes], least: Sequence[Least]) -> tuple[Ints, Ints]:
        """One row a group and one a moment: the two words of its key, its count, its first line."""
        tables = self.worker.tables
        groups = np.concatenate([in_file(rows_in(tables.groups), self.begun), *self.extra])
        return thinned(groups, in_file(rows_in(tables.minutes), self.begun), texts, least)


def head_rows(read: ChunkRead, day: int, lines: int) -> Ints:
    """The groups before a chunk's first date, by the day and the lines that stand before the chunk."""
    rows = read.head.copy()
    rows[:, 0] |= day << 47
    rows[:, 3] = lines + (rows[:, 3] & LOW)
    return rows


def part_of(shares: Sequence[Share], plan: Plan, least: Sequence[Least]) -> LogSums:
    """What the shares hold, as sums that have no lines and no events yet; `least` as in `thinned`."""
    names, groups, moments = Names(), [], []
    for share in shares:
        strings = layout.texts(share.worker.tables.strings)
        rows, minutes = share.rows(strings, least)
        texts = Texts(strings, names)
        groups.append(decode_groups(rows, texts, plan))
        moments.append(decode_moments(minutes, texts))
    return replace(
        no_sums(),
        names=names.all(),
        groups=summed(_stacked(groups), *BY_GROUP),
        moments=summed(_stacked(moments), *BY_MOMENT),
    )


def _stacked(parts: Sequence[Columns]) -> Columns:
    """The columns of all parts below each other; there is at least one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
