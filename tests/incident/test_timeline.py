"""The timeline of an incident, held against the raw lines that it cites."""

from pathlib import Path

import pandas as pd

from audit_lib.incident.question import Question
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.settings import load_project
from tests.support.planted_incidents import AS_OF, plant


def test_a_silence_names_the_line_after_it(tmp_path: Path) -> None:
    """Of a log in which three days are missing the first line that was kept again is cited."""
    plant(tmp_path, "brute force", 0)
    log = tmp_path / "backend" / "logs" / "backend.log"
    low, high = (f"{AS_OF - pd.Timedelta(days=days):%Y-%m-%d}" for days in (12, 9))
    kept = [line for line in log.read_text("utf-8").splitlines(keepends=True) if not low <= line[:10] < high]
    log.write_text("".join(kept), "utf-8")
    project = load_project(tmp_path)
    found = tabulate_timeline(investigate(project, Question("2026-09-01"), AS_OF, keeper_of(project)))
    gap = found[found["kind"] == "log gap"].iloc[0]
    number = 1 + next(place for place, line in enumerate(kept) if line[:10] >= high)
    assert gap["evidence"] == f"backend/logs/backend.log:{number}"
    assert f"{gap['not_after_at']:%Y-%m-%d %H:%M}" == kept[number - 1][:16]
    assert gap["not_before_at"] <= pd.Timestamp(kept[number - 2][:19], tz="UTC")
