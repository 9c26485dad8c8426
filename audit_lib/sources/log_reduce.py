"""Puts the chunks of one file together in their order: no chunk knows what stood before it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from audit_lib.log_kinds import NOTICE, REQUEST_KINDS
from audit_lib.sources.kernel import layout
from audit_lib.sources.kernel.layout import NONE, Ints
from audit_lib.sources.log_fast import ChunkRead, Filled, Plan, Worker
from audit_lib.sources.log_fields import clean_client, clean_method, clean_route, mask_email
from audit_lib.sources.log_formats import CLOCK_SET_BACK, SECRET_IN_URL
from audit_lib.sources.log_steps import steps_in, with_steps
from audit_lib.sources.log_sums import (
    EVENT,
    EVENT_NAMES,
    GROUP,
    KINDS,
    MOMENT,
    Columns,
    LogSums,
    Names,
    day_text,
    summed,
)

_LOW = (1 << 32) - 1
# The reader's own events, by their numbers: layout.CLOCK_NUMBER, URL_NUMBER.
_FIRST_OWN, _OWN = layout.CLOCK_NUMBER, (CLOCK_SET_BACK, SECRET_IN_URL)


@dataclass
class _Carried:
    """What stands before a chunk."""

    lines: int = 0
    day: int = 0
    last: int = NONE
    opened: int = 0


@dataclass
class _Gathered:
    """What the chunks gave so far, beside what their workers hold."""

    state: Ints = field(default_factory=lambda: np.zeros(layout.STATES, np.int64))
    dated: int = 0
    in_period: int = 0
    extra: dict[int, dict[tuple[int, int], int]] = field(default_factory=lambda: defaultdict(dict))
    events: list[tuple[Worker | Filled, Ints]] = field(default_factory=list)
    steps: int = 0
    workers: dict[int, Worker | Filled] = field(default_factory=dict)


def reduce_chunks(reads: Iterable[ChunkRead], plan: Plan) -> LogSums:
    """The sums of a file, from its chunks in order; the same for every way to split it."""
    carried, gathered = _Carried(), _Gathered()
    notices = [False, *(block.kind == NOTICE for block in plan.formats.messages)]
    for read in reads:
        held = plan.period.holds(day_text(carried.day))
        extra = gathered.extra[id(read.worker)]
        gathered.workers[id(read.worker)] = read.worker
        if held:
            for one, two, count in zip(*(column.tolist() for column in read.head), strict=True):
                key = one | carried.day << 47, two
                extra[key] = extra.get(key, 0) + count
        _count_once(read, carried, held, notices, extra)
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


def _count_once(
    read: ChunkRead, carried: _Carried, held: bool, notices: list[bool], extra: dict[tuple[int, int], int]
) -> None:
    """Messages before the chunk's first record: the record may have begun, and counted them, before."""
    for bit, one, two, row in read.onces.tolist():
        in_head = one >> 47 == 0
        if carried.opened & bit or (in_head and not held):
            if row >= 0:
                read.events[row, layout.E_ONCE] = -1
            continue
        if not notices[one >> 28 & 255]:
            key = (one | carried.day << 47 if in_head else one), two
            extra[key] = extra.get(key, 0) + 1


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
    for number, worker in gathered.workers.items():
        raw = _Raw(layout.texts(worker.tables.strings), names)
        groups.append(_groups(worker, gathered.extra[number], raw, plan))
        moments.append(_moments(worker, raw))
        own = [(order, rows) for order, (other, rows) in enumerate(gathered.events) if other is worker]
        events += [(order, _events(rows, raw, plan)) for order, rows in own]
    events.sort(key=lambda pair: pair[0])
    return LogSums(
        int(state[layout.LINES]),
        int(state[layout.READ]),
        int(state[layout.UNKNOWN]),
        int(state[layout.BLANK]),
        gathered.dated,
        gathered.in_period,
        names.all(),
        ("", *(block.name for block in plan.formats.messages), *_OWN),
        summed(_stacked(groups, (*GROUP, "count", "untimed")), GROUP, ("count", "untimed")),
        summed(_stacked(moments, (*MOMENT, "count")), MOMENT, ("count",)),
        _stacked([columns for _, columns in events], (*EVENT, *EVENT_NAMES)),
    )


def _stacked(parts: list[Columns], names: tuple[str, ...]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts] or [np.zeros(0, np.int64)]) for name in names}


class _Raw:
    """A worker's strings, which become names by the rule of the field that they are used in."""

    def __init__(self, texts: list[bytes], names: Names) -> None:
        self._texts, self._names = texts, names
        self._known: dict[Callable[[bytes], str], Ints] = {}

    def named(self, numbers: Ints, rule: Callable[[bytes], str]) -> Ints:
        """The names' numbers of a column of strings' numbers."""
        known = self._known.setdefault(rule, np.full(len(self._texts), -1, np.int64))
        for place in np.unique(numbers[known[numbers] < 0]).tolist():
            known[place] = self._names[rule(self._texts[place])]
        return known[numbers]


def _as_it_is(raw: bytes) -> str:
    return raw.decode("ascii")


def _groups(worker: Worker | Filled, extra: dict[tuple[int, int], int], raw: _Raw, plan: Plan) -> Columns:
    table = worker.tables.groups
    used = table.counts > 0
    more = np.array([(one, two, count) for (one, two), count in extra.items()], np.int64).reshape(-1, 3)
    one = np.concatenate([table.one[used], more[:, 0]])
    two = np.concatenate([table.two[used], more[:, 1]])
    count = np.concatenate([table.counts[used], more[:, 2]])
    return _decoded(one, two, raw, plan) | {"count": count, "untimed": np.where(one >> 46 & 1, count, 0)}


def _decoded(one: Ints, two: Ints, raw: _Raw, plan: Plan) -> Columns:
    """The columns that the two words of a group's key hold."""
    message, status = one >> 28 & 255, one >> 36 & 1023
    own = len(plan.formats.messages) + 1 - _FIRST_OWN
    return {
        "day": one >> 47 & 0x1FFFF,
        "kind": _kinds(plan)[np.where(message > 0, 1024 + message, status)],
        "message": np.where(message >= _FIRST_OWN, message + own, message),
        "status": status,
        "client": raw.named(two >> 32, clean_client),
        "method": raw.named(one & ((1 << 28) - 1), clean_method),
        "route": raw.named(two & _LOW, clean_route),
    }


def _kinds(plan: Plan) -> Ints:
    """The place in KINDS of each status, and of each message at 1024 and on."""
    kinds = np.zeros(1024 + 256, np.int64)
    for status, kind in REQUEST_KINDS.items():
        kinds[status] = KINDS.index(kind)
    for number, block in enumerate(plan.formats.messages):
        kinds[1024 + number + 1] = KINDS.index(block.kind)
    kinds[1024 + _FIRST_OWN : 1024 + _FIRST_OWN + len(_OWN)] = KINDS.index(NOTICE)
    return kinds


def _moments(worker: Worker | Filled, raw: _Raw) -> Columns:
    table = worker.tables.minutes
    used = table.counts > 0
    one, two = table.one[used], table.two[used]
    return {
        "minute": one >> 36,
        "status": one >> 26 & 1023,
        "client": raw.named(two >> 32, clean_client),
        "method": raw.named(one & ((1 << 26) - 1), clean_method),
        "route": raw.named(two & _LOW, clean_route),
        "count": table.counts[used],
    }


def _events(rows: Ints, raw: _Raw, plan: Plan) -> Columns:
    columns = _decoded(rows[:, layout.E_ONE], rows[:, layout.E_TWO], raw, plan)
    before, after = rows[:, layout.E_BEFORE], rows[:, layout.E_AFTER]
    swapped = (before != NONE) & (after != NONE) & (before > after)
    subjects, plain = rows[:, layout.E_SUBJECT], _names_a_variable(plan)[columns["message"]]
    subject = np.zeros(len(rows), np.int64)
    # Only what a format names a variable stays as it is: anything else could be a password.
    subject[plain] = raw.named(subjects[plain], _as_it_is)
    subject[~plain & (subjects > 0)] = raw.named(subjects[~plain & (subjects > 0)], mask_email)
    return columns | {
        "line": rows[:, layout.E_LINE],
        "at": rows[:, layout.E_AT],
        "not_before": np.where(swapped, after, before),
        "not_after": np.where(swapped, before, after),
        "subject": subject,
    }


def _names_a_variable(plan: Plan) -> np.ndarray:
    """For each place among the messages, whether its subject is the name of a variable or parameter."""
    messages = plan.formats.messages
    named = ("variable" in block.expression.groupindex for block in messages)
    return np.array([False, *named, *(name == SECRET_IN_URL for name in _OWN)])
