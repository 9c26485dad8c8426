"""Which value was in force where and when, by snapshots and recorded rotations."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.secrecy.keeper import Keeper, Key

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


def days(stay: Tenure) -> list[int | None]:
    """The four bounds of a stay, as days."""
    bounds = (stay.absent, stay.first, stay.last, stay.gone)
    return [None if sight is None else (sight.at - DAY).days for sight in bounds]


def test_a_recorded_rotation_is_a_look_and_names_itself(tmp_path: Path) -> None:
    """A record narrows the interval, and the stay that it began says so."""
    seen(tmp_path, 0, {"API_TOKEN": "a" * 20})
    rotated(tmp_path, 3, "API_TOKEN", "b" * 20)
    seen(tmp_path, 7, {"API_TOKEN": "b" * 20})
    old, new = tenures(read_ledger(tmp_path, KEY))
    assert (days(old), days(new)) == ([None, 0, 0, 3], [0, 3, 7, None])
    assert (old.claim, new.claim and new.claim.place) == (None, "ledger alice#1")


# Who saw which value on which day (`-` is none), and the four bounds of each stay of a value.
@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ("ann 0 a", {"a": [[None, 0, 0, None]]}),
        ("ann 0 a, ann 7 a, ann 14 b", {"a": [[None, 0, 7, 14]], "b": [[7, 14, 14, None]]}),
        ("ann 0 -, ann 7 a", {"a": [[0, 7, 7, None]]}),
        ("ann 0 a, ann 7 -, ann 14 -", {"a": [[None, 0, 0, 7]]}),
        ("ann 0 a, ann 7 -, ann 14 a", {"a": [[None, 0, 14, None]]}),
        ("ann 0 a, ann 7 -, ann 14 b", {"a": [[None, 0, 0, 7]], "b": [[7, 14, 14, None]]}),
        ("ann 0 a, ann 7 b, ann 14 a", {"a": [[None, 0, 0, 7], [7, 14, 14, None]], "b": [[0, 7, 7, 14]]}),
        # Two laptops hold different values from the first day to the last: nothing was rotated.
        (
            "ann 0 a, bob 1 b, ann 7 a, bob 8 b, ann 14 a",
            {"a": [[None, 0, 14, None]], "b": [[None, 1, 8, None]]},
        ),
        # Both look at a value that was replaced once: one stay each, bounded by both.
        ("ann 0 a, bob 1 a, ann 7 b, bob 8 b", {"a": [[None, 0, 1, 7]], "b": [[1, 7, 8, None]]}),
        # Only one laptop's copy changed.
        ("ann 0 a, bob 1 a, ann 7 b, bob 8 a", {"a": [[None, 0, 8, None]], "b": [[0, 7, 7, None]]}),
        # A value that came back, seen by both.
        (
            "ann 0 a, ann 7 b, bob 8 b, ann 14 a, bob 15 a",
            {"a": [[None, 0, 0, 7], [8, 14, 15, None]], "b": [[0, 7, 8, 14]]},
        ),
        # Whoever left does not look again: what the other sees ends it.
        ("ann 0 a, bob 1 a, bob 20 b", {"a": [[None, 0, 1, 20]], "b": [[1, 20, 20, None]]}),
    ],
)
def test_a_stay_lies_between_the_looks_that_bound_it(
    tmp_path: Path, looks: str, expected: dict[str, list[list[int | None]]]
) -> None:
    """A value came in after the last look at another one, and went before the first look at the next. Each
    writer has copies of its own, so a change is what one of them saw change."""
    for writer, day, text in map(str.split, looks.split(", ")):
        seen(tmp_path, int(day), {"API_TOKEN": text.strip("-") * 20}, writer)
    names = {Keeper(KEY).fingerprint(text * 20): text for text in "ab"}
    found: dict[str, list[list[int | None]]] = {}
    for stay in tenures(read_ledger(tmp_path, KEY)):
        found.setdefault(names[stay.fingerprint], []).append(days(stay))
    assert found == expected
