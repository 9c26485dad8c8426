"""One leak for each secret: identity, classes, order, first commit, and what counts by the date."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.tables import leak_id, tabulate_leaks
from tests.support.rows import rows_of

NO_INVENTORY = rows_of("inventory")


def at(day: int) -> datetime:
    """Noon of a day in March 2026."""
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def sighting(**changed: Any) -> dict[str, Any]:
    """A sighting in a commit."""
    return {
        "fingerprint": "f", "matched": "exact", "place": "commit", "path": "a.py", "line": 3, "commit": "c1",
        "encoding": "plain", "authored_at": at(5), "committed_at": at(6), "at_head": True, "reachable": True,
        "occurrences": 2,
    } | changed  # fmt: skip


def target(**changed: Any) -> dict[str, Any]:
    """A value in force."""
    return {
        "fingerprint": "f", "variable": "API_TOKEN", "names": "API_TOKEN", "in_force": "production",
        "kind": "leak", "searched": "everywhere", "reason": "",
    } | changed  # fmt: skip


def leaks(
    sightings: list[dict[str, Any]], targets: list[dict[str, Any]], as_of: datetime | None = None
) -> pd.DataFrame:
    """The leaks that the sightings make."""
    return tabulate_leaks(pd.DataFrame(sightings), LeakTargets.of(targets), NO_INVENTORY, as_of)[0]


def test_many_places_are_one_leak() -> None:
    """Paths, encodings and commits of one value are one leak; its first commit is the earliest."""
    rows = [
        sighting(),
        sighting(path="b.py", commit="c0", authored_at=at(2), committed_at=at(9), at_head=False),
        sighting(place="working tree", commit="", authored_at=None, committed_at=None, reachable=False),
        sighting(encoding="base64", commit="c2", authored_at=at(7)),
    ]
    table = leaks(rows, [target()])
    assert len(table) == 1
    leak = table.iloc[0]
    assert (leak["first_commit"], leak["first_at"], leak["first_committed_at"]) == ("c0", at(2), at(9))
    assert (leak["occurrences"], leak["at_head"], leak["reachable"]) == (8, True, True)


def test_an_identifier_is_of_places_and_names_alone() -> None:
    """Each run without a key gives other fingerprints, and the same ids: of kind, variable, path, ordinal."""
    met = [("f", "a.py", at(5)), ("g", "a.py", at(6)), ("h", "b.py", at(1))]
    ids = []
    for key in ("one", "other"):
        sightings = [sighting(fingerprint=key + f, path=path, authored_at=day) for f, path, day in met]
        table = leaks(sightings, [target(fingerprint=key + f, in_force="") for f, *_ in met])
        ids.append(list(table["leak_id"]))
    assert ids[0] == ids[1]
    about = [("b.py", 1), ("a.py", 1), ("a.py", 2)]
    assert ids[0] == [leak_id("leak", "API_TOKEN", path, str(ordinal)) for path, ordinal in about]


def test_under_a_key_no_date_names_a_leak() -> None:
    """A commit that is dated before all others renames none: the id follows from the keyed fingerprint."""
    targets = LeakTargets.of([target(), target(fingerprint="a")])
    forged = sighting(fingerprint="a", authored_at=at(1), committed_at=at(1))
    named = [
        tabulate_leaks(pd.DataFrame(met), targets, NO_INVENTORY, keyed=True)[0].set_index("fingerprint")[
            "leak_id"
        ]
        for met in ([sighting()], [sighting(), forged])
    ]
    assert named[0]["f"] == named[1]["f"] == leak_id("f")
    assert named[1]["a"] != named[1]["f"]


@pytest.mark.parametrize(("matched", "kind", "expected"), [
    ("exact", "leak", ("leak", "exact")), ("exact", "template", ("template", "exact")),
    ("exact", "weak default", ("weak default", "exact")), ("exact", "pattern", ("pattern", "pattern")),
    ("truncated", "leak", ("truncated", "truncated")), ("truncated", "pattern", ("truncated", "truncated")),
])  # fmt: skip
def test_classes(matched: str, kind: str, expected: tuple[str, str]) -> None:
    """Templates, weak defaults, finds by shape and shortened copies are told apart."""
    leak = leaks([sighting(matched=matched)], [target(kind=kind)]).iloc[0]
    assert (leak["kind"], leak["matched"]) == expected


def test_a_later_commit_is_left_out_by_date() -> None:
    """As of an earlier day what a later commit brought is left out; a file on disk has no date."""
    rows = [
        sighting(),
        sighting(fingerprint="g", commit="", place="log", authored_at=None, committed_at=None),
    ]
    targets = [target(), target(fingerprint="g", variable="OTHER")]
    assert list(leaks(rows, targets, at(5))["variable"]) == ["OTHER"]
    assert list(leaks(rows, targets, at(6))["variable"]) == ["API_TOKEN", "OTHER"]
