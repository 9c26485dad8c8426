"""Times without a year: the file's date gives it, and where that leaves it open, no line has a time."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logs.read import LogRead, read_logs
from audit_lib.logs.tally import YEAR_OPEN, YEAR_TAKEN
from audit_lib.settings import LogSource, Project

LINE = "{} 10:00:00 web1 sshd[7]: Failed password for root from 203.0.113.7 port 22 ssh2\n"


def _read(folder: Path, days: list[str], written: datetime) -> LogRead:
    path = folder / "auth.log"
    path.write_text("".join(map(LINE.format, days)))
    os.utime(path, (written.timestamp(), written.timestamp()))
    return read_logs(Project("test", folder, log_sources=(LogSource("*.log"),)), None)


@pytest.mark.parametrize(
    ("days", "written", "shown"),
    [
        (["Dec 30", "Dec 31", "Jan  2"], (2026, 1, 2), ["2025-12-30", "2025-12-31", "2026-01-02"]),
        (["Feb 28", "Feb 29", "Mar  1"], (2028, 3, 1), ["2028-02-28", "2028-02-29", "2028-03-01"]),
        (["Nov 24", "Nov 25"], (2026, 11, 24), ["2026-11-24", "2026-11-25"]),
        (["Nov 3", "Nov  4"], (2026, 11, 4), ["2026-11-03", "2026-11-04"]),
    ],
)
def test_the_year_is_that_of_the_files_date(
    tmp_path: Path, days: list[str], written: tuple[int, int, int], shown: list[str]
) -> None:
    """Over a new year, too; a clock may be a day ahead. The file's row says where the year is from."""
    read = _read(tmp_path, days, datetime(*written, 12, tzinfo=UTC))
    assert read.counts["day"].tolist() == shown
    assert read.counts["untimed"].sum() == 0
    assert read.sources.iloc[0]["reason"] == YEAR_TAKEN


@pytest.mark.parametrize(
    ("days", "written"),
    [
        (["Nov 24", "Nov 25"], (2027, 6, 1)),  # copied later, with a new date
        (["Feb 10", "Dec 30", "Feb 10"], (2026, 2, 10)),  # more than a year
    ],
)
def test_an_open_year_is_not_guessed(tmp_path: Path, days: list[str], written: tuple[int, int, int]) -> None:
    """The lines are counted, and have neither day nor time."""
    read = _read(tmp_path, days, datetime(*written, 12, tzinfo=UTC))
    assert read.counts[["count", "untimed"]].to_numpy().tolist() == [[len(days), len(days)]]
    assert read.counts["day"].isna().all()
    assert pd.isna(read.events["at"]).all()
    assert read.sources.iloc[0]["reason"].endswith(YEAR_OPEN)
