"""Auth failures as tables: totals beside failures, and what a log cannot tell is said."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logins import auth_failures
from audit_lib.logs.frames import LogRead
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project

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
    assert _rows(auth_failures.by_client(log.counts), "client", "requests", "failures", "forbidden") == [
        ["203.0.113.7", 3, 2, 1],
        ["203.0.113.8", 2, 1, 0],
        ["203.0.113.9", 1, 1, 0],
    ]
    assert _rows(auth_failures.by_route(log.counts), "route", "method", "requests", "failures") == [
        ["/a", "GET", 4, 2],
        ["/early", "GET", 1, 1],
        ["/login", "POST", 1, 1],
    ]


def test_kinds_are_all_listed_also_those_that_never_occurred(log: LogRead) -> None:
    """A kind with no line reads 0, not absent."""
    kinds = dict(_rows(auth_failures.by_kind(log.counts), "kind", "count"))
    assert (kinds["unauthorized"], kinds["rate_limited"], kinds["jwt_invalid"], kinds["other"]) == (
        2,
        1,
        0,
        2,
    )


def test_what_the_log_cannot_tell_apart_is_said(log: LogRead) -> None:
    """A 401 without a line of the application has no reason: the table says which reasons those can be."""
    table = auth_failures.reasons(log.counts)
    assert table["count"].tolist() == [1, 0, 1]
    assert "does not distinguish" in table["reason"].iloc[-1]


def test_totals_stand_beside_failures(log: LogRead) -> None:
    """Lines, requests, failures, what has no time and what has no day."""
    assert auth_failures.totals(log.sources, log.counts)["count"].tolist() == [9, 7, 0, 1, 1, 6, 4, 1, 4, 1]


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
    assert auth_failures.totals(read.sources, read.counts)["total"].iloc[0].startswith(said)
    assert auth_failures.by_route(read.counts).empty
    assert auth_failures.by_client(read.counts).empty


def test_other_answers_of_login_routes_are_listed(tmp_path: Path) -> None:
    """A 400 or 422 to a POST of a route that logs people in, or is named so, is listed; a GET is not."""
    lines = [("POST", "/login", 400)] * 3 + [("POST", "/api/sessions", 422), ("GET", "/login", 404)]
    lines += [
        ("POST", "/orders", 400),
        ("POST", "/enter", 400),
        ("POST", "/login", 401),
        ("POST", "/login", 302),
    ]
    text = "".join(
        f'INFO: 192.0.2.1:1 - "{method} {route} HTTP/1.1" {status} X\n' for method, route, status in lines
    )
    table = auth_failures.login_answers(_read(tmp_path, text.encode()).counts, ("/enter",))
    assert _rows(table, "method", "route", "status", "count") == [
        ["POST", "/login", 400, 3],
        ["POST", "/api/sessions", 422, 1],
        ["POST", "/enter", 400, 1],
    ]
