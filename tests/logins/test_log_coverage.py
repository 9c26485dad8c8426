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
from tests.support.small_logs import line, small_traffic

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


MISSING = _log(state="missing", lines=None, remedy="export them")
JULY = (("2026-07-01", "other", 3, 1), ("2026-07-01", "unauthorized", 2, 2), (None, "other", 1, 1))
IN_JULY = {"days_read": 1, "counted": 6, "untimed": 4}
# Logs, what was counted in the first of them, as of when, and what the row says.
COVERAGE: dict[str, tuple[list[dict[str, Any]], tuple[Any, ...], str, dict[str, Any]]] = {
    "no log, with the remedy that would supply one": ([MISSING], (), "2026-10-01", {
        "files": 0, "lines": 0, "counted": 0, "days_read": 0, "days": 92, "remedy": "export them",
        "why": "no log was read"}),
    "before the quarter": ([_log()], JULY, "2026-01-01", IN_JULY | {"days": 0}),
    "as it begins": ([_log()], JULY, "2026-07-01", IN_JULY | {"days": 0}),
    "a day under way": ([_log()], JULY, "2026-07-01T00:00:01", IN_JULY | {"days": 1}),
    "the last second": ([_log()], JULY, "2026-09-30T23:59:59", IN_JULY | {"days": 92}),
    "the next year": ([_log()], JULY, "2027-01-01", IN_JULY | {"days": 92}),
    "nothing recognised": ([_log()], (), "2026-10-01", {"why": NOTHING}),
    "lines of another quarter": ([_log(reason=EARLIER)], (), "2026-10-01", {"why": EARLIER}),
    "one of each": ([_log(), _log(source="b.log", reason=EARLIER)], (), "2026-10-01", {"why": NOTHING}),
}  # fmt: skip


@pytest.mark.parametrize("case", COVERAGE)
def test_the_row_says_how_much_was_seen(case: str) -> None:
    """A quarter under way is held to the days that have begun; why nothing was counted is the true reason."""
    logs, counted, as_of, expected = COVERAGE[case]
    at = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    row = tabulate_log_coverage(Sources.of(logs), _counts(*counted), QUARTER, at).iloc[0]
    assert row[list(expected)].to_dict() == expected


def test_a_request_lies_between_its_bounds() -> None:
    """In its minute; without a time from its day until the end of the next that its file names."""
    untimed, timed = 'INFO: 192.0.2.1:1 - "GET /x HTTP/1.1" 401 X\n', ("192.0.2.1", "/x", 200)
    lines = [untimed, line((86400, *timed)), untimed, line((3 * 86400 + 90.0, *timed)), untimed]
    requests = small_traffic(lines, days=9).activity.requests.sort_values("line")
    sides = (requests[f"not_{side}_at"].dt.strftime("%d %H:%M").fillna("") for side in ("before", "after"))
    assert [*map("-".join, zip(*sides, strict=True))] == [
        *("-02 23:59", "02 00:00-02 00:00", "02 00:00-04 23:59", "04 00:01-04 00:01", "04 00:00-")
    ]


def test_days_are_counted_by_service() -> None:
    """A service with a log of few days is not covered by another's: the fewest days count, and are named."""
    seen = {"service": "backend", "requests": 2, "messages": 0}
    logs = [_log(environment="production", **seen), _log(source="s.log", environment="staging", **seen)]
    counts = _counts(*((f"2026-07-0{day}", "other", 1, 0) for day in (1, 2, 2)))
    counts["file"] = ["app.log", "app.log", "s.log"]
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
