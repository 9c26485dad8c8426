"""Which value was in force where and when, by snapshots and recorded rotations."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.timeline import Tenure, claim_interval, tenures
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.histories import rotation

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
KEY = Key(bytes(range(32)), "file")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = {"environment": "production", "service": "backend"}


def seen(folder: Path, day: int, values: dict[str, str], writer: str = "weekly", key: Key = KEY) -> None:
    """A snapshot of production/backend on a day: of each name its value, none if it is missing, and behind
    a slash the loader that read it."""
    file, secrets = PLACE | {"source": ".env"}, []
    for name, (text, _, loader) in ((name, text.partition("/")) for name, text in values.items()):
        mark, read = text and Keeper(key).fingerprint(text), {"loader": loader} if loader else {}
        state = {"state": "present" if mark else "missing", "fingerprint": mark or None}
        secrets.append(file | {"secret": name} | state | read)
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
        value, *loader = text.strip("-").split("/")
        seen(tmp_path, int(day), {"API_TOKEN": "/".join((value * 20, *loader))}, writer)
    names = {Keeper(KEY).fingerprint(text * 20): text for text in "ab"}
    stays = tenures(read_ledger(tmp_path, KEY))
    assert sorted(f"{names[stay.fingerprint]} {days(stay)}" for stay in stays) == expected


@pytest.mark.parametrize(("recorded", "claimed", "day_only", "expected"), CASES["claims"])
def test_a_claim_has_its_bounds(recorded: int, claimed: int, day_only: bool, expected: list[int]) -> None:
    """What is recorded as done just now may be of any time before; a day may be that of any zone."""
    at, when = (DAY + timedelta(hours=hours) for hours in (recorded, claimed))
    found = claim_interval(rotation(at, ("API_TOKEN", *PLACE.values()), when, day_only=day_only))
    assert [-1 if one is None else (one - DAY) / timedelta(hours=1) for one in found] == expected
