"""Lines that may tell of refusals in words of their own, or of a time to come, leave nothing good."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import Quarter, iso
from audit_lib.ledger import Draft, write_entry
from audit_lib.ledger.keys import made_key_of
from audit_lib.logins.coverage import NEEDS, cover
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.traffic import Window
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read import read_logs
from audit_lib.settings import LogSource, Project, bundled_policy, choose_policy, load_project
from audit_lib.settings.dump import dump
from tests.logins.test_none_is_earned import world
from tests.support.small_logs import START, detections, traffic_of, verdicts

AT = iso(START + timedelta(hours=1))
WARNED = f"{AT} WARNING: disk of web1 is almost full\n"
IN_OWN_WORDS = {
    "a status without a method": f'{AT} {{"status":401,"ip":"203.0.113.7"}}\n',
    "a line of the application's own": f"{AT} INFO: POST /login 401 3ms\n",
    "forbidden by number": f"{AT} INFO: gatekeeper said 403 to 203.0.113.7\n",
    "another language beside a warning": f"{AT} INFO: Anmeldung von x fehlgeschlagen\n{WARNED}",
    "refused beside a warning": f"{AT} INFO: Unauthorized request to /x from 203.0.113.7\n{WARNED}",
}
# Numbers that are no answers.
PLAIN = {
    "a time": "2026-09-01 01:00:00,401 INFO: started\n",
    "a process": f"{AT} web1 cron[401]: job started\n",
}


def _found(folder: Path, more: str) -> dict[str, str]:
    shown = world(1)
    said = (*shown.said, more)
    return verdicts(
        detections(folder, (*shown.asks, *said), days=shown.days, routes=shown.routes, **shown.declared)
    )


@pytest.mark.parametrize("how", IN_OWN_WORDS)
def test_words_of_its_own_leave_no_none(how: str, tmp_path: Path) -> None:
    """A line of text with 401 or 403, or beside access lines and warnings, may be a refusal."""
    assert "none" not in _found(tmp_path, IN_OWN_WORDS[how]).values()


@pytest.mark.parametrize("how", PLAIN)
def test_a_number_that_is_no_answer_takes_nothing(how: str, tmp_path: Path) -> None:
    """Milliseconds and process numbers are no statuses."""
    assert _found(tmp_path, PLAIN[how])["guessing"] == "none"


def test_the_shapes_of_such_lines_are_listed(tmp_path: Path) -> None:
    """Where they were read stands what they look like, without their text."""
    (tmp_path / "app.log").write_text(f"{AT} INFO: POST /login 401 3ms\n" * 200, "utf-8")
    project = Project("test", tmp_path, log_sources=(LogSource("app.log"),))
    row = read_logs(project, None, load_formats()).sources.iloc[0]
    assert row["own_words"] == 200
    assert "in words of their own: lines such as `0-0-a0:0:a0 a: a /a 0 a0`" in row["reason"]


def _doubts(folder: Path, lines: str, as_of: datetime) -> str:
    """Why guessing says nothing good of the third quarter, reviewed at an instant."""
    (folder / "app.log").write_text(lines, "utf-8")
    quarter, rules = Quarter(2026, 3), detection_policy(bundled_policy("paiid"))
    project = Project("test", folder, log_sources=(LogSource("app.log", instances=1, zone_declared=True),))
    read = read_logs(project, quarter, load_formats().declaring(rules.failed_statuses))
    traffic = traffic_of(read, rules, Window(quarter.start, quarter.end), project, as_of=as_of)
    return cover(traffic).reason(NEEDS["guessing"])


def _request(at: str) -> str:
    return f'{at} INFO: 192.0.2.1:1 - "GET /api/x HTTP/1.1" 200 X\n'


@pytest.mark.parametrize("back", [False, True])
def test_hours_beyond_the_review_are_a_wrong_clock(back: bool, tmp_path: Path) -> None:
    """Requests of next year, in the middle of a log or at its end, are no part of the quarter and said."""
    lines = _request("2026-09-01T00:00:00Z") + _request("2027-09-01T00:00:00Z")
    lines += _request("2026-09-02T00:00:00Z") * back
    assert "a clock is wrong" in _doubts(tmp_path, lines, datetime(2026, 10, 5, tzinfo=UTC))


def test_lines_of_the_time_since_the_quarter_are_no_wrong_clock(tmp_path: Path) -> None:
    """A log goes on after the quarter, until it is reviewed."""
    lines = _request("2026-09-01T00:00:00Z") + _request("2026-10-04T00:00:00Z")
    assert "a clock is wrong" not in _doubts(tmp_path, lines, datetime(2026, 10, 5, tzinfo=UTC))


AUDIT = 'extends = "paiid"\ntime_zone = "UTC"\n[[log]]\npattern = "app.log"\ninstances = 1\n'


def _alerts(folder: Path, more: str, audit: str = AUDIT) -> Result:
    start = datetime.now(UTC) - timedelta(minutes=10)
    (folder / "audit.toml").write_text(audit, "utf-8")
    (folder / "app.log").write_text(_request(iso(start)) + more, "utf-8")
    return CliRunner().invoke(
        main, ["alerts", "--project", str(folder), "--since", "30m", "--format", "json"]
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("", ""),
        ("2026-09-01T00:00:00Z POST /login 401 3ms\n" * 200, "words that no format knows"),
        (_request("2100-01-01T00:00:00Z"), "a clock is wrong"),
    ],
)
def test_alerts_are_not_quiet_over_what_may_be_a_refusal(more: str, reason: str, tmp_path: Path) -> None:
    """They end with 2, and say why."""
    result = _alerts(tmp_path, more)
    assert result.exit_code == (2 if reason else 0)
    assert reason in result.stderr
    assert bool(reason) == any(row["state"] == "unknown" for row in json.loads(result.stdout))


def test_alerts_end_with_2_once_what_they_judge_by_was_changed(tmp_path: Path) -> None:
    """They print the digest of settings and formats, and say if it is not that of the last sign-off."""
    quiet = _alerts(tmp_path, "")
    assert quiet.exit_code == 0
    assert "(never signed)" in quiet.stderr
    project = load_project(tmp_path)
    signed = {"as_of": "2026-09-30T00:00:00Z", "in_force": list(dump(choose_policy(project), project))}
    body = {"manifest_sha256": "0" * 64, "by": "carol", "heads": {}, **signed}
    write_entry(project.ledger_dir, made_key_of(project), Draft("signoff", body), datetime.now(UTC), "carol")
    as_signed = _alerts(tmp_path, "")
    assert as_signed.exit_code == 0
    assert "(as in the sign-off" in as_signed.stderr
    changed = _alerts(tmp_path, "", f'{AUDIT}service = "web"\n')
    assert changed.exit_code == 2
    assert "changed since the sign-off" in changed.stderr
