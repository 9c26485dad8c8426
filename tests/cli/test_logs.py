"""`alerts` and `failures`: what fires and what is counted; refusals are in `scenes.toml`."""

import gzip
import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.cli import logs
from tests.support.login_logs import APPLICATIONS, Application, truth, visits, written
from tests.support.paths import ROOT

CASES = tomllib.loads(Path(__file__).with_name("alerts.toml").read_text("utf-8"))["case"]
AUDIT = 'extends = "paiid"\ntime_zone = "UTC"\n[[log]]\npattern = "backend/logs/*.log"\ninstances = 1\n'
ANSWERED = 'INFO: 192.0.2.1:1 - "GET /api/x HTTP/1.1" 200 X'  # the route is there


def _line(minutes_ago: float, number: int, text: str) -> str:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago, seconds=-number)
    text = text.replace("«n»", str(number))
    clock = text.replace("«clock»", f"{at:%Y-%m-%d %H:%M:%S},000")
    return f"{clock if clock != text else f'{iso(at)} {text}'}\n"


def _write(folder: Path, case: dict[str, Any]) -> Path:
    """The project of a case; without any line it has neither log nor settings."""
    minutes, (count, text) = case.get("answered", 10), case.get("whole", (0, ""))
    lines = [_line(minutes, 0, ANSWERED)] if minutes >= 0 else []
    lines += [_line(ago, n, line) for ago, many, line in case.get("log", ()) for n in range(many)]
    lines += [f"{text}\n"] * count
    if lines:
        (folder / "backend/logs").mkdir(parents=True)
        (folder / "backend/logs/app.log").write_text("".join(lines), "utf-8")
        (folder / "audit.toml").write_text(AUDIT + case.get("more", ""), "utf-8")
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_alert_fires_at_its_threshold(case: dict[str, Any], tmp_path: Path) -> None:
    """As many events as the policy asks for fire, and the command ends with 3."""
    folder, policy = _write(tmp_path, case), case.get("policy", "paiid")
    given = ["alerts", "--project", str(folder), "--policy", policy, "--since", "30m"]
    result = CliRunner().invoke(main, given)
    fired = {name: int(count) for name, count in re.findall(r"(?m)^FIRED    (.+?): (\d+)", result.stdout)}
    unknown = case.get("unknown", "")
    assert fired == case.get("fired", {}), result.output
    assert result.exit_code == (3 if fired else 2 if unknown else 0)
    assert all(text in result.stdout for text in case.get("said", ()))
    assert (f"alert failed authentication: not known: {unknown}" in result.stderr) is bool(unknown)
    assert not unknown or "unknown  failed authentication: " in result.stdout


CRON = re.search(r"(?m)^\*/15 \* \* \* \* (.* alerts .*)$", (ROOT / "docs/alerts.md").read_text("utf-8"))


@pytest.mark.parametrize(("case", "mailed"), [(CASES[0], True), (CASES[4], False)], ids=["fired", "quiet"])
def test_the_cron_line_of_the_documents_mails(case: dict[str, Any], mailed: bool, tmp_path: Path) -> None:
    """As cron runs it, with an empty environment: a mail where an alert fires, none where all is quiet."""
    assert CRON is not None
    sent = tmp_path / "sent"
    (tmp_path / "mail").write_text(f'#!/bin/sh\n(echo "$@"; cat) > {sent}\n', "utf-8")
    (tmp_path / "mail").chmod(0o755)
    _write(tmp_path / "app", case)
    line = CRON[1].replace("/srv/audit", str(ROOT)).replace("/srv/my-app", str(tmp_path / "app"))
    shell = ["/bin/sh", "-c", line.replace(".venv/bin/python", sys.executable)]
    subprocess.run(shell, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, cwd="/", timeout=120)
    assert sent.exists() == mailed
    begins = "-s login alert ops@example.com\nFIRED    failed auth"
    assert not mailed or sent.read_text("utf-8").startswith(begins)


# ---- failures ----

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
    assert [line.split() for line in _run("-", "--by", "kind", stdin=LOG).stdout.splitlines()[2:]] == [
        ["unauthorized", "2", "66.7", "%", "2"],
        ["(2", "more", "rows)", "1", "33.3", "%", "2"],
        ["total", "3", "100.0", "%", "4"],
    ]


def test_a_log_is_counted_once_and_within_bounds(tmp_path: Path) -> None:
    """- is stdin, packed or not; a file named by two spellings is one file."""
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
