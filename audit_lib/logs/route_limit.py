"""Folds the sums of files: beyond the budgets of routes, requests to the others are counted together."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from audit_lib.base.log_kinds import MOST_ROUTES, OTHER_ROUTES, REQUEST_KINDS
from audit_lib.logs.file_counts import (
    BY_GROUP,
    BY_MOMENT,
    EVENT_NAMES,
    NAMED,
    Columns,
    LogSums,
    distinct_in,
    renamed,
    summed,
)
from audit_lib.logs.units import Ints

Hashes = NDArray[np.uint64]

Flags = NDArray[np.bool_]

BUDGETS = range(2)


def budget_of(status: Ints) -> Ints:
    """The budget of each status: 1 for 404 and its like, 0 for all others and for messages."""
    refused = np.isin(status, list(REQUEST_KINDS))
    missed: Ints = ((status >= 400) & (status < 500) & ~refused).astype(np.int64)
    return missed


def hashes(names: Iterable[bytes]) -> Hashes:
    """A number for each name that is the same everywhere."""
    digests = (blake2b(name, digest_size=8).digest() for name in names)
    return np.fromiter((int.from_bytes(digest, "little") for digest in digests), np.uint64)


def chosen(names: Collection[str], most: int) -> frozenset[str]:
    """So many of the names that differ, those with the least hashes."""
    ordered = sorted(names)
    order = np.argsort(hashes(name.encode("utf-8", "surrogatepass") for name in ordered), kind="stable")
    return frozenset(ordered[place] for place in order[:most].tolist())


@dataclass
class Least:
    """The least hashes of one budget, as far as its routes were seen: the last one bounds what can stay."""

    most: int
    seen: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))

    @property
    def is_reached(self) -> bool:
        """Whether the budget is used up."""
        return len(self.seen) >= self.most

    def beyond(self, found: Hashes) -> Flags:
        """Which of these hashes, which are seen now, cannot stay. Of names that differ few have the same."""
        self.seen = np.unique(np.concatenate([self.seen, found]))[: self.most]
        if not self.is_reached:
            return np.zeros(len(found), np.bool_)
        over: Flags = found > self.seen[-1] if self.most else np.ones(len(found), np.bool_)
        return over


@dataclass
class Folding:
    """The sums of files as they come: together they never hold many more routes than the budgets allow."""

    most: int = MOST_ROUTES
    _sums: list[LogSums] = field(default_factory=list)
    _added: int = 0
    _held: int = 0

    def add(self, sums: LogSums) -> None:
        """Takes the sums of one file more."""
        self._sums.append(sums)
        self._added += len(sums.names)
        if self._added > max(2 * self.most, self._held):
            self.all()

    def all(self) -> list[LogSums]:
        """The sums so far, in their order, within the budgets over all of them."""
        self._sums = folded(self._sums, self.most)
        self._held, self._added = sum(len(sums.names) for sums in self._sums), 0
        return list(self._sums)


def folded(parts: Sequence[LogSums], most: int) -> list[LogSums]:
    """The same sums with at most so many routes in each budget over all of them.

    Where no more differ each is what it was. Else rows of the others have OTHER_ROUTES in place of the route
    and are summed; events keep theirs, since each is listed anyway.
    """
    found = [frozenset[str]().union(*(_routes(part, budget) for part in parts)) for budget in BUDGETS]
    if all(len(names) <= most for names in found):
        return list(parts)
    kept = [names if len(names) <= most else chosen(names, most) for names in found]
    return [_folded(part, kept) for part in parts]


def merged(parts: Sequence[LogSums]) -> LogSums:
    """The groups and moments of all parts of one file as one; they have no events yet."""
    if len(parts) == 1:
        return parts[0]
    groups, names = renamed(parts, lambda part: part.groups, NAMED)
    moments, _ = renamed(parts, lambda part: part.moments, NAMED)
    sums = summed(groups, *BY_GROUP), summed(moments, *BY_MOMENT)
    return replace(parts[0], names=names, groups=sums[0], moments=sums[1])


def other_requests(sums: Iterable[LogSums], column: str = "route", other: str = OTHER_ROUTES) -> int:
    """How many requests and messages are counted under OTHER_ROUTES, or under such a name of a column."""
    total = 0
    for part in sums:
        if other in part.names:
            others = part.groups[column] == part.names.index(other)
            total += int(part.groups["count"][others].sum())
    return total


def told(requests: int, most: int) -> str:
    """What is said of requests that are counted under OTHER_ROUTES."""
    held = f"{requests:,} requests and messages are counted under {OTHER_ROUTES}"
    return f"more than {most:,} routes differ: {held}"


def _routes(part: LogSums, budget: int) -> frozenset[str]:
    """The routes of one budget that have a name."""
    own = part.groups["route"][budget_of(part.groups["status"]) == budget]
    return frozenset(part.names[number] for number in distinct_in(own).tolist()) - {"", OTHER_ROUTES}


def _folded(part: LogSums, kept: Sequence[frozenset[str]]) -> LogSums:
    other = part.names.index(OTHER_ROUTES) if OTHER_ROUTES in part.names else len(part.names)
    names = part.names if other < len(part.names) else (*part.names, OTHER_ROUTES)
    stays = np.array([[name in routes for name in names] for routes in kept])
    stays[:, [0, other]] = True

    def fold(columns: Columns, by: tuple[Sequence[str], Sequence[str], Sequence[str]]) -> Columns:
        route = columns["route"]
        gone = ~stays[budget_of(columns["status"]), route]
        return summed(columns | {"route": np.where(gone, other, route)}, *by) if gone.any() else columns

    groups, moments = fold(part.groups, BY_GROUP), fold(part.moments, BY_MOMENT)
    return without_unused(replace(part, names=names, groups=groups, moments=moments))


def without_unused(sums: LogSums) -> LogSums:
    """The sums without names that no row has; the first, which is none, stays."""
    used = np.zeros(len(sums.names), np.bool_)
    used[0] = True
    tables = sums.groups, sums.moments, sums.events
    for columns in tables:
        for name in columns.keys() & set(EVENT_NAMES):
            used[columns[name]] = True
    numbers = np.cumsum(used) - 1
    groups, moments, events = (
        {name: numbers[column] if name in EVENT_NAMES else column for name, column in columns.items()}
        for columns in tables
    )
    names = tuple(name for name, keep in zip(sums.names, used.tolist(), strict=True) if keep)
    return replace(sums, names=names, groups=groups, moments=moments, events=events)
