"""What a leak means: emergency, history or unknown, for how long, and in which order to clean up."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from audit_lib.leaks.contracts import Leaks
from audit_lib.leaks.tables import tabulate_exposure
from tests.support.rows import rows_of

NOW = datetime(2026, 9, 30, tzinfo=UTC)


def day(month: int, number: int = 1) -> datetime:
    """A day of 2026."""
    return datetime(2026, month, number, tzinfo=UTC)


def leak(**changed: Any) -> dict[str, Any]:
    """A leak since May of the value in force."""
    return {
        "leak_id": "leak-1", "variable": "API_TOKEN", "kind": "leak", "matched": "exact", "fingerprint": "f",
        "first_commit": "c", "first_at": day(5), "first_committed_at": day(5), "at_head": True,
        "reachable": True, "in_force": "production", "force": "in force", "occurrences": 1,
    } | changed  # fmt: skip


def exposure(leaked: dict[str, Any], current: str | None = "f", lo: Any = None, hi: Any = None) -> pd.Series:
    """The one row of exposure for a leak, a value in force and the interval of its adoption."""
    inventory = rows_of(
        "inventory", {"fingerprint": current, "state": "present" if current else "not supplied"}
    )
    freshness = rows_of("freshness", {"lo_at": lo, "hi_at": hi})
    table = tabulate_exposure(Leaks.of([leaked]), inventory, freshness, NOW)
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize(
    ("lo", "hi", "least", "most"),
    [
        (day(1), day(2), 152.0, 152.0),  # in force before it leaked: since the leak
        (day(6), day(7), 91.0, 121.0),  # adopted after it had leaked: since the adoption
        (day(4), day(7), 91.0, 152.0),
        (None, None, None, 152.0),  # not known since when: at most since the leak
        (None, day(6), 121.0, 152.0),
    ],
)
def test_days_of_an_emergency(lo: Any, hi: Any, least: float | None, most: float) -> None:
    """Days count while the value was both leaked and in force, as an interval that holds the truth."""
    row = exposure(leak(), "f", lo, hi)
    assert row["status"] == "emergency"
    assert (None if pd.isna(row["days_exposed_min"]) else row["days_exposed_min"]) == least
    assert row["days_exposed_max"] == most
