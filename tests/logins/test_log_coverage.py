"""Log tables: totals beside failures, what is unusual, how much was seen, when tokens were used last."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.logs.read import tabulate_log_coverage
from audit_lib.logs.tally import LogCounts
from audit_lib.report.tables import tabulate_days

QUARTER = Quarter(2026, 3)
NOTHING = "no request and no message was recognised in the lines that were read"
EARLIER = "no line of 2026Q3: its lines are of 2026-01-05 to 2026-03-02"


def _counts(*rows: tuple[str | None, str, int, int]) -> pd.DataFrame:
    columns = ("day", "kind", "count", "untimed")
    blank = {"file": "app.log", "client": "", "method": "", "route": "", "line": 1}
    return LogCounts.of(blank | dict(zip(columns, row, strict=True)) for row in rows)


def _log(**change: Any) -> dict[str, Any]:
    row = {"source": "app.log", "kind": "log", "environment": "", "service": "", "state": "read", "lines": 9}
    return row | {"reason": "", "remedy": ""} | change


def test_a_quarter_without_logs_counts_nothing() -> None:
    """No log read is a row with zeros, and the remedy that would supply one."""
    missing = _log(state="missing", lines=None, remedy="export them")
    row = tabulate_log_coverage(Sources.of([missing]), _counts(), QUARTER, QUARTER.end).iloc[0]
    assert (row["files"], row["lines"], row["counted"], row["days_read"], row["days"]) == (0, 0, 0, 0, 92)
    assert row["remedy"] == "export them"


@pytest.mark.parametrize(("as_of", "days"), [
    (datetime(2026, 7, 1, tzinfo=UTC), 0), (datetime(2026, 7, 1, 0, 0, 1, tzinfo=UTC), 1),
    (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), 92), (datetime(2027, 1, 1, tzinfo=UTC), 92),
    (datetime(2026, 1, 1, tzinfo=UTC), 0),
])  # fmt: skip
def test_days_are_those_that_have_begun(as_of: datetime, days: int) -> None:
    """A quarter under way is held to the days until as_of."""
    counts = _counts(
        ("2026-07-01", "other", 3, 1), ("2026-07-01", "unauthorized", 2, 2), (None, "other", 1, 1)
    )
    row = tabulate_log_coverage(Sources.of([_log()]), counts, QUARTER, as_of).iloc[0]
    assert row["days"] == days
    assert (row["days_read"], row["counted"], row["untimed"]) == (1, 6, 4)


@pytest.mark.parametrize(("logs", "why"), [
    ([_log(state="missing", lines=None)], "no log was read"), ([_log()], NOTHING),
    ([_log(reason=EARLIER)], EARLIER), ([_log(), _log(source="b.log", reason=EARLIER)], NOTHING),
])  # fmt: skip
def test_the_reason_why_nothing_was_counted_is_the_true_one(logs: list[dict[str, object]], why: str) -> None:
    """Lines in which nothing was recognised are no lines of another quarter, and these name their days."""
    row = tabulate_log_coverage(Sources.of(logs), _counts(), QUARTER, QUARTER.end).iloc[0]
    assert row["why"] == why


def test_days_are_counted_by_service() -> None:
    """A service with a log of few days is not covered by another's: the fewest days count, and are named."""
    logs = [
        _log(environment="production", service="backend", requests=2, messages=0),
        _log(source="s.log", environment="staging", service="backend", requests=1, messages=0),
    ]
    counts = _counts(("2026-07-01", "other", 1, 0), ("2026-07-02", "other", 1, 0))
    counts = pd.concat([counts, _counts(("2026-07-02", "other", 1, 0)).assign(file="s.log")])
    row = tabulate_log_coverage(Sources.of(logs), counts, QUARTER, QUARTER.end).iloc[0]
    assert row["days_read"] == 1


@pytest.mark.parametrize(("counts", "unusual"), [
    ([10, 11, 9, 10, 12, 10, 60], [6]), ([10, 11, 9, 10, 12, 10, 14], []),
    ([10, 11, 9, 10, None, 10, 60], [6]), ([0, 0, 0, 0, 0, 0, 9], []), ([0, 0, 0, 0, 0, 0, 40], [6]),
])  # fmt: skip
def test_a_day_far_from_the_median_is_unusual(counts: list[int | None], unusual: list[int]) -> None:
    """By the median and the median absolute deviation, so that the day itself does not hide it."""
    days = [
        _counts((f"2026-07-0{day}", "unauthorized", count, 0), (f"2026-07-0{day}", "other", 9, 0))
        for day, count in enumerate(counts, 1)
        if count is not None
    ]
    found = tabulate_days(pd.concat(days), QUARTER)["unusual"]
    assert [int(day[-1]) - 1 for day in found[found].index] == unusual
