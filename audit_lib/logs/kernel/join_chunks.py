"""Puts the chunks of one file together in their order: no chunk knows what stood before it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from audit_lib.base.log_kinds import NOTICE
from audit_lib.logs.count_lines import Period
from audit_lib.logs.file_counts import EVENT, EVENT_NAMES, LogSums, Names
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.chunks import ChunkRead
from audit_lib.logs.kernel.decode import NamedTexts, decode_events, messages
from audit_lib.logs.kernel.packed_words import day_in, day_word, group_word, message_in, untimed_word
from audit_lib.logs.kernel.worker_counts import FileTables, Share, head_rows
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import BUDGETS, Least
from audit_lib.logs.units import DAY, MINUTE, MOST_STEPS, NONE, YEARLESS, ZONELESS, Ints


def with_steps(events: Ints, state: Ints, last: int, lines: int, kept: int, *, period: Period) -> Ints:
    """A chunk's events with a step from the time before it, less those steps that are beyond the limit.

    Args:
        events: of the chunk, with their lines in the file.
        state: of the chunk; its first time tells whether the clock was set back before it.
        last: the time before the chunk, or NONE.
        lines: how many lines stand before the chunk.
        kept: how many steps of the file are kept already.
    """
    first = int(state[layout.FIRST])
    day = first // DAY + 1
    if NONE not in (first, last) and last - first > MINUTE and period.holds(first):
        step = np.zeros((1, layout.EVENT), np.int64)
        line = lines + int(state[layout.FIRST_LINE])
        step[0, : layout.E_TWO] = line, first, first, last, group_word(day, 0, 0, layout.CLOCK_NUMBER, 0)
        place = int(np.searchsorted(events[:, layout.E_LINE], line))
        events = np.concatenate([events[:place], step, events[place:]])
    elif not state[layout.STEPS]:
        return events
    is_step = message_in(events[:, layout.E_ONE]) == layout.CLOCK_NUMBER
    within: Ints = events[~is_step | (np.cumsum(is_step) + kept <= MOST_STEPS)]
    return within


def steps_in(events: Ints) -> int:
    """How many of the events are steps of a clock."""
    return int(np.count_nonzero(message_in(events[:, layout.E_ONE]) == layout.CLOCK_NUMBER))


@dataclass
class _Carried:
    """What stands before a chunk."""

    lines: int = 0
    day: int = 0
    last: int = NONE
    opened: int = 0
    open: bool = False  # a record with a time
    inside: bool = False  # the last line continued it

    def follows(self, code: int) -> bool:
        """Whether a line continues what stands before its chunk, by what its chunk knew (layout.OPEN)."""
        return self.open if code == layout.CARRIED else self.open and self.inside and code > layout.CARRIED


@dataclass
class _Gathered:
    """What the chunks gave so far, beside what their workers hold.

    `texts` number the strings of `events`; `tables` hold what workers counted before they began afresh,
    and `least` say which routes of it could stay.
    """

    state: Ints = field(default_factory=lambda: np.zeros(layout.STATES, np.int64))
    dated: int = 0
    in_period: int = 0
    first: int = NONE
    last: int = NONE
    events: list[Ints] = field(default_factory=list)
    texts: dict[bytes, int] = field(default_factory=lambda: {b"": 0})
    steps: int = 0
    shares: dict[int, Share] = field(default_factory=dict)
    tables: FileTables = field(default_factory=FileTables)
    least: list[Least] = field(default_factory=list)


def reduce_chunks(reads: Iterable[ChunkRead], plan: Plan) -> LogSums:
    """The sums of a file, from its chunks in order; the same for every way to split it."""
    return _sums(_gathered(reads, plan), plan)


def _gathered(reads: Iterable[ChunkRead], plan: Plan) -> _Gathered:
    """What all chunks gave together; apart from it nothing holds their workers any more."""
    carried, gathered = _Carried(), _Gathered(least=[Least(plan.routes) for _ in BUDGETS])
    notices = [False, *(kind == NOTICE for kind in plan.formats.message_kinds.values())]
    for read in reads:
        held = plan.period.holds(carried.last)
        share = gathered.shares.setdefault(id(read.worker), Share(read.worker))
        share.begun.append(carried.lines)
        if held and len(read.head):
            share.add(head_rows(read, carried.day, carried.lines))
        once = [(*key, 1, carried.lines + line) for key, line in _counted_once(read, carried, held, notices)]
        if once:
            share.add(np.array(once, np.int64))
        placed = _placed(read.events, carried, held)
        if plan.wanted.events:
            before = carried.last, carried.lines, gathered.steps
            placed = with_steps(placed, read.state, *before, period=plan.period)
            gathered.steps += steps_in(placed)
        _bound(gathered, read)
        if len(placed):
            gathered.events.append(share.own(placed, gathered.texts))
        _carry(read, carried, gathered, held)
        # Taken later they would be fewer rows, but the tables of the workers take memory, too.
        many = plan.limit is not None and share.has_many(plan.limit.most // 2)
        if many or share.is_full(plan.routes) or not share.worker.reads_on:
            _let_go(gathered, share, plan)
            share.worker.restart()
    return gathered


def _let_go(gathered: _Gathered, share: Share, plan: Plan) -> None:
    """Takes what a worker counted, so that its tables never hold many more routes than are kept."""
    del gathered.shares[id(share.worker)]
    tables = gathered.tables
    tables.add(*share.rows(tables.names, plan, gathered.least))
    tables.fold(plan)


def _counted_once(
    read: ChunkRead, carried: _Carried, held: bool, notices: list[bool]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Messages of a record from before the chunk: its time holds, and it may have counted them."""
    for bit, one, two, row, line, code in read.onces.tolist():
        in_head = day_in(one) == 0
        if carried.opened & bit or (in_head and not held):
            if row >= 0:
                read.events[row, layout.E_ONCE] = -1
            continue
        if carried.follows(code):
            one -= untimed_word(1)  # noqa: PLW2901
            if row >= 0:
                read.events[row, layout.E_ONE] -= untimed_word(1)
                read.events[row, [layout.E_AT, layout.E_BEFORE, layout.E_AFTER]] = carried.last
        if not notices[message_in(one)]:
            yield (one | day_word(carried.day) if in_head else one, two), line


def _placed(events: Ints, carried: _Carried, held: bool) -> Ints:
    """Events with their line in the file, and with the day and the bound that stand before the chunk."""
    in_head = day_in(events[:, layout.E_ONE]) == 0
    kept = (events[:, layout.E_ONCE] == 0) & (~in_head | held)
    if not kept.all():
        events, in_head = events[kept], in_head[kept]
    events[:, layout.E_LINE] += carried.lines
    events[in_head, layout.E_ONE] |= day_word(carried.day)
    events[in_head & (events[:, layout.E_BEFORE] == NONE), layout.E_BEFORE] = carried.last
    return events


def _bound(gathered: _Gathered, read: ChunkRead) -> None:
    """The first time of a chunk bounds the events that waited for one in the chunks before."""
    first = int(read.state[layout.FIRST])
    if first == NONE:
        return
    for events in reversed(gathered.events):
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
        gathered.first = int(state[layout.FIRST]) if gathered.first == NONE else gathered.first
        gathered.last = carried.last
    opened = int(state[layout.OPENED])
    carried.opened = opened if state[layout.BEGUN] else carried.opened | opened
    code, inside = int(state[layout.OPEN]), int(state[layout.INSIDE])
    carried.open, carried.inside = (
        code == 1 or carried.follows(code),
        carried.inside if inside == layout.CARRIED else inside == 1,
    )


def _sums(gathered: _Gathered, plan: Plan) -> LogSums:
    state, formats = gathered.state, plan.formats
    tables = gathered.tables
    while gathered.shares:
        tables.add(*gathered.shares.popitem()[1].rows(tables.names, plan, gathered.least))
    whole = tables.sums(plan)
    names = Names(whole.names)
    rows = np.concatenate(gathered.events or [np.zeros((0, layout.EVENT), np.int64)])
    events = decode_events(rows, NamedTexts(list(gathered.texts), names), formats)
    return LogSums(
        lines=int(state[layout.LINES]),
        request_lines=int(state[layout.REQUESTS]),
        message_lines=int(state[layout.MESSAGES]),
        text_only=int(state[layout.TEXT_ONLY]),
        not_understood=int(state[layout.UNKNOWN]),
        blank=int(state[layout.BLANK]),
        dated=gathered.dated,
        in_period=gathered.in_period,
        lacks=ZONELESS * bool(state[layout.NO_ZONE]) | YEARLESS * bool(state[layout.NO_YEAR]),
        names=names.all(),
        messages=messages(formats),
        groups=whole.groups,
        moments=whole.moments,
        events={name: events[name] for name in (*EVENT, *EVENT_NAMES)},
        first=gathered.first,
        last=gathered.last,
    )
