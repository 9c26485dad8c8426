"""While something hints that lines are missing, copied or cut, no detection says none, and it is said why."""

import random
import re
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.logins.detections.wholeness import doubts
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project
from tests.support.small_logs import START, Ask, detections

DAY, API = 86400, "/api/positions"
PEOPLE = [f"198.51.{number}.7" for number in range(9)]


def _usual(days: int = 28) -> list[Ask]:
    """Thirty requests a day of people at random minutes, one of them refused."""
    chance = random.Random("usual")
    asks: list[Ask] = []
    for day in range(days):
        for number in range(30):
            status = 401 if number == 7 else 200
            asks.append((day * DAY + chance.uniform(0, DAY - 60), chance.choice(PEOPLE), API, status))
    return asks


def _reasons(folder: Path, asks: list[Ask | str], days: int = 28) -> pd.Series:
    found = detections(folder, asks, days=days, clients="real", limits_requests=True)
    return found[found["verdict"].ne("found")].set_index("detection")["reason"]


def test_a_whole_log_hints_at_nothing(tmp_path: Path) -> None:
    """Four weeks of people's traffic hold no hint: A1 and A19 say none."""
    found = detections(tmp_path, _usual(), days=28, clients="real").set_index("detection")
    assert found.loc[["A1", "A7", "A19"], "verdict"].eq("none").all()


def _doubts(asks: list[Ask], days: float) -> tuple[str, ...]:
    """The hints of these requests alone, for a period of so many days."""
    rows = [(START + timedelta(seconds=at), 1, status == 401) for at, _, _, status in sorted(asks)]
    frame = pd.DataFrame(rows, columns=["at", "count", "failed"])
    more = {"client": "", "method": "", "route": "", "status": 200, "minute": range(len(frame))}
    none = pd.DataFrame({name: [] for name in ("kind", "state", "reason", "source", "sha256")}, dtype="str")
    return doubts(frame.assign(**more), none, START + timedelta(days=days))


def _at(ask: Ask) -> int:
    return int(ask[0] // DAY)


HINTS: dict[str, tuple[list[Ask | str], str]] = {
    "refusals filtered out": (
        [ask for ask in _usual() if _at(ask) < 14 or ask[3] == 200],
        "14 days in a row have none: refusals may have been filtered out",
    ),
    "a week thinned": (
        [ask for number, ask in enumerate(_usual()) if not 14 <= _at(ask) < 21 or number % 30 in (7, 8)],
        "the week from 2026-09-15 on holds 14 requests, and a usual week 210",
    ),
    "a day thinned": (
        [ask for number, ask in enumerate(_usual()) if _at(ask) != 20 or number % 30 == 7],
        "1 day with less than a twentieth of a usual day's 30 requests",
    ),
    "half of it a copy": (
        [*(ask for ask in _usual() if _at(ask) < 14), *((ask[0] + 14 * DAY, *ask[1:]) for ask in _usual(14))],
        "days that repeat another to the minute: 14, as 2026-09-15; lines may be copied",
    ),
    "dated after the review": (
        [*_usual(), (30 * DAY, PEOPLE[0], API, 401)],
        "1 request with a time after",
    ),
    "a line not understood": ([*_usual(), "?? GET /login 401\n"], "1 line of the logs was not understood"),
}


@pytest.mark.parametrize("hint", HINTS)
def test_a_hint_leaves_nothing_at_none(hint: str, tmp_path: Path) -> None:
    """What was found stays; each other verdict is unknown, and its reason names the hint."""
    asks, words = HINTS[hint]
    reasons = _reasons(tmp_path, asks)
    assert len(reasons) > 8
    assert [id_ for id_, reason in reasons.items() if words not in reason] == []


def _sources(folder: Path, pattern: str, instances: int) -> pd.DataFrame:
    return read_logs(
        Project("test", folder, log_sources=(LogSource(pattern, instances=instances),)), None
    ).sources


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("web-1.log", "web-1.log.1.gz", "web-1.log.2"), 1),
        (("web-1.log", "web-2.log", "web-2.log-20260901"), 2),
        (("a/app.log", "b/app.log"), 2),
        (("app-2026-09-01.log", "app-2026-09-02.log.gz"), 1),
    ],
)
def test_instances_are_counted_without_their_rotated_files(
    names: tuple[str, ...], found: int, tmp_path: Path
) -> None:
    """With fewer logs than the instances that audit.toml declares, one row of the sources is missing."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{iso(START)} INFO: {name}\n", "utf-8")
    assert _sources(tmp_path, "**/*.log*", found)["state"].eq("read").all()
    (missing,) = _sources(tmp_path, "**/*.log*", 3).query("state == 'missing'").to_dict("records")
    assert missing["reason"] == f"{found} of 3 instances have a log"


def test_a_log_that_is_missing_leaves_nothing_at_none(tmp_path: Path) -> None:
    """A pattern without a file is a hint: an attack may be in the log that nobody supplied."""
    rows = _sources(tmp_path, "gone/*.log", 0)
    assert doubts(pd.DataFrame(), rows, START) == ("gone/*.log: no file matches",)


def test_the_day_in_which_the_period_ends_is_not_thin() -> None:
    """Who looks at three in the morning has but three hours of that day: that is no thinned log."""
    asks = [ask for ask in _usual() if ask[0] < 27 * DAY]
    assert _doubts([*asks, (27.02 * DAY, PEOPLE[0], API, 200)], 27.03) == ()


def test_a_log_that_ends_long_before_the_period_may_be_cut() -> None:
    """The last pause is the longest: what came after it may have been taken out."""
    (found,) = _doubts([ask for ask in _usual() if ask[0] < 27 * DAY], 28)
    assert re.fullmatch(
        "the log ends 2[4-9] hours before the period does, with the longest pause in it", found
    )


def test_a_gap_leaves_nothing_at_none(tmp_path: Path) -> None:
    """A19 says that lines may be missing: then no other detection says that there was nothing."""
    asks = [ask for ask in _usual() if not 10.0 < ask[0] / DAY < 10.9]
    found = detections(tmp_path, asks, days=28, clients="real").set_index("detection")
    assert found.loc["A19", "verdict"] == "found"
    assert found.loc[["A1", "A7"], "verdict"].eq("unknown").all()
    assert found.loc["A7", "reason"].endswith("1 gap in the logs (A19): lines may be missing")
