"""Which routes keep their name where too many differ: the same ones whoever reads, in whatever parts.

Answered and refused requests have one budget, and the rest of 4xx, which a scanner leaves, has another. In
each the routes with the least hashes are kept. Those of the whole are among those of every part, so parts can
be folded before they are put together, and in any order.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from audit_lib.log_kinds import REQUEST_KINDS
from audit_lib.sources.kernel.layout import Ints

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
    return np.frombuffer(b"".join(blake2b(name, digest_size=8).digest() for name in names), "<u8")


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
