"""Folds routes while they are a worker's numbers, before they are named: what is beyond the budgets."""

from collections.abc import Iterable, Sequence

import numpy as np

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs.fields import name_route
from audit_lib.logs.file_counts import summed
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.shared_arrays import Groups, Strings, Tables
from audit_lib.logs.route_limit import BUDGETS, Flags, Least, budget_of, hashes
from audit_lib.logs.units import Ints

LOW = (1 << 32) - 1
METHOD = (1 << 28) - 1
_OTHER = OTHER_ROUTES.encode()
# Where a key's first word holds the status.
_OF_GROUPS, _OF_MINUTES = 36, 26


def rows_in(groups: Groups) -> Ints:
    """One row a group: the two words of its key, its count and its mark."""
    used = groups.counts > 0
    return np.stack([groups.one[used], groups.two[used], groups.counts[used], groups.marks[used]], axis=1)


def combined(rows: Ints) -> Ints:
    """One row for each key: the sum of the counts, the least of the marks or lines."""
    names = ("one", "two", "count", "line")
    columns = summed(dict(zip(names, rows.T, strict=True)), names[:2], names[2:3], names[3:])
    return np.stack([columns[name] for name in names], axis=1)


def thinned(groups: Ints, minutes: Ints, texts: list[bytes], least: Sequence[Least]) -> tuple[Ints, Ints]:
    """The rows without routes that are beyond their budget; to `texts` the name of the others may be added.

    `least` holds for each budget what was seen of it before.
    """
    lost, other = _lost(groups, texts, least)
    if not lost.any():
        return groups, minutes
    return _without(groups, _OF_GROUPS, lost, other), _without(minutes, _OF_MINUTES, lost, other)


def thin(tables: Tables, head: Ints, events: Ints, onces: Ints, most: int) -> tuple[Tables, Ints]:
    """The tables and the head of a worker that reads no more, without routes that are beyond their budget.

    Strings keep their numbers, and those that its events and onces name stay.
    """
    texts = layout.texts(tables.strings)
    groups, minutes = rows_in(tables.groups), rows_in(tables.minutes)
    lost, other = _lost(np.concatenate([groups, head]), texts, [Least(most) for _ in BUDGETS])
    if not lost.any():
        return tables, head
    groups, head = (_without(rows, _OF_GROUPS, lost, other) for rows in (groups, head))
    minutes = _without(minutes, _OF_MINUTES, lost, other)
    methods = minutes[:, 0] & ((1 << 26) - 1)
    keys = groups, head, events[:, layout.E_ONE :], onces[:, layout.O_ONE :]
    used = [methods, minutes[:, 1] >> 32, minutes[:, 1] & LOW, events[:, layout.E_SUBJECT]]
    for rows in keys:
        used += [rows[:, 0] & METHOD, rows[:, 1] >> 32, rows[:, 1] & LOW]
    return Tables(_strings(texts, used), _dense(groups), layout.new_groups(2), _dense(minutes)), head


def _lost(groups: Ints, texts: list[bytes], least: Sequence[Least]) -> tuple[Flags, int]:
    """For each budget and number of a string whether it is a route beyond it; the number of the others."""
    other = texts.index(_OTHER) if _OTHER in texts else len(texts)
    lost = np.zeros((len(BUDGETS), max(len(texts), other + 1)), np.bool_)
    budgets = budget_of(groups[:, 0] >> _OF_GROUPS & 1023)
    for budget in BUDGETS:
        asked = np.zeros(lost.shape[1], np.bool_)
        asked[groups[budgets == budget, 1] & LOW] = True
        asked[[0, other]] = False
        numbers = np.flatnonzero(asked)
        if len(numbers) > least[budget].most or least[budget].is_reached:
            lost[budget, numbers] = least[budget].beyond(hashes(_named(texts, numbers)))
    if other == len(texts) and lost.any():
        texts.append(_OTHER)
    return lost, other


def _named(texts: Sequence[bytes], numbers: Ints) -> Iterable[bytes]:
    return (name_route(texts[number]).encode("utf-8", "surrogatepass") for number in numbers.tolist())


def _without(rows: Ints, status_at: int, lost: Flags, other: int) -> Ints:
    """The rows, with those of routes that are lost under the others."""
    one, two = rows[:, 0], rows[:, 1]
    gone = lost[budget_of(one >> status_at & 1023), two & LOW]
    if not gone.any():
        return rows
    routes = np.where(gone, two & ~LOW | other, two)
    return combined(np.column_stack([one, routes, rows[:, 2:]]))


def _strings(texts: Sequence[bytes], used: Iterable[Ints]) -> Strings:
    """The strings by the same numbers, those that nothing uses empty; none can be added."""
    kept = np.zeros(len(texts), np.bool_)
    for numbers in used:
        kept[numbers] = True
    left = [text if keep else b"" for text, keep in zip(texts, kept.tolist(), strict=True)]
    starts = np.concatenate([[0, 0], np.cumsum([len(text) for text in left[1:]], dtype=np.int64)])
    arena = np.frombuffer(b"".join(left), np.uint8)
    return Strings(np.zeros(1, np.int64), starts, arena, np.array([len(left) - 1], np.int64))


def _dense(rows: Ints) -> Groups:
    """Rows as a table without free places; none can be added."""
    one, two, counts, marks = (np.ascontiguousarray(column) for column in rows.T)
    return Groups(one, two, counts, marks, np.array([len(rows)], np.int64))
