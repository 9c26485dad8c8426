"""`failures` and `explain`: rows by the columns asked for, sums on stderr, clear refusals."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.cli import logs
from tests.support.fakes import fake_value
from tests.support.login_logs import APPLICATIONS, Application, truth, visits, written
from tests.support.own_formats import OWN_FORMATS

LOG = b"""INFO:     203.0.113.9:1 - "GET /early HTTP/1.1" 401 Unauthorized
2026-08-01 10:00:00,000 - app.auth - WARNING - Failed login attempt for: a@example.com
INFO:     203.0.113.7:1 - "POST /login HTTP/1.1" 401 Unauthorized
2026-08-02T10:00:00Z INFO:     203.0.113.7:1 - "GET /a/7 HTTP/1.1" 200 OK
"""
COMBINED = (
    b'203.0.113.9 - - [01/Aug/2026:10:00:00 +0000] "POST /login?token=opensesame HTTP/1.1" 401 12 "-" "x"\n'
)


def _run(*arguments: object, stdin: bytes = b"", command: str = "failures") -> Result:
    return CliRunner().invoke(main, [command, *map(str, arguments)], input=stdin)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A small log."""
    (tmp_path / "a.log").write_bytes(LOG)
    return tmp_path / "a.log"


def test_scripts_get_rows_as_json_and_csv(log: Path) -> None:
    """The columns asked for in their order, the count, and untimed where days are asked for; null where not
    known."""
    assert json.loads(_run(log, "--by", "day,status", "--format", "json").stdout) == [
        {"day": None, "status": 401, "count": 1, "untimed": 1},
        {"day": "2026-08-01", "status": None, "count": 1, "untimed": 0},
        {"day": "2026-08-01", "status": 401, "count": 1, "untimed": 1},
        {"day": "2026-08-02", "status": 200, "count": 1, "untimed": 0},
    ]
    kinds = {"login_failed": 1, "other": 1, "unauthorized": 2}
    rows = [{"kind": kind, "count": count} for kind, count in kinds.items()]
    assert json.loads(_run(log, "--by", "kind", "--format", "json").stdout) == rows
    csv = _run(log, "--by", "route", "--format", "csv").stdout
    assert csv.split() == ["route,count", ",1", "/a/{id},1", "/early,1", "/login,1"]


def test_the_table_answers_first_and_has_most_failures_first(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence, then rows by failures and count, with shares and a total; what is refused comes first.
    Beyond the most rows one row holds the sums of all others."""
    answer, *table = _run(log, "--by", "address,route").stdout.splitlines()
    assert answer == "2 of 3 requests failed (66.7 %), 1 message of a failure, 2026-08-01 to 2026-08-02"
    assert [line.split() for line in table] == [
        ["address", "route", "failures", "share", "count"],
        ["1", "33.3", "%", "1"],
        ["203.0.113.7", "/login", "1", "33.3", "%", "1"],
        ["203.0.113.9", "/early", "1", "33.3", "%", "1"],
        ["203.0.113.7", "/a/{id}", "0", "0.0", "%", "1"],
        ["total", "3", "100.0", "%", "4"],
    ]
    monkeypatch.setattr(logs, "_MOST_ROWS", 1)
    rows = [line.split() for line in _run(log, "--by", "kind").stdout.splitlines()[2:]]
    assert rows == [
        ["unauthorized", "2", "66.7", "%", "2"],
        ["(2", "more", "rows)", "1", "33.3", "%", "2"],
        ["total", "3", "100.0", "%", "4"],
    ]


def test_explain_says_how_each_line_is_read(tmp_path: Path) -> None:
    """State, formats and fields of each line; of one that is not understood what came nearest.

    No value of the project is printed, nor a secret of a URL.
    """
    value = fake_value("explain", 40)
    (tmp_path / ".env").write_text(f"API_TOKEN={value}\n", "utf-8")
    last = f'INFO:     203.0.113.9:1 - "GET /x/{value}/y HTTP/1.1" 401 Unauthorized\n'
    lines = LOG + b"nothing\n\n" + COMBINED + COMBINED.replace(b" 401 ", b" x01 ") + last.encode()
    result = _run("--project", tmp_path, stdin=lines, command="explain")
    assert result.exit_code == 0
    said = result.stdout.splitlines()
    assert said[:6] == [
        "1: request, by level and colon > uvicorn request",
        "   time: none",
        "   kind: unauthorized, method: GET, route: /early, status: 401, client: 203.0.113.9",
        "2: message, by application > login failed",
        "   time: 2026-08-01T10:00:00Z",
        "   kind: login_failed, message: login failed, subject: a***@example.com",
    ]
    assert [line for line in said if line[0].isdigit()][4:] == [
        "5: not understood",
        "6: blank",
        "7: request, by combined > secret in a url",
        "8: not understood; nearest is combined: it matches to column 85, and expects {status}",
        "9: request, by level and colon > uvicorn request",
    ]
    assert not [secret for secret in ("opensesame", value) if secret in result.stdout]


def test_the_projects_formats_and_zone_hold(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that audit.toml names in the current folder, or in that of `--project`."""
    folder = log.parent
    (folder / "own.toml").write_text(OWN_FORMATS, "utf-8")
    (folder / "b.log").write_text("DENIED 203.0.113.9\n", "utf-8")
    assert "nothing was read" in _run(folder / "b.log").stderr
    (folder / "audit.toml").write_text('log_formats = "own.toml"\n', "utf-8")
    by_project = _run(folder / "b.log", "--project", folder)
    assert "1 line: 1 request" in by_project.stderr
    with monkeypatch.context() as here:
        here.chdir(folder)
        assert _run("b.log").stdout == by_project.stdout
    (folder / "audit.toml").write_text('time_zone = "Pacific/Auckland"\n', "utf-8")
    rows = json.loads(_run(log, "--format", "json", "--project", folder).stdout)
    assert [row["day"] for row in rows] == [None, "2026-07-31", "2026-07-31", "2026-08-02"]


def test_one_log_is_counted_once(log: Path) -> None:
    """- is stdin, packed or not; a file named by two spellings is one file."""
    said = _run(log).stdout
    plain = _run("-", stdin=LOG)
    assert "4 lines: 3 requests, 1 message, 0 text only, 0 not understood, 0 blank" in plain.stderr
    packed = _run("-", stdin=gzip.compress(LOG))
    assert said == plain.stdout == packed.stdout == _run(log, log.parent / "." / "a.log").stdout


def test_what_gives_no_line_is_said(tmp_path: Path) -> None:
    """A truncated gzip and a bomb are bad input, in one line."""
    bomb = gzip.compress(bytes(100 << 20))
    for content, said in ((gzip.compress(LOG)[:40], "cut short"), (bomb, "no honest log does")):
        (tmp_path / "a.log").write_bytes(content)
        result = _run(tmp_path / "a.log")
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
