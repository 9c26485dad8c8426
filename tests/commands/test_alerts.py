"""`failures --alerts`: fires on the policy's thresholds, says what it cannot know, ends with 3."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.clock import iso


def _run(folder: Path, *arguments: str) -> Result:
    given = ["failures", "--alerts", "--project", str(folder), "--policy", "paiid", *arguments]
    return CliRunner().invoke(main, given)


def _log(folder: Path, status: int, count: int, *, minutes_ago: float = 10, more: str = "") -> Path:
    (folder / "backend/logs").mkdir(parents=True, exist_ok=True)
    start = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    lines = [
        f'{iso(start + timedelta(seconds=number))} INFO: 192.0.2.1:1 - "GET /api/x HTTP/1.1" {status} X\n'
        for number in range(count)
    ]
    (folder / "backend/logs/app.log").write_text("".join(lines) + more, "utf-8")
    return folder


DATABASE = "2026-01-01 00:00:00,000 - app - ERROR - [DB] Connection or initialization failed: x\n"


@pytest.mark.parametrize(
    ("status", "count", "minutes_ago", "fired"),
    [
        (401, 10, 10, ["failed authentication"]),
        (401, 9, 10, []),
        (429, 20, 10, ["rate limit hits"]),
        (429, 19, 10, []),
        (401, 50, 60, []),
        (200, 50, 10, []),
    ],
)
def test_an_alert_fires_at_its_threshold(
    status: int, count: int, minutes_ago: float, fired: list[str], tmp_path: Path
) -> None:
    """As many events as the policy asks for since then fire, and the command ends with 3."""
    result = _run(
        _log(tmp_path, status, count, minutes_ago=minutes_ago), "--since", "30m", "--format", "json"
    )
    assert [row["alert"] for row in json.loads(result.stdout) if row["state"] == "fired"] == fired
    assert result.exit_code == (3 if fired else 0)


def test_an_old_log_is_unknown_not_quiet(tmp_path: Path) -> None:
    """Where no line of the time was read the alerts on logs say so."""
    result = _run(_log(tmp_path, 401, 50, minutes_ago=600), "--since", "30m")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["unknown"] * 3 + ["quiet"]


def test_a_database_failure_fires_with_its_line(tmp_path: Path) -> None:
    """One failure of the database is enough; the line says where it stands."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    line = DATABASE.replace("2026-01-01 00:00:00", f"{now:%Y-%m-%d %H:%M:%S}")
    result = _run(_log(tmp_path, 200, 2, more=line), "--since", "1h")
    assert "FIRED    database failures: 1" in result.stdout
    assert "backend/logs/app.log:3" in result.stdout


def test_faults_are_told_at_once(tmp_path: Path) -> None:
    """What is missing is said in one go, with exit 2; --since must be an instant that has passed."""
    result = CliRunner().invoke(main, ["failures", "--alerts", "a.log"])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 3
    assert _run(tmp_path, "--since", "soon").exit_code == 2
    assert _run(tmp_path, "--since", "2990-01-01").exit_code == 2
