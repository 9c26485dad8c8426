"""`alerts`: fires on the policy's thresholds, says what it cannot know, ends with 3."""

import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
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
    """As many events as the policy asks for fire, and the command ends with 3. What cannot be judged is not
    known, said on stderr with the reason, and ends with 2 unless something fired: it is never quiet."""
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
    (tmp_path / "mail").write_text(f'#!/bin/sh\n(echo "$@"; cat) > {tmp_path}/sent\n', "utf-8")
    (tmp_path / "mail").chmod(0o755)
    _write(tmp_path / "app", case)
    line = CRON[1].replace("/srv/audit", str(ROOT)).replace("/srv/my-app", str(tmp_path / "app"))
    line = line.replace(".venv/bin/python", sys.executable)
    path = f"{tmp_path}:/usr/bin:/bin"
    subprocess.run(["/bin/sh", "-c", line], env={"PATH": path}, check=True, cwd="/", timeout=120)
    sent = tmp_path / "sent"
    assert sent.exists() == mailed
    assert not mailed or sent.read_text("utf-8").startswith(
        "-s login alert ops@example.com\nFIRED    failed auth"
    )
