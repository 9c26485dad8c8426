"""Log tables: totals beside failures, what is unusual, how much was seen, when tokens were used last."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.logins import tables
from audit_lib.logins.contracts import Requests
from audit_lib.logins.tables import (
    NO_ANSWER,
    daily,
    last_uses,
    tabulate_log_coverage,
)
from audit_lib.logs.contracts import LogCounts
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import LogSource, Policy, Project, SecretRule

LOG = b"""INFO:     203.0.113.9:1 - "GET /early HTTP/1.1" 401 Unauthorized
2026-08-01 10:00:00,000 - app.auth - WARNING - Failed login attempt for: a@example.com
INFO:     203.0.113.7:1 - "POST /login HTTP/1.1" 401 Unauthorized
INFO:     203.0.113.7:1 - "GET /a HTTP/1.1" 200 OK
INFO:     203.0.113.8:1 - "GET /a HTTP/1.1" 200 OK
2026-08-02T10:00:00Z INFO:     203.0.113.7:1 - "GET /a HTTP/1.1" 403 Forbidden
2026-08-02T10:00:01Z INFO:     203.0.113.8:1 - "GET /a HTTP/1.1" 429 Too Many Requests
not understood

"""


def _read(folder: Path, content: bytes) -> LogRead:
    (folder / "a.log").write_bytes(content)
    return read_logs(Project("test", folder, log_sources=(LogSource("*.log"),)), None)


@pytest.fixture
def log(tmp_path: Path) -> LogRead:
    """A log with each kind of request, timed and not."""
    return _read(tmp_path, LOG)


def _rows(table: pd.DataFrame, *columns: str) -> list[list[object]]:
    return table[list(columns)].astype(object).where(table[list(columns)].notna(), None).to_numpy().tolist()


def test_clients_and_routes_come_with_most_failures_first(log: LogRead) -> None:
    """The order is total: failures, requests, then the name."""
    assert _rows(tables.by_client(log.counts), "client", "requests", "failures", "forbidden") == [
        ["203.0.113.7", 3, 2, 1],
        ["203.0.113.8", 2, 1, 0],
        ["203.0.113.9", 1, 1, 0],
    ]
    assert _rows(tables.by_route(log.counts), "route", "method", "requests", "failures") == [
        ["/a", "GET", 4, 2],
        ["/early", "GET", 1, 1],
        ["/login", "POST", 1, 1],
    ]


def test_kinds_are_all_listed_also_those_that_never_occurred(log: LogRead) -> None:
    """A kind with no line reads 0, not absent."""
    kinds = dict(_rows(tables.by_kind(log.counts), "kind", "count"))
    assert (kinds["unauthorized"], kinds["rate_limited"], kinds["jwt_invalid"], kinds["other"]) == (
        2,
        1,
        0,
        2,
    )


def test_totals_stand_beside_failures(log: LogRead) -> None:
    """Lines, requests, failures, what has no time and what has no day."""
    assert tables.totals(log.sources, log.counts)["count"].tolist() == [9, 7, 0, 1, 1, 6, 4, 1, 4, 1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nothing was read"),
        (b"??\n", "nothing was read"),
        (b"INFO: started\n", "lines read, but no request"),
    ],
)
def test_a_quarter_without_logs_is_not_no_failures(tmp_path: Path, content: bytes, said: str) -> None:
    """Where nothing was read the totals say so, and every table stands with no row."""
    read = _read(tmp_path, content)
    assert tables.totals(read.sources, read.counts)["total"].iloc[0].startswith(said)
    assert tables.by_route(read.counts).empty
    assert tables.by_client(read.counts).empty


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


@pytest.mark.parametrize(
    ("counts", "unusual"),
    [
        ([10, 11, 9, 10, 12, 10, 60], [6]),
        ([10, 11, 9, 10, 12, 10, 0], [6]),
        ([10, 11, 9, 10, 12, 10, 14], []),
        ([0, 0, 0, 0, 0, 0, 9], []),
        ([0, 0, 0, 0, 0, 0, 40], [6]),
    ],
)
def test_a_day_far_from_the_median_is_unusual(counts: list[int], unusual: list[int]) -> None:
    """By the median and the median absolute deviation, so that the day itself does not hide it."""
    days = [f"2026-07-{day + 1:02}" for day in range(len(counts))]
    frame = pd.concat(
        [
            _counts((day, "unauthorized", count, 0)).assign(status=401)
            for day, count in zip(days, counts, strict=True)
        ]
    ).astype({"status": "Int64"})
    found = daily(frame)
    odd = found[found["figure"].eq("refused") & found["unusual"]]
    assert odd["day"].tolist() == [days[place] for place in unusual]


AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
TOKEN, OTHER = (SecretRule(name, "backend", "secret", "always") for name in ("API_TOKEN", "JWT_SECRET"))
TWIN = replace(OTHER, name="WEB_TOKEN", equals=("API_TOKEN",))


def _policy(*rules: SecretRule) -> Policy:
    names = [rule.name for rule in rules]
    return Policy("shop", Path("shop.toml"), "0" * 64, rules, detections={"caller_secrets": names})


def _used(*given: tuple[str, int, bool]) -> pd.DataFrame:
    blank = {"client": "", "method": "GET", "route": "/api", "count": 1, "timed": True, "declared": 0}
    return Requests.of(
        {
            **blank,
            "file": "app.log",
            "line": number,
            "status": status,
            "not_before_at": pd.Timestamp(day, tz="UTC"),
            "not_after_at": pd.Timestamp(day, tz="UTC"),
            "protected": protected,
            "refused": status in (401, 403),
        }
        for number, (day, status, protected) in enumerate(given, 1)
    )


@pytest.mark.parametrize("rules", [(TOKEN,), (TOKEN, TWIN)], ids=["one", "one under two names"])
def test_one_token_was_used_by_the_last_answer(rules: tuple[SecretRule, ...]) -> None:
    """The last 2xx on a protected route by the review's date shows it; a refusal and an open route do not."""
    days = [("2026-09-01", 200, True), ("2026-09-02", 401, True), ("2026-09-03", 200, False)]
    found = last_uses(_used(*days, ("2026-10-01", 200, True)), _policy(*rules), AS_OF)
    assert found["API_TOKEN"] == (
        pd.Timestamp("2026-09-01", tz="UTC"),
        "a protected route answered in app.log:1",
    )


def test_of_two_tokens_it_is_not_known_which() -> None:
    """If callers send two secrets, an answer is a use of one of them: neither has an instant."""
    found = last_uses(_used(("2026-09-01", 200, True)), _policy(TOKEN, OTHER), AS_OF)
    assert {at for at, _ in found.values()} == {None}
    assert found["JWT_SECRET"][1].startswith("not known: one of API_TOKEN, JWT_SECRET was used by 2026-09-01")


def test_without_an_answer_it_is_not_known() -> None:
    """No answered request is not a token that nobody used."""
    assert last_uses(_used(("2026-09-01", 401, True)), _policy(TOKEN), AS_OF) == {
        "API_TOKEN": (None, NO_ANSWER)
    }


def test_what_callers_do_not_send_is_not_asked_about() -> None:
    """A policy that names no secret of its callers gives no answer at all."""
    assert last_uses(_used(("2026-09-01", 200, True)), _policy(), AS_OF) == {}
