"""The table of a period's rotations: who, why, approved by whom, proved or claimed, how long it took."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import vobject

from audit_lib.base.clock import Quarter, iso
from audit_lib.ledger import read_ledger
from audit_lib.report.record import report_record
from audit_lib.report.review import ARTEFACTS
from audit_lib.report.rotation_tables import rotations_tables
from audit_lib.rotation.calendar_file import calendar_text
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.settings import load_project
from tests.ledger.test_timeline import DAY as START, KEY, rotated, seen
from tests.support.audits import run_audit
from tests.support.rotating_project import RotatingProject, made_value
from tests.support.sample_copy import write_sample

DAY = timedelta(days=1)


def _rotations(app: RotatingProject) -> pd.DataFrame:
    ledger = read_ledger(app.root / ".audit" / "ledger", None)
    now = datetime.now(UTC)
    return tabulate_rotations(ledger, now - DAY, now + DAY)


def _edit(app: RotatingProject, name: str) -> None:
    """Somebody sets another value in an editor."""
    path = app.file("production", "backend")
    lines = path.read_text("utf-8").splitlines()
    changed = [
        f"{name}={made_value(name, 'edited')}" if line.startswith(f"{name}=") else line for line in lines
    ]
    path.write_text("\n".join(changed) + "\n", "utf-8")


def test_proved_claimed_and_not_recorded(tmp_path: Path) -> None:
    """A record of a change that was seen, one of none that was seen, and a change that nobody recorded."""
    app = RotatingProject(tmp_path)
    assert app.run("snapshot").exit_code == 0
    said = ("--environment", "production", "--by", "Ann", "--approved-by", "Bo", "--ticket", "OPS-1")
    said += ("--trigger", "leaver", "--triggered-at", iso(datetime.now(UTC) - 3 * DAY))
    _edit(app, "JWT_SECRET_KEY")
    _edit(app, "REDIS_URL")
    assert app.run("record", "JWT_SECRET_KEY", *said).exit_code == 0
    assert app.run("snapshot").exit_code == 0
    claim = ("--environment", "production", "--at", iso(datetime.now(UTC) - timedelta(hours=2)))
    assert app.run("record", "SENTRY_DSN", *claim, "--trigger", "scheduled").exit_code == 0

    table = _rotations(app).set_index("secret")
    assert dict(table["proof"]) == {
        "JWT_SECRET_KEY": "proved", "REDIS_URL": "not recorded", "SENTRY_DSN": "claimed"
    }  # fmt: skip
    done = table.loc["JWT_SECRET_KEY"]
    assert list(done[["by", "approved_by", "ticket", "trigger"]]) == ["Ann", "Bo", "OPS-1", "leaver"]
    assert done["after_at"] <= done["by_at"]
    assert 2.9 <= done["days_to_done_min"] <= 3 <= done["days_to_done_max"] <= 3.1
    assert table.loc["REDIS_URL", "by"] == ""
    assert pd.isna(table.loc["SENTRY_DSN", "days_to_done_max"])


def test_what_the_options_refuse(tmp_path: Path) -> None:
    """A trigger of another word, and one that is still to come."""
    app = RotatingProject(tmp_path)
    fixed = ("record", "JWT_SECRET_KEY", "--environment", "production")
    assert app.run(*fixed, "--trigger", "boredom").exit_code == 2
    late = app.run(*fixed, "--triggered-at", iso(datetime.now(UTC) + DAY))
    assert (late.exit_code, "--triggered-at: is in the future" in late.output) == (2, True)


def test_generate_records_who_approved(tmp_path: Path) -> None:
    """`--into` asks the same, and its record proves the rotation by itself."""
    app = RotatingProject(tmp_path)
    path = app.file("staging", "backend")
    said = ("--approved-by", "Bo", "--trigger", "compromised", "--triggered-at", iso(datetime.now(UTC) - DAY))
    assert app.run("generate", "JWT_SECRET_KEY", "--into", path, *said).exit_code == 0
    (row,) = _rotations(app).to_dict("records")
    assert (row["proof"], row["approved_by"], row["trigger"]) == ("proved", "Bo", "compromised")
    assert row["after_at"] == row["by_at"]
    assert row["days_to_done_max"] == 1.1 or row["days_to_done_max"] == 1.0


def test_a_review_shows_them_and_publishes_a_calendar(tmp_path: Path) -> None:
    """The sample's rotations are in the notebook's table and in report.json; its calendar names their days.

    tests/test_golden.py holds the calendar's bytes.
    """
    project = load_project(write_sample(tmp_path / "sample"), sample=True)
    audit = run_audit(project)
    assert Quarter.parse("2026Q3") == audit.quarter
    record = report_record(audit)
    assert {row["proof"] for row in record["rotations"]} == {"proved", "not recorded"}
    assert "API_TOKEN" in rotations_tables(audit)._repr_mimebundle_()[0]["text/plain"]
    assert "calendar.ics" in ARTEFACTS
    events = vobject.readOne(calendar_text(audit.schedule, audit.project.name, audit.as_of)).vevent_list
    assert {event.dtstart.value for event in events}
    assert {event.dtstamp.value for event in events} == {audit.as_of}


def test_another_writer_s_copy_proves_no_rotation(tmp_path: Path) -> None:
    """A record of a value that its writer saw before is claimed alone, whatever others hold."""
    seen(tmp_path, 0, {"API_TOKEN": "a" * 20}, "alice")
    seen(tmp_path, 1, {"API_TOKEN": "b" * 20}, "bob")
    rotated(tmp_path, 9, "API_TOKEN", "a" * 20)
    seen(tmp_path, 10, {"API_TOKEN": "b" * 20}, "bob")
    table = tabulate_rotations(read_ledger(tmp_path, KEY), START, START + 90 * DAY)
    assert table["proof"].tolist() == ["claimed"]
