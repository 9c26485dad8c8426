"""Puts the chunks of one file together in their order: no chunk knows what stood before it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from audit_lib.log_kinds import NOTICE
from audit_lib.sources.kernel import layout
from audit_lib.sources.kernel.layout import NONE, Ints
from audit_lib.sources.log_decode import (
    LOW,
    Texts,
    counted,
    decode_events,
    decode_groups,
    decode_moments,
    messages,
)
from audit_lib.sources.log_fast import ChunkRead, Filled, Plan, Worker
from audit_lib.sources.log_steps import steps_in, with_steps
from audit_lib.sources.log_sums import (
    EVENT,
    EVENT_NAMES,
    GROUP,
    GROUP_LINES,
    GROUP_SUMS,
    MOMENT,
    MOMENT_LINES,
    MOMENT_SUMS,
    Columns,
    LogSums,
    Names,
    day_text,
    summed,
)


@dataclass
class _Carried:
    """What stands before a chunk."""

    lines: int = 0
    day: int = 0
    last: int = NONE
    opened: int = 0


@dataclass
class _Share:
    """What one worker counted: `begun` are the lines before each of its chunks, `extra` counts and lines."""

    worker: Worker | Filled
    begun: list[int] = field(default_factory=list)
    extra: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def add(self, key: tuple[int, int], count: int, line: int) -> None:
        """Adds what the worker could not count itself: it did not know what stood before its chunk."""
        before, first = self.extra.get(key, (0, line))
        self.extra[key] = before + count, min(first, line)

    def counts(self) -> Ints:
        """One row a group: the two words of its key, its count, its first line."""
        extra = [(*key, *value) for key, value in self.extra.items()]
        own = counted(self.worker.tables.groups, self.begun)
        return np.concatenate([own, np.array(extra, np.int64).reshape(-1, 4)])


@dataclass
class _Gathered:
    """What the chunks gave so far, beside what their workers hold."""

    state: Ints = field(default_factory=lambda: np.zeros(layout.STATES, np.int64))
    dated: int = 0
    in_period: int = 0
    events: list[tuple[Worker | Filled, Ints]] = field(default_factory=list)
    steps: int = 0
    shares: dict[int, _Share] = field(default_factory=dict)


def reduce_chunks(reads: Iterable[ChunkRead], plan: Plan) -> LogSums:
    """The sums of a file, from its chunks in order; the same for every way to split it."""
    carried, gathered = _Carried(), _Gathered()
    notices = [False, *(block.kind == NOTICE for block in plan.formats.messages)]
    for read in reads:
        held = plan.period.holds(day_text(carried.day))
        share = gathered.shares.setdefault(id(read.worker), _Share(read.worker))
        share.begun.append(carried.lines)
        for one, two, count, mark in read.head.tolist() if held else ():
            share.add((one | carried.day << 47, two), count, carried.lines + (mark & LOW))
        for key, line in _counted_once(read, carried, held, notices):
            share.add(key, 1, carried.lines + line)
        placed = _placed(read.events, carried, held)
        if plan.wanted.events:
            before = carried.last, carried.lines, gathered.steps
            placed = with_steps(placed, read.state, *before, period=plan.period)
            gathered.steps += steps_in(placed)
        _bound(gathered, read)
        if len(placed):
            gathered.events.append((read.worker, placed))
        _carry(read, carried, gathered, held)
    return _sums(gathered, plan)


def _counted_once(
    read: ChunkRead, carried: _Carried, held: bool, notices: list[bool]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Messages before the chunk's first record: the record may have begun, and counted them, before."""
    for bit, one, two, row, line in read.onces.tolist():
        in_head = one >> 47 == 0
        if carried.opened & bit or (in_head and not held):
            if row >= 0:
                read.events[row, layout.E_ONCE] = -1
        elif not notices[one >> 28 & 255]:
            yield (one | carried.day << 47 if in_head else one, two), line


def _placed(events: Ints, carried: _Carried, held: bool) -> Ints:
    """Events with their line in the file, and with the day and the bound that stand before the chunk."""
    in_head = events[:, layout.E_ONE] >> 47 == 0
    events = events[(events[:, layout.E_ONCE] == 0) & (~in_head | held)]
    in_head = events[:, layout.E_ONE] >> 47 == 0
    events[:, layout.E_LINE] += carried.lines
    events[in_head, layout.E_ONE] |= carried.day << 47
    events[in_head & (events[:, layout.E_BEFORE] == NONE), layout.E_BEFORE] = carried.last
    return events


def _bound(gathered: _Gathered, read: ChunkRead) -> None:
    """The first time of a chunk bounds the events that waited for one in the chunks before."""
    first = int(read.state[layout.FIRST])
    if first == NONE:
        return
    for _, events in reversed(gathered.events):
        waiting = events[:, layout.E_AFTER] == NONE
        if len(events) and not waiting.any():
            break
        events[waiting, layout.E_AFTER] = first


def _carry(read: ChunkRead, carried: _Carried, gathered: _Gathered, held: bool) -> None:
    state = read.state
    gathered.state += state
    gathered.dated += int(state[layout.DATED]) + (int(state[layout.HEAD]) if carried.day else 0)
    gathered.in_period += int(state[layout.WITHIN]) + (int(state[layout.HEAD]) if carried.day and held else 0)
    carried.lines += int(state[layout.LINES])
    if state[layout.FIRST] != NONE:
        carried.day, carried.last = int(state[layout.TODAY]), int(state[layout.LAST])
    opened = int(state[layout.OPENED])
    carried.opened = opened if state[layout.BEGUN] else carried.opened | opened


def _sums(gathered: _Gathered, plan: Plan) -> LogSums:
    names, state = Names(), gathered.state
    groups, moments, events = [], [], []
    for share in gathered.shares.values():
        worker = share.worker
        texts = Texts(layout.texts(worker.tables.strings), names)
        groups.append(decode_groups(share.counts(), texts, plan))
        moments.append(decode_moments(counted(worker.tables.minutes, share.begun), texts))
        own = [(order, rows) for order, (other, rows) in enumerate(gathered.events) if other is worker]
        events += [(order, decode_events(rows, texts, plan)) for order, rows in own]
    events.sort(key=lambda pair: pair[0])
    return LogSums(
        int(state[layout.LINES]),
        int(state[layout.READ]),
        int(state[layout.UNKNOWN]),
        int(state[layout.BLANK]),
        gathered.dated,
        gathered.in_period,
        names.all(),
        messages(plan),
        summed(_stacked(groups, (*GROUP, *GROUP_SUMS, *GROUP_LINES)), GROUP, GROUP_SUMS, GROUP_LINES),
        summed(_stacked(moments, (*MOMENT, *MOMENT_SUMS, *MOMENT_LINES)), MOMENT, MOMENT_SUMS, MOMENT_LINES),
        _stacked([columns for _, columns in events], (*EVENT, *EVENT_NAMES)),
    )


def _stacked(parts: list[Columns], names: tuple[str, ...]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts] or [np.zeros(0, np.int64)]) for name in names}
