"""The table of a period's rotations: who, why, approved by whom, proved or claimed, how long it took."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.ledger import read_ledger
from audit_lib.rotation.rotations import tabulate_rotations
from tests.ledger.test_timeline import DAY as START, KEY, rotated, seen
from tests.support.rotating_project import RotatingProject, made_value

DAY = timedelta(days=1)


def test_proved_claimed_and_not_recorded(tmp_path: Path) -> None:
    """A record of a change that was seen, one of none that was seen, and a change that nobody recorded."""
    app = RotatingProject(tmp_path)
    assert app.run("snapshot").exit_code == 0
    said = ("--environment", "production", "--by", "Ann", "--approved-by", "Bo", "--ticket", "OPS-1")
    said += ("--trigger", "leaver", "--triggered-at", iso(datetime.now(UTC) - 3 * DAY))
    path = app.file("production", "backend")
    for name in ("JWT_SECRET_KEY", "REDIS_URL"):  # somebody sets another value in an editor
        line = f"{name}={made_value(name, 'edited')}"
        path.write_text(re.sub(rf"(?m)^{name}=.*$", line, path.read_text("utf-8")), "utf-8")
    assert app.run("record", "JWT_SECRET_KEY", *said).exit_code == 0
    assert app.run("snapshot").exit_code == 0
    claim = ("--environment", "production", "--at", iso(datetime.now(UTC) - timedelta(hours=2)))
    assert app.run("record", "SENTRY_DSN", *claim, "--trigger", "scheduled").exit_code == 0

    ledger, now = read_ledger(app.root / ".audit" / "ledger", None), datetime.now(UTC)
    table = tabulate_rotations(ledger, now - DAY, now + DAY).set_index("secret")
    proof = {"JWT_SECRET_KEY": "proved", "REDIS_URL": "not recorded", "SENTRY_DSN": "claimed"}
    assert dict(table["proof"]) == proof
    done = table.loc["JWT_SECRET_KEY"]
    assert list(done[["by", "approved_by", "ticket", "trigger"]]) == ["Ann", "Bo", "OPS-1", "leaver"]
    assert done["after_at"] <= done["by_at"]
    assert 2.9 <= done["days_to_done_min"] <= 3 <= done["days_to_done_max"] <= 3.1
    assert (table.loc["REDIS_URL", "by"], pd.isna(table.loc["SENTRY_DSN", "days_to_done_max"])) == ("", True)


def test_another_writer_s_copy_proves_no_rotation(tmp_path: Path) -> None:
    """A record of a value that its writer saw before is claimed alone, whatever others hold."""
    seen(tmp_path, 0, {"API_TOKEN": "a" * 20}, "alice")
    seen(tmp_path, 1, {"API_TOKEN": "b" * 20}, "bob")
    rotated(tmp_path, 9, "API_TOKEN", "a" * 20)
    seen(tmp_path, 10, {"API_TOKEN": "b" * 20}, "bob")
    # Recorded as done by day 9: it is of the period that has this instant.
    for start, end, proof in ((0, 90, ["claimed"]), (9, 10, ["claimed"]), (0, 9, []), (10, 90, [])):
        table = tabulate_rotations(read_ledger(tmp_path, KEY), START + start * DAY, START + end * DAY)
        assert table["proof"].tolist() == proof
