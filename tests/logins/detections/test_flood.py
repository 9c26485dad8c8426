"""A flood of sources costs no more than its lines: incidents beyond the cap are counted, not built."""

from cProfile import Profile
from pathlib import Path

import pandas as pd

from audit_lib.logins.detections.alarm import MOST, alarm
from tests.support.small_logs import Ask, detections

DAY = 86400
API = "/api/positions"


def _flood(sources: int) -> list[Ask]:
    """Each source fails four times a day for three days, a quarter of an hour apart."""
    return [
        (day * DAY + number * 900 + source / 10, f"203.0.{source // 250}.{source % 250}", API, 401)
        for day in range(3)
        for number in range(4)
        for source in range(sources)
    ]


def _found(folder: Path, sources: int) -> tuple[pd.DataFrame, int]:
    """`Detections` of the flood, and how many incidents were built for it."""
    calls = Profile()
    found = calls.runcall(detections, folder, _flood(sources), days=3)
    return found, sum(each.callcount for each in calls.getstats() if each.code is alarm.__code__)


def test_incidents_beyond_the_cap_are_counted_not_built(tmp_path: Path) -> None:
    """However many sources, so many incidents of A3 and A4 are built, and the last row counts all others."""
    few, built = _found(tmp_path, MOST + 50)
    many, again = _found(tmp_path, 2 * MOST + 100)
    assert 2 * MOST <= built <= again <= 2 * MOST + 100  # some are of all sources together
    for found, sources in ((few, MOST + 50), (many, 2 * MOST + 100)):
        rows = found[found["detection"].eq("A4")]
        assert len(rows) == MOST + 1
        assert rows["classification"].iloc[-1] == f"{sources - MOST} more incidents"
        assert rows["count"].sum() == 12 * sources
        assert rows["subject"].iloc[:MOST].tolist() == [f"203.0.{n // 250}.{n % 250}" for n in range(MOST)]
