"""`failures`: what is folded, packed or declared; its rows and refusals are in `scenes.toml`."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.cli import logs
from tests.support.login_logs import APPLICATIONS, Application, truth, visits, written

LOG = b"""INFO:     203.0.113.9:1 - "GET /early HTTP/1.1" 401 Unauthorized
2026-08-01 10:00:00,000 - app.auth - WARNING - Failed login attempt for: a@example.com
INFO:     203.0.113.7:1 - "POST /login HTTP/1.1" 401 Unauthorized
2026-08-02T10:00:00Z INFO:     203.0.113.7:1 - "GET /a/7 HTTP/1.1" 200 OK
"""


def _run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["failures", *map(str, arguments)], input=stdin)


def test_beyond_the_most_rows_one_row_holds_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums of all others, with their share."""
    monkeypatch.setattr(logs, "_MOST_ROWS", 1)
    rows = [line.split() for line in _run("-", "--by", "kind", stdin=LOG).stdout.splitlines()[2:]]
    assert rows == [
        ["unauthorized", "2", "66.7", "%", "2"],
        ["(2", "more", "rows)", "1", "33.3", "%", "2"],
        ["total", "3", "100.0", "%", "4"],
    ]


def test_a_log_is_counted_once_and_within_bounds(tmp_path: Path) -> None:
    """- is stdin, packed or not; a file named by two spellings is one file. A truncated gzip and a bomb are
    bad input, in one line."""
    log = tmp_path / "a.log"
    log.write_bytes(LOG)
    said = _run(log).stdout
    assert said == _run("-", stdin=LOG).stdout == _run("-", stdin=gzip.compress(LOG)).stdout != ""
    assert said == _run(log, f"{tmp_path}/./a.log").stdout
    bomb = gzip.compress(bytes(100 << 20))
    for content, said in ((gzip.compress(LOG)[:40], "cut short"), (bomb, "no honest log does")):
        result = _run("-", stdin=content)
        assert (result.exit_code, said in result.stderr) == (2, True)
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_what_a_project_declares_is_counted(application: Application, tmp_path: Path) -> None:
    """With --project its logins count, whatever is asked for; without, none of them does."""
    made = visits(2)
    (tmp_path / "a.log").write_text(written(application, made), "utf-8")
    login = f'[[logins]]\nname = "page"\n{application.declaration}'
    (tmp_path / "audit.toml").write_text(f'extends = "generic"\n{login}', "utf-8")
    asked = tmp_path / "a.log", "--by", "kind", "--format", "json"
    for more, count in (((), 0), (("--project", tmp_path), truth(made).total())):
        found = {row["kind"]: row["count"] for row in json.loads(_run(*asked, *more).stdout)}
        assert found.get("declared_failure", 0) == count
