"""Times that no log of ours can hold: after 2149, when 16 bits of days end, and at the calendar's end."""

from pathlib import Path

import pytest

from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project


@pytest.mark.parametrize(
    "far", ["2149-06-05", "2149-06-07", "2150-01-01", "2262-04-12", "9999-12-31", "0001-01-01"]
)
def test_a_line_of_a_far_day_is_counted_like_any_other(far: str, tmp_path: Path) -> None:
    """The fast reader neither crashes nor loses a line, nor takes the far day for another one."""
    line = '{day}T10:00:00Z INFO:     203.0.113.7:1 - "GET /x HTTP/1.1" 401 Unauthorized\n'
    (tmp_path / "a.log").write_text(line.format(day="2026-08-01") + line.format(day=far))
    read = read_logs(Project("p", tmp_path, log_sources=(LogSource("*.log"),)), None)
    row = read.sources.iloc[0]
    assert row["state"] == "read"
    assert row["read"] + row["not_understood"] + row["blank"] == row["lines"] == 2
    assert row["read"] >= 1
