"""Folds routes while they are a worker's numbers, before they are named: what is beyond the budgets."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs.fields import name_route
from audit_lib.logs.file_counts import summed
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.packed_words import (
    lower_in,
    method_in,
    minute_method_in,
    minute_status_in,
    status_in,
    two_in_one,
    upper_in,
)
from audit_lib.logs.kernel.shared_arrays import CountTables, Groups, Strings, rows_in
from audit_lib.logs.route_limit import BUDGETS, Flags, Least, budget_of, hashes
from audit_lib.logs.units import Ints

_OTHER = OTHER_ROUTES.encode()


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
    return _without(groups, status_in, lost, other), _without(minutes, minute_status_in, lost, other)


def thin(tables: CountTables, head: Ints, events: Ints, onces: Ints, most: int) -> tuple[CountTables, Ints]:
    """The tables and the head of a worker that reads no more, without routes that are beyond their budget.

    Strings keep their numbers, and those that its events and onces name stay.
    """
    texts = layout.texts(tables.strings)
    groups, minutes = rows_in(tables.groups), rows_in(tables.minutes)
    lost, other = _lost(np.concatenate([groups, head]), texts, [Least(most) for _ in BUDGETS])
    if not lost.any():
        return tables, head
    groups, head = (_without(rows, status_in, lost, other) for rows in (groups, head))
    minutes = _without(minutes, minute_status_in, lost, other)
    keys = groups, head, events[:, layout.E_ONE :], onces[:, layout.O_ONE :]
    used = [minute_method_in(minutes[:, 0]), events[:, layout.E_SUBJECT]]
    used += [method_in(rows[:, 0]) for rows in keys]
    used += [part(rows[:, 1]) for rows in (*keys, minutes) for part in (upper_in, lower_in)]
    return CountTables(_strings(texts, used), _dense(groups), layout.new_groups(2), _dense(minutes)), head


def _lost(groups: Ints, texts: list[bytes], least: Sequence[Least]) -> tuple[Flags, int]:
    """For each budget and number of a string whether it is a route beyond it; the number of the others."""
    other = texts.index(_OTHER) if _OTHER in texts else len(texts)
    lost = np.zeros((len(BUDGETS), max(len(texts), other + 1)), np.bool_)
    budgets = budget_of(status_in(groups[:, layout.G_ONE]))
    for budget in BUDGETS:
        asked = np.zeros(lost.shape[1], np.bool_)
        asked[lower_in(groups[budgets == budget, layout.G_TWO])] = True
        asked[[0, other]] = False
        numbers = np.flatnonzero(asked)
        if len(numbers) > least[budget].most or least[budget].is_reached:
            lost[budget, numbers] = least[budget].beyond(hashes(_named(texts, numbers)))
    if other == len(texts) and lost.any():
        texts.append(_OTHER)
    return lost, other


def _named(texts: Sequence[bytes], numbers: Ints) -> Iterable[bytes]:
    return (name_route(texts[number]).encode("utf-8", "surrogatepass") for number in numbers.tolist())


def _without(rows: Ints, status_of: Callable[[Ints], Ints], lost: Flags, other: int) -> Ints:
    """The rows, with those of routes that are lost under the others."""
    one, two = rows[:, layout.G_ONE], rows[:, layout.G_TWO]
    gone = lost[budget_of(status_of(one)), lower_in(two)]
    if not gone.any():
        return rows
    routes = two_in_one(upper_in(two), np.where(gone, other, lower_in(two)))
    return combined(np.column_stack([one, routes, rows[:, layout.G_COUNT :]]))


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
    return Groups(np.ascontiguousarray(rows), np.array([len(rows)], np.int64))
