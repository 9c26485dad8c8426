"""How often one looks decides what one can prove: the measured table of docs/accuracy.md#ages."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from audit_lib.ledger import Entry
from tests.support.histories import (
    NOW,
    Life,
    ago,
    freshness,
    inventory_row,
    present,
    renewals,
    rotation,
    snapshot,
    value,
)

SOURCE = "--env production/backend"
# Clocks may be wrong by 14 hours, so a change between snapshots of exactly 90 and 60 days ago is not known to
# be due: each bound is widened.
# period, cadence in days, share of rotations that were recorded with both sides seen; then the share of
# fresh, due, overdue, unknown in per cent.
TABLE = [
    (90, 91, 0.0, (0, 0, 15.5, 84.5)),
    (90, 30, 0.0, (62.1, 0, 3.1, 34.9)),
    (90, 7, 0.0, (70.3, 10.4, 15.5, 3.8)),
    (90, 1, 0.0, (74.6, 8.8, 15.5, 1.1)),
    (90, 91, 0.8, (59.8, 7.8, 15.7, 16.7)),
    (180, 91, 0.0, (47.4, 0, 16.3, 36.3)),
    (180, 30, 0.0, (73.5, 0, 9.1, 17.5)),
    (180, 7, 0.0, (77.1, 4.6, 16.3, 2.0)),
    (180, 1, 0.0, (78.4, 4.4, 16.6, 0.7)),
    (180, 91, 0.8, (72.0, 3.4, 16.7, 7.9)),
]
STATUSES = ("fresh", "due", "overdue", "unknown")


def lives(period: int, count: int, seed: object) -> list[Life]:
    """So many secrets, each rotated in its own time."""
    found = []
    for number in range(count):
        place = (f"S{number:04}", "production", "backend")
        moments = renewals((seed, number), period, NOW, 2 * period)
        found.append(Life(place, SOURCE, [(at, value(number, turn)) for turn, at in enumerate(moments)]))
    return found


def observed(life_times: list[Life], cadence: int, days: float, recorded: float, seed: object) -> list[Entry]:
    """Snapshots at the cadence; a share of the rotations seen just before and recorded just after."""
    chance = random.Random(repr(seed))
    instants = [ago(step * cadence) for step in range(int(days / cadence) + 1)]
    entries = [
        snapshot(at, [present(one.place, seen, SOURCE) for one in life_times if (seen := one.at(at))])
        for at in instants
    ]
    for life in life_times:
        for at, fingerprint in life.changes:
            if chance.random() < recorded and at > ago(days):
                before, after = at - timedelta(minutes=1), at + timedelta(minutes=1)
                if old := life.at(before):
                    entries.append(snapshot(before, [present(life.place, old, SOURCE)]))
                entries.append(rotation(after, life.place, at, fingerprint, source=SOURCE))
    return entries


def measure(period: int, cadence: int, recorded: float, count: int) -> tuple[tuple[float, ...], int]:
    """The shares of each status in per cent, and how many verdicts or intervals the truth contradicts."""
    life_times = lives(period, count, (period, count))
    entries = observed(life_times, cadence, 2.5 * period, recorded, (cadence, recorded))
    inventory = [inventory_row(one.place, one.at(NOW), SOURCE, max_age_days=period) for one in life_times]
    table, _ = freshness(inventory, entries)
    truth = {one.place[0]: one.adopted(NOW) for one in life_times}
    allowed = {"fresh": (0, period - 14), "due": (0, period), "overdue": (period, 1e9), "unknown": (0, 1e9)}
    wrong = 0
    for row in table.itertuples():
        age = (NOW - truth[row.secret]).total_seconds() / 86_400
        low, high = allowed[row.status]
        wrong += not (low <= age <= high and row.age_days_min <= age and not row.age_days_max < age)
    counts = Counter(table["status"])
    return tuple(100 * counts[status] / count for status in STATUSES), wrong


@pytest.mark.parametrize(("period", "cadence", "recorded", "expected"), TABLE)
def test_the_measured_table_holds(
    period: int, cadence: int, recorded: float, expected, long_run: bool
) -> None:
    """Each cadence proves what docs/accuracy.md#ages has; no verdict and no interval is wrong."""
    count = 4000 if long_run else 100
    shares, wrong = measure(period, cadence, recorded, count)
    assert wrong == 0
    # Four standard errors of a share among so many histories, and of the one measured among 4000.
    for share, wanted in zip(shares, expected, strict=True):
        spread = (max(wanted, 1) * (100 - max(wanted, 1))) ** 0.5
        assert abs(share - wanted) <= 4 * spread * (1 / count + 1 / 4000) ** 0.5
