"""`alerts`: fires on the policy's thresholds, says what it cannot know, ends with 3."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from tests.support.paths import ROOT

AUDIT = 'extends = "paiid"\ntime_zone = "UTC"\n[[log]]\npattern = "backend/logs/*.log"\ninstances = 1\n'
UNTIMED = 'INFO: 192.0.2.1:1 - "GET /x HTTP/1.1" 401 X\n' * 20


def _at(minutes_ago: float, number: int = 0) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes_ago, seconds=-number)


def _run(folder: Path, *arguments: str) -> Result:
    given = ["alerts", "--project", str(folder), "--policy", "paiid", "--since", "30m", *arguments]
    return CliRunner().invoke(main, given)


def _fired(result: Result) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"(?m)^FIRED    (.+?): (\d+)", result.stdout)}


def _log(folder: Path, status: int, count: int, *, minutes_ago: float = 10, more: str = "") -> Path:
    (folder / "backend/logs").mkdir(parents=True, exist_ok=True)
    lines = [
        f'{iso(_at(minutes_ago, number))} INFO: 192.0.2.1:1 - "GET /api/x HTTP/1.1" {answer} X\n'
        for number, answer in enumerate([200] + [status] * count)  # one answered: the route is there
    ]
    (folder / "backend/logs/app.log").write_text("".join(lines) + more, "utf-8")
    (folder / "audit.toml").write_text(AUDIT, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("status", "count", "fired"),
    [
        (401, 10, {"failed authentication": 10}),
        (401, 9, {}),
        (429, 20, {"rate limit hits": 20}),
        (429, 19, {}),
        (200, 50, {}),
    ],
)
def test_an_alert_fires_at_its_threshold(
    status: int, count: int, fired: dict[str, int], tmp_path: Path
) -> None:
    """As many events as the policy asks for since then fire, and the command ends with 3."""
    result = _run(_log(tmp_path, status, count))
    assert (_fired(result), result.exit_code) == (fired, 3 if fired else 0)


def test_unknown_users_of_ssh_fire_like_failed_logins(tmp_path: Path) -> None:
    """Twelve users that sshd does not have, of one address within a minute, are failed authentication."""
    said = "web1 sshd[7]: Invalid user x from 203.0.113.9 port"
    lines = [f"{iso(_at(5, number))} {said} {number + 1}\n" for number in range(12)]
    folder = _log(tmp_path, 401, 0, more="".join(lines))
    assert _fired(_run(folder, "--policy", "generic")) == {"failed authentication": 12}


def _without_file(folder: Path) -> Path:
    return folder


def _untimed(folder: Path) -> Path:
    _log(folder, 200, 0)
    (folder / "backend/logs/app.log").write_text(UNTIMED)
    return folder


def _one_missing(folder: Path) -> Path:
    _log(folder, 200, 5)
    (folder / "audit.toml").write_text(AUDIT + '[[log]]\npattern = "web/*.log"\n', "utf-8")
    return folder


UNDECLARED = "the policy does not declare what a failed login looks like"


@pytest.mark.parametrize(
    ("made", "policy", "reason"),
    [
        (lambda folder: _log(folder, 401, 50, minutes_ago=600), "paiid", "no log line since"),
        (_without_file, "paiid", "backend/logs/*.log*: no file matches"),
        (_untimed, "paiid", "no log line since"),
        (lambda folder: _log(folder, 200, 2, more=UNTIMED), "paiid", "20 events have no time of their own"),
        (_one_missing, "paiid", "web/*.log: no file matches"),
        (lambda folder: _log(folder, 200, 5), "generic", UNDECLARED),
    ],
    ids=["old", "no file", "untimed", "some untimed", "one log is missing", "undeclared"],
)
def test_what_cannot_be_judged_is_not_quiet(made, policy: str, reason: str, tmp_path: Path) -> None:
    """It is unknown, said on stderr with the reason, and the command ends with 2, not 0."""
    result = _run(made(tmp_path), "--policy", policy)
    assert result.exit_code == 2
    assert "unknown  failed authentication: " in result.stdout
    assert f"alert failed authentication: not known: {reason}" in result.stderr


def test_what_fired_outranks_what_is_unknown(tmp_path: Path) -> None:
    """With one alert fired and another unknown the command ends with 3, and both are told."""
    result = _run(_log(tmp_path, 429, 20), "--policy", "generic")
    assert result.exit_code == 3
    assert "FIRED    rate limit hits: 20" in result.stdout
    assert "alert failed authentication: not known" in result.stderr


CRON = re.search(r"(?m)^\*/15 \* \* \* \* (.* alerts .*)$", (ROOT / "docs/alerts.md").read_text("utf-8"))


@pytest.mark.parametrize(("status", "mailed"), [(401, True), (200, False)])
def test_the_cron_line_of_the_documents_mails(status: int, mailed: bool, tmp_path: Path) -> None:
    """As cron runs it, with an empty environment: a mail where an alert fires, none where all is quiet."""
    assert CRON is not None
    (tmp_path / "mail").write_text(f'#!/bin/sh\n(echo "$@"; cat) > {tmp_path}/sent\n', "utf-8")
    (tmp_path / "mail").chmod(0o755)
    _log(tmp_path / "app", status, 10)
    line = CRON[1].replace("/srv/audit", str(ROOT)).replace("/srv/my-app", str(tmp_path / "app"))
    line = line.replace(".venv/bin/python", sys.executable)
    path = f"{tmp_path}:/usr/bin:/bin"
    subprocess.run(["/bin/sh", "-c", line], env={"PATH": path}, check=True, cwd="/", timeout=120)
    sent = tmp_path / "sent"
    assert sent.exists() == mailed
    if mailed:
        assert sent.read_text("utf-8").startswith("-s login alert ops@example.com\nFIRED    failed auth")


def test_a_database_failure_fires_with_its_line(tmp_path: Path) -> None:
    """One failure of the database is enough; the line says where it stands."""
    line = f"{_at(1):%Y-%m-%d %H:%M:%S},000 - app - ERROR - [DB] Connection or initialization failed: x\n"
    result = _run(_log(tmp_path, 200, 2, more=line), "--since", "1h")
    assert "FIRED    database failures: 1" in result.stdout
    assert "backend/logs/app.log:4" in result.stdout


@pytest.mark.parametrize("since", ["soon", "2990-01-01"])
def test_a_beginning_must_be_an_instant_that_has_passed(since: str, tmp_path: Path) -> None:
    """Anything else is bad input."""
    assert _run(tmp_path, "--since", since).exit_code == 2
