"""Which value was in force where and when, by snapshots and recorded rotations."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.secrecy.keeper import Keeper, Key

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
KEY = Key(bytes(range(32)), "file")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = {"environment": "production", "service": "backend"}


def seen(folder: Path, day: int, values: dict[str, str], writer: str = "weekly", key: Key = KEY) -> None:
    """A snapshot of production/backend on a day; a name without a value is missing."""
    file, marks = (
        PLACE | {"source": ".env"},
        {name: text and Keeper(key).fingerprint(text) for name, text in values.items()},
    )
    secrets = [
        file | {"secret": name, "state": "present" if mark else "missing", "fingerprint": mark or None}
        for name, mark in marks.items()
    ]
    body = {"places": [file | {"complete": True}], "secrets": secrets, "pairs": []}
    append(folder, key, Draft("snapshot", body), DAY + timedelta(days=day), writer)


def rotated(folder: Path, day: int, name: str, text: str) -> None:
    """A recorded rotation on a day."""
    at, mark = DAY + timedelta(days=day), Keeper(KEY).fingerprint(text)
    body = {"secret": name, **PLACE, "claimed_at": iso(at), "day_only": False, "fingerprint": mark}
    append(folder, KEY, Draft("rotation", body), at, "alice")


def days(stay: Tenure) -> str:
    """The four bounds of a stay, as days."""
    bounds = (stay.absent, stay.first, stay.last, stay.gone)
    return " ".join("-" if look is None else str((look.at - DAY).days) for look in bounds)


def test_a_recorded_rotation_is_a_look_and_names_itself(tmp_path: Path) -> None:
    """A record narrows the interval, and the stay that it began says so."""
    seen(tmp_path, 0, {"API_TOKEN": "a" * 20})
    rotated(tmp_path, 3, "API_TOKEN", "b" * 20)
    seen(tmp_path, 7, {"API_TOKEN": "b" * 20})
    old, new = tenures(read_ledger(tmp_path, KEY))
    assert (days(old), days(new)) == ("- 0 0 3", "0 3 7 -")
    assert (old.claim, new.claim and new.claim.place) == (None, "ledger alice#1")


@pytest.mark.parametrize(("looks", "expected"), CASES["stays"])
def test_a_stay_lies_between_the_looks_that_bound_it(tmp_path: Path, looks: str, expected: list[str]) -> None:
    """A value came in after the last look at another one, and went before the first look at the next. Each
    writer has copies of its own, so a change is what one of them saw change."""
    for writer, day, text in map(str.split, looks.split(", ")):
        seen(tmp_path, int(day), {"API_TOKEN": text.strip("-") * 20}, writer)
    names = {Keeper(KEY).fingerprint(text * 20): text for text in "ab"}
    stays = tenures(read_ledger(tmp_path, KEY))
    assert sorted(f"{names[stay.fingerprint]} {days(stay)}" for stay in stays) == expected
