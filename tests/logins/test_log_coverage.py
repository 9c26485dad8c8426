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
from tests.support.paths import rows_beside
from tests.support.small_logs import line, small_traffic

QUARTER = Quarter(2026, 3)
CASES = rows_beside(__file__)


def _counts(*rows: tuple[str | None, str, int, int]) -> pd.DataFrame:
    columns = ("day", "kind", "count", "untimed")
    blank = {"file": "app.log", "client": "", "method": "", "route": "", "line": 1, "status": 200}
    return LogCounts.of(blank | dict(zip(columns, row, strict=True)) for row in rows)


def _log(**change: Any) -> dict[str, Any]:
    row = {"source": "app.log", "kind": "log", "environment": "", "service": "", "reason": "", "remedy": ""}
    return row | {"state": "read", "lines": None if change.get("state") == "missing" else 9} | change


JULY = (("2026-07-01", "other", 3, 1), ("2026-07-01", "unauthorized", 2, 2), (None, "other", 1, 1))


@pytest.mark.parametrize(("logs", "counted", "as_of", "expected"), [row[1:] for row in CASES["coverage"]])
def test_the_row_says_how_much_was_seen(
    logs: list[dict[str, Any]], counted: bool, as_of: str, expected: dict[str, Any]
) -> None:
    """A quarter under way is held to the days that have begun; why nothing was counted is the true reason."""
    at, counts = datetime.fromisoformat(as_of).replace(tzinfo=UTC), _counts(*(JULY if counted else ()))
    row = tabulate_log_coverage(Sources.of(_log(**log) for log in logs), counts, QUARTER, at).iloc[0]
    assert row[list(expected)].to_dict() == expected


def test_a_request_lies_between_its_bounds() -> None:
    """In its minute; without a time from its day until the end of the next that its file names."""
    untimed, timed = 'INFO: 192.0.2.1:1 - "GET /x HTTP/1.1" 401 X\n', ("192.0.2.1", "/x", 200)
    lines = [untimed, line((86400, *timed)), untimed, line((3 * 86400 + 90.0, *timed)), untimed]
    requests = small_traffic(lines, days=9).activity.requests.sort_values("line")
    sides = (requests[f"not_{side}_at"].dt.strftime("%d %H:%M").fillna("") for side in ("before", "after"))
    expected = ["-02 23:59", "02 00:00-02 00:00", "02 00:00-04 23:59", "04 00:01-04 00:01", "04 00:00-"]
    assert [*map("-".join, zip(*sides, strict=True))] == expected


def test_days_are_counted_by_service() -> None:
    """A service with a log of few days is not covered by another's: the fewest days count, and are named."""
    seen = {"service": "backend", "requests": 2, "messages": 0}
    logs = [_log(environment="production", **seen), _log(source="s.log", environment="staging", **seen)]
    counts = _counts(*((f"2026-07-0{day}", "other", 1, 0) for day in (1, 2, 2)))
    counts["file"] = ["app.log", "app.log", "s.log"]
    assert tabulate_log_coverage(Sources.of(logs), counts, QUARTER, QUARTER.end).iloc[0]["days_read"] == 1


@pytest.mark.parametrize(("counts", "unusual"), CASES["unusual"])
def test_a_day_far_from_the_median_is_unusual(counts: list[int], unusual: list[int]) -> None:
    """By the median and the median absolute deviation, so that the day itself does not hide it."""
    days = [
        _counts((f"2026-07-0{day}", "unauthorized", count, 0), (f"2026-07-0{day}", "other", 9, 0))
        for day, count in enumerate(counts, 1)
        if count >= 0
    ]
    found = tabulate_days(pd.concat(days), days[0].head(0), QUARTER)["unusual"]
    assert [int(day[-1]) - 1 for day in found[found].index] == unusual
