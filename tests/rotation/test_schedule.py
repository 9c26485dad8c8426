"""What falls due: days, advice, exit codes, and a calendar that another program reads."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vobject
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.frames import rows
from audit_lib.rotation.schedule import calendar_text, due_within, due_words, tabulate_schedule
from tests.support.rows import rows_of
from tests.support.sample_copy import write_sample

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def _aged(secret: str, possible: int | None, provable: int | None, **more: object) -> dict[str, object]:
    """A row of Freshness; days from now on which it may be and is overdue."""
    overdue, maybe = (None if days is None else NOW + timedelta(days=days) for days in (provable, possible))
    return {"secret": secret, "overdue_from_at": overdue, "possibly_overdue_from_at": maybe} | more


def _schedule(*rows_given: dict[str, object]) -> pd.DataFrame:
    return tabulate_schedule(rows_of("freshness", *rows_given))


def test_a_secret_of_90_days_is_advised_by_day_80() -> None:
    """Ten days before it may be overdue; of a short limit, on the day itself."""
    found = _schedule(*(_aged(f"OF_{days}", days, 100, max_age_days=days) for days in (7, 29, 30, 90)))
    advised = {row.secret: (row.advised_at - NOW).days for row in rows(found)}
    assert advised == {"OF_7": 7, "OF_29": 29, "OF_30": 20, "OF_90": 80}


def test_what_is_not_known_comes_first_and_counts() -> None:
    """A secret whose age is not known may be overdue, so it falls due within any time. What has no limit, and
    what was not supplied, is not in the schedule."""
    known = (_aged("FAR", 60, 70), _aged("SOON", 10, 20))
    exempt = _aged("EXEMPT", None, None, status="exempt", max_age_days=None)
    away = _aged("AWAY", None, None, status="unknown", reason="not supplied")
    found = _schedule(*known, exempt, away, _aged("UNKNOWN", None, None, status="unknown"))
    assert list(found["secret"]) == ["UNKNOWN", "SOON", "FAR"]
    soon = [list(due_within(found, NOW, days)["secret"]) for days in (14, 9)]
    assert soon == [["UNKNOWN", "SOON"], ["UNKNOWN"]]


def test_a_limit_that_nobody_stated_says_so() -> None:
    """The policy's default is no word of the owner: the calendar does not hide that."""
    schedule = _schedule(_aged("KEY", 5, 9, period_stated=False))
    assert "The policy's default is 90 days" in calendar_text(schedule, "app", NOW).replace("\r\n ", "")


@pytest.mark.parametrize("row", CASES["sentences"])
def test_each_state_has_its_sentence(row: dict[str, Any]) -> None:
    """Overdue, maybe overdue, due later or not known: what the dates say, and no more."""
    stated = {"period_stated": row.get("stated", True)}
    (due,) = rows(_schedule(_aged("KEY", row.get("possible"), row.get("provable"), **stated)))
    assert due_words(due, NOW) == f"KEY, production/backend: {row['words']}"


def test_another_program_reads_the_calendar() -> None:
    """vobject finds each event on its day, with a reminder; names with commas and accents survive."""
    service = "a, b; c\\d é " + "long " * 30
    schedule = _schedule(_aged("KEY", 30, 40), _aged("OTHER", None, 5, service=service))
    text = calendar_text(schedule, "app", NOW)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    calendar = vobject.readOne(text, validate=True)
    events = {one.summary.value: one for one in calendar.vevent_list}
    assert {title: (one.dtstart.value - NOW.date()).days for title, one in events.items()} == {
        "Rotate KEY (production/backend)": 20,
        "Overdue: KEY (production/backend)": 40,
        f"Overdue: OTHER (production/{service})": 5,
    }
    assert calendar.contents["x-wr-calname"][0].value == "Rotations of app"
    assert {one.valarm.trigger.value for one in calendar.vevent_list} == {timedelta(days=-7)}


def _run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["rotate", "due", "--project", str(project), *words])


def test_cron_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """The sample has overdue secrets: exit 3, worst first, and a calendar; without any secret exit 2, and
    for a span that is none."""
    sample = write_sample(tmp_path / "sample")
    done = _run(sample, "--within", "14d", "--calendar", str(tmp_path / "calendar.ics"))
    assert (done.exit_code, "overdue since" in done.stdout) == (3, True)
    assert len(list(vobject.readOne((tmp_path / "calendar.ics").read_text("utf-8")).vevent_list)) > 10
    (tmp_path / "empty").mkdir()
    assert _run(tmp_path / "empty").exit_code == 2
    for within in ("soon", "-1", "14w", "99999"):
        refused = _run(sample, f"--within={within}")
        assert (refused.exit_code, "--within: must be a number of days" in refused.stderr) == (2, True)
