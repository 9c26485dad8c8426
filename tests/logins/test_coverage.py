"""Coverage says how much of a quarter was seen, and which of the guide's searches are blind."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.logins.coverage import tabulate_guide_searches, tabulate_log_coverage
from audit_lib.logs.contracts import LogCounts
from audit_lib.project.policy import DocumentedGrep, Policy

QUARTER = Quarter(2026, 3)


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


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        (datetime(2026, 7, 1, tzinfo=UTC), 0),
        (datetime(2026, 7, 1, 0, 0, 1, tzinfo=UTC), 1),
        (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), 92),
        (datetime(2027, 1, 1, tzinfo=UTC), 92),
        (datetime(2026, 1, 1, tzinfo=UTC), 0),
    ],
)
def test_days_are_those_that_have_begun(as_of: datetime, days: int) -> None:
    """A quarter under way is held to the days until as_of."""
    counts = _counts(
        ("2026-07-01", "other", 3, 1), ("2026-07-01", "unauthorized", 2, 2), (None, "other", 1, 1)
    )
    row = tabulate_log_coverage(Sources.of([_log()]), counts, QUARTER, as_of).iloc[0]
    assert row["days"] == days
    assert (row["days_read"], row["counted"], row["untimed"]) == (1, 6, 4)


@pytest.mark.parametrize(
    ("logs", "why"),
    [
        ([_log(state="missing", lines=None)], "no log was read"),
        ([_log()], "no request and no message was recognised in the lines that were read"),
        (
            [_log(reason="no line of 2026Q3: its lines are of 2026-01-05 to 2026-03-02")],
            "no line of 2026Q3: its lines are of 2026-01-05 to 2026-03-02",
        ),
        (
            [
                _log(),
                _log(source="b.log", reason="no line of 2026Q3: its lines are of 2026-01-05 to 2026-03-02"),
            ],
            "no request and no message was recognised in the lines that were read",
        ),
    ],
)
def test_the_reason_why_nothing_was_counted_is_the_true_one(logs: list[dict[str, object]], why: str) -> None:
    """Lines in which nothing was recognised are no lines of another quarter, and these name their days."""
    row = tabulate_log_coverage(Sources.of(logs), _counts(), QUARTER, QUARTER.end).iloc[0]
    assert row["why"] == why


UNAUTHORIZED = 'INFO: "GET / HTTP/1.1" 401 Unauthorized'


@pytest.mark.parametrize(
    ("pattern", "ignore_case", "can_match"),
    [
        ("401 UNAUTHORIZED", False, False),
        ("401 UNAUTHORIZED", True, True),
        ("401 Unauthorized", False, True),
        (r"403\|401", False, True),
        ("403|401", False, False),
        ("HTTP/1.1", False, True),
        ("(GET", False, False),
        ("401+", False, False),
    ],
)
def test_a_search_is_held_against_what_is_written(pattern: str, ignore_case: bool, can_match: bool) -> None:
    """A search is read as grep reads it, and tried on lines of the kind that it is to find."""
    grep = DocumentedGrep(pattern, "logs/*.log", "failed logins", ("unauthorized",), 410, ignore_case)
    policy = Policy("test", Path("test.toml"), "", (), greps=(grep,))
    written = {"unauthorized": [UNAUTHORIZED], "other": ["401 UNAUTHORIZED"]}
    row = tabulate_guide_searches(policy, written, _counts(("2026-07-01", "unauthorized", 2, 0))).iloc[0]
    assert (row["can_match"], row["counted"]) == (can_match, 2)


def test_a_search_of_something_else_is_not_judged() -> None:
    """A search of the git history is not held against log lines."""
    grep = DocumentedGrep("token", "git log -p", "secrets", (), 374, prints_values=True)
    policy = Policy("test", Path("test.toml"), "", (), greps=(grep,))
    row = tabulate_guide_searches(policy, {}, _counts()).iloc[0]
    assert pd.isna(row["can_match"])
    assert row["prints_values"]


@pytest.mark.parametrize(
    ("path", "reached"),
    [("logs/*.log", 2), ("logs/*.log*", 6), ("*.log", 2), (".logs/*.log", 0), ("logs/app.log", 2)],
)
def test_a_search_reaches_what_it_opens(path: str, reached: int) -> None:
    """Events of its kind in files that its glob fits; rotated and packed ones are not."""
    files = (("logs/app.log", 2), ("logs/app.log.1", 4), ("logs/app.log.2.gz", 8))
    parts = [_counts(("2026-07-01", "unauthorized", count, 0)).assign(file=name) for name, count in files]
    grep = DocumentedGrep("401", path, "failed logins", ("unauthorized",), 410)
    policy = Policy("test", Path("test.toml"), "", (), greps=(grep,))
    row = tabulate_guide_searches(policy, {"unauthorized": [UNAUTHORIZED]}, pd.concat(parts)).iloc[0]
    assert (row["counted"], row["reached"]) == (14, reached)


def test_days_are_counted_by_service() -> None:
    """A service with a log of few days is not covered by another's: the fewest days count, and are named."""
    logs = [
        _log(environment="production", service="backend", requests=2, messages=0),
        _log(source="s.log", environment="staging", service="backend", requests=1, messages=0),
    ]
    counts = _counts(("2026-07-01", "other", 1, 0), ("2026-07-02", "other", 1, 0))
    counts = pd.concat([counts, _counts(("2026-07-02", "other", 1, 0)).assign(file="s.log")])
    row = tabulate_log_coverage(Sources.of(logs), counts, QUARTER, QUARTER.end).iloc[0]
    assert (row["days_read"], row["fewest"]) == (1, "staging/backend")
