"""Whether secrets that must be rotated together were: by the intervals in which each began to be in force."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.secrets.age_interval import SAME_TIME
from audit_lib.secrets.contracts import RotationPairs
from audit_lib.settings import Policy

Interval = tuple[datetime | None, datetime | None]


def tabulate_rotation_pairs(freshness: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """`RotationPairs`: one row for each pair that must rotate together and environment that has both.

    Source: docs/rules.md#rule-43.

    Apart: one surely began to be in force after the other had. Together: both began within the same
    interval, however wide. Else nobody can say.
    """
    ages = [row for row in rows(freshness) if row.status != "exempt" and row.reason != "not supplied"]
    return RotationPairs.of(
        {
            "secret": one.secret,
            "other_secret": two.secret,
            "environment": one.environment,
            "service": one.service,
            "relation": _relation((one.lo_at, one.hi_at), (two.lo_at, two.hi_at)),
            "lo_at": one.lo_at,
            "hi_at": one.hi_at,
            "other_lo_at": two.lo_at,
            "other_hi_at": two.hi_at,
        }
        for one, two in _pairs(ages, policy)
    )


def _pairs(ages: list[Any], policy: Policy) -> Iterator[tuple[Any, Any]]:
    """Each pair once, in the order of names."""
    names = {tuple(sorted((rule.name, other))) for rule in policy.secrets for other in rule.rotates_with}
    for first, second in sorted(names):
        for one in ages:
            for two in ages:
                if (one.secret, two.secret) == (first, second) and one.environment == two.environment:
                    yield one, two


def _relation(one: Interval, two: Interval) -> str:
    """Bounds are widened by what clocks may err: instants that they cannot tell apart are the same."""
    (low, high), (other_low, other_high) = one, two
    if high is None or other_high is None:
        return "unknown"
    if _same(low, other_low) and _same(high, other_high):
        return "together"
    for ended, end, began in ((high, other_high, other_low), (other_high, high, low)):
        # In force by then, while the other began after that. Of one snapshot, which saw the one there and
        # not yet the other, the two bounds overlap by exactly what they were widened.
        if began is not None and (ended <= began or ended - began == SAME_TIME) and not _same(ended, end):
            return "apart"
    return "unknown"


def _same(one: datetime | None, two: datetime | None) -> bool:
    return one is two or (one is not None and two is not None and abs(one - two) <= SAME_TIME)
