"""Messages whose wording was never met in an application's logs are not absent: nobody knows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from tests.support.small_logs import START, Ask, detections, verdicts

HOUR = 3600
VISITS: list[Ask] = [(hour * HOUR, f"198.51.{hour % 9}.7", "/page", 200) for hour in range(24)]
PDO = "INFO: the store at 10.0.0.5 does not answer\n"  # as no format knows it
KNOWN = {"known_messages": ["database_failure", "startup_failed"], "logs_queries": True}


def _said(text: str, at: float = HOUR) -> str:
    return f"{iso(START + timedelta(seconds=at))} {text}"


def test_failures_in_unknown_words_leave_it_unknown(tmp_path: Path) -> None:
    """27 failures of a database in words that no format has are not "none" (A16), nor are starts (A18)."""
    found = detections(tmp_path, [*VISITS, *[_said(PDO)] * 27], policy="generic")
    rows = found.set_index("detection")
    assert rows.loc[["A16", "A17", "A18"], "verdict"].eq("unknown").all()
    assert "no message of the kind database failure was ever met" in rows.loc["A16", "reason"]
    assert "known_messages" in rows.loc["A18", "reason"]


def test_a_declaration_of_the_wording_makes_absence_speak(tmp_path: Path) -> None:
    """If the policy says that the formats know the wording, silence is "none"."""
    by_id = verdicts(detections(tmp_path, VISITS, policy="generic", **KNOWN))
    assert {by_id[id_] for id_ in ("A16", "A17", "A18")} == {"none"}


def test_a_start_that_was_met_makes_absence_speak(tmp_path: Path) -> None:
    """One start in words that are known is enough to say that no start failed."""
    start = _said("INFO: All required secrets validated successfully\n")
    assert verdicts(detections(tmp_path, [*VISITS, start], policy="generic"))["A18"] == "none"


def test_server_errors_without_a_time_are_not_none(tmp_path: Path) -> None:
    """Twelve answers of 500 that carry no time cannot be put in a window, so A16 is unknown."""
    errors = 'INFO:     192.0.2.1:1 - "GET /page HTTP/1.1" 500 X\n' * 12
    rows = detections(tmp_path, [*VISITS, errors], policy="generic", **KNOWN).set_index("detection")
    assert rows.loc["A16", "verdict"] == "unknown"
    assert "12 server errors have no time of their own" in rows.loc["A16", "reason"]


@pytest.mark.parametrize(("known", "code"), [(True, 0), (False, 2)])
def test_an_alert_on_messages_needs_their_wording(known: bool, code: int, tmp_path: Path) -> None:
    """The alert on database failures is unknown, and the command ends with 2, until the wording is known."""
    at = iso(datetime.now(UTC) - timedelta(minutes=5))
    (tmp_path / "app.log").write_text(
        f'{at} INFO: 192.0.2.1:1 - "GET /a HTTP/1.1" 200 X\n{at} {PDO}', "utf-8"
    )
    log = '[[log]]\npattern = "app.log"\ninstances = 1\ntime_zone = "UTC"\n'
    (tmp_path / "audit.toml").write_text(log, "utf-8")
    words = 'known_messages = ["database_failure"]\n' if known else ""
    alert = '[[alerts]]\nname = "database"\nkinds = ["database_failure"]\n'
    (tmp_path / "own.toml").write_text(f'name = "own"\n[detections]\n{words}{alert}', "utf-8")
    given = ["failures", "--alerts", "--since", "30m", "--project", str(tmp_path)]
    result = CliRunner().invoke(main, [*given, "--policy", str(tmp_path / "own.toml")])
    assert result.exit_code == code
    assert ("quiet    database" in result.stdout) == known
    assert ("alert database: not known: no message of the kind" in result.stderr) != known
