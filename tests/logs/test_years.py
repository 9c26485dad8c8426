"""Times without a year: the file's date gives it, and where that leaves it open, no line has a time."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logs.read import LogRead
from audit_lib.logs.tally import YEAR_OPEN, YEAR_TAKEN
from tests.support.log_lines import read_folder
from tests.support.paths import rows_beside

CASES = rows_beside(__file__)
LINE = "{} 10:00:00 web1 sshd[7]: Failed password for root from 203.0.113.7 port 22 ssh2\n"


def _read(folder: Path, days: list[str], written: datetime) -> LogRead:
    path = folder / "auth.log"
    path.write_text("".join(map(LINE.format, days)))
    os.utime(path, (written.timestamp(), written.timestamp()))
    return read_folder(folder)


@pytest.mark.parametrize(("days", "written", "shown"), CASES["known"])
def test_the_year_is_that_of_the_files_date(
    tmp_path: Path, days: list[str], written: list[int], shown: list[str]
) -> None:
    """Over a new year, too; a clock may be a day ahead. The file's row says where the year is from."""
    read = _read(tmp_path, days, datetime(*written, 12, tzinfo=UTC))
    assert read.counts["day"].tolist() == shown
    assert read.counts["untimed"].sum() == 0
    assert read.sources.iloc[0]["reason"] == YEAR_TAKEN


@pytest.mark.parametrize(("days", "written"), CASES["open"])
def test_an_open_year_is_not_guessed(tmp_path: Path, days: list[str], written: list[int]) -> None:
    """The lines are counted, and have neither day nor time."""
    read = _read(tmp_path, days, datetime(*written, 12, tzinfo=UTC))
    assert read.counts[["count", "untimed"]].to_numpy().tolist() == [[len(days), len(days)]]
    assert read.counts["day"].isna().all()
    assert pd.isna(read.events["at"]).all()
    assert read.sources.iloc[0]["reason"].endswith(YEAR_OPEN)
