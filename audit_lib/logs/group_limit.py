"""Bounds how many groups are counted: beyond that routes, then addresses, are counted together.

Which are kept follows from their hashes alone, as for routes (`route_limit.py`), and one that is kept has all
of its rows. So the result is the same however a file is split.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs.file_counts import BY_GROUP, LogSums, distinct_in, summed
from audit_lib.logs.route_limit import Flags, Hashes, hashes, merged, without_unused

MOST_GROUPS = 400_000  # with their names they take as much memory as all else that reads a log
NAME_COST = 3  # a name takes as much memory as so many groups
OTHER_CLIENTS = "(other addresses)"
_SUMMED = ("lines", "request_lines", "message_lines", "text_only", "not_understood", "blank", "dated")
_ALL = 1 << 64
_OTHERS = {"route": OTHER_ROUTES, "client": OTHER_CLIENTS}
Rule = Callable[[bytes], str]


@dataclass
class GroupLimit:
    """The groups of all files that are read: so many without a route, and half as many with one.

    It remembers the last hash of a route and of an address that can stay.
    """

    most: int = MOST_GROUPS
    _last: dict[str, int] = field(default_factory=lambda: {"route": _ALL, "client": _ALL})

    def within(self, sums: LogSums) -> LogSums:
        """The same sums, with no more groups than may be."""
        routes = len(sums.groups["count"])
        sums = self._folded(sums, "route", np.ones(routes, np.bool_), self.most // 2)
        names, route = np.array(sums.names, object), sums.groups["route"]
        plain = np.isin(route, np.flatnonzero((names == "") | (names == OTHER_ROUTES)))
        return self._folded(sums, "client", plain, self.most)

    def bounded(self, column: str, rule: Rule) -> Rule:
        """The rule for names of a column; those that cannot stay any more have the name of the others."""
        last, other = self._last[column], _OTHERS[column]
        if last == _ALL:
            return rule

        def bounded(raw: bytes) -> str:
            name = rule(raw)
            return name if name in ("", other) or int(_hashes([name])[0]) <= last else other

        return bounded

    def _folded(self, sums: LogSums, column: str, rows: Flags, most: int) -> LogSums:
        """The sums without those of a column that have more than the most groups among the `rows`."""
        numbers, other = sums.groups[column], _OTHERS[column]
        distinct = distinct_in(numbers)
        cost = np.count_nonzero(rows) + NAME_COST * len(distinct)
        if cost <= self.most and self._last[column] == _ALL:
            return sums
        named = (one for one in distinct.tolist() if sums.names[one] not in ("", other))
        used = np.array([*named], np.int64)
        found = _hashes(sums.names[one] for one in used.tolist())
        order = np.argsort(found, kind="stable")
        each = np.bincount(numbers[rows], minlength=len(sums.names))[used[order]] + NAME_COST
        kept = int(np.searchsorted(np.cumsum(each), most, side="right"))
        if kept < len(order):
            self._last[column] = min(self._last[column], int(found[order[kept - 1]]) if kept else -1)
        stays = np.ones(len(sums.names) + 1, np.bool_)
        stays[used] = found <= self._last[column]
        if stays.all():
            return sums
        place = sums.names.index(other) if other in sums.names else len(sums.names)
        names = sums.names if place < len(sums.names) else (*sums.names, other)
        groups = sums.groups | {column: np.where(stays[numbers], numbers, place)}
        return without_unused(replace(sums, names=names, groups=summed(groups, *BY_GROUP)))


def _hashes(names: Iterable[str]) -> Hashes:
    return hashes(name.encode("utf-8", "surrogatepass") for name in names)


def joined(parts: Sequence[LogSums]) -> LogSums:
    """The sums of several files as one, without events."""
    sums = {name: sum(getattr(part, name) for part in parts) for name in (*_SUMMED, "in_period")}
    return replace(merged(parts), **sums)
