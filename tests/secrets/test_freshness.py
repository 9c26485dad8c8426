"""The edge cases of docs/evidence.md#edge-cases: what each history proves, and what it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.ages import status_of
from tests.support.histories import (
    NOW,
    ago,
    entry,
    freshness,
    inventory_row,
    present,
    rotation,
    snapshot,
    value,
)

PLACE = ("TOKEN", "production", "backend")
ENV = ("production", "backend")
SOURCE = "--env production/backend"
FILE = "backend/.env"
A, B = value("a"), value("b")
WHOLE = ((*ENV, SOURCE),)


def seen(days: float, what: str | None, source: str = SOURCE, **more: Any) -> Any:
    """A snapshot so many days ago that saw a value, or none, in the place."""
    rows = [present(PLACE, what, source)] if what else []
    return snapshot(ago(days), rows, ((*ENV, source),), **more)


def row(entries: list[Any], *, source: str = SOURCE, what: str = A, **more: Any) -> Any:
    """The one row of freshness for a value in place."""
    table, _ = freshness([inventory_row(PLACE, what, source, **more.pop("item", {}))], entries, **more)
    return table.iloc[0]


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (10, 5, "fresh"),
        (76, 5, "fresh"),
        (76.01, 5, "due"),
        (90, 5, "due"),
        (90, 90, "due"),
        (90.01, 5, "unknown"),
        (None, 5, "unknown"),
        (None, 90, "unknown"),
        (None, 90.01, "overdue"),
        (200, 91, "overdue"),
        (None, None, "unknown"),
    ],
)
def test_two_bounds_decide(lo: float | None, hi: float | None, expected: str) -> None:
    """Exactly the period is due, not overdue; no bound below is never fresh."""
    bounds = [None if days is None else ago(days) for days in (lo, hi)]
    assert status_of(bounds[0], bounds[1], NOW, 90, 14) == expected


def test_what_is_public_by_the_policy_has_no_age() -> None:
    """A value that everyone may read protects nothing: no limit makes it overdue."""
    old = [seen(400, A)]
    assert row(old).status == "overdue"
    assert row(old, item={"public": True, "exposure_severity": "info"}).status == "exempt"
    assert row(old, item={"public": True, "exposure_severity": "high"}).status == "overdue"


def test_a_value_that_comes_back_keeps_its_age() -> None:
    """A, B, A: rotated back; the age counts from the first A, whose own age may be unbounded."""
    found = row([seen(100, A), seen(50, B), seen(10, A)])
    assert (found.status, found.rotated_back) == ("overdue", True)
    recent = row([seen(60, B), seen(50, A), seen(30, B), seen(10, A)])
    assert (recent.status, recent.age_days_max, recent.rotated_back) == ("fresh", 61, True)
    unbounded = row([seen(50, A), seen(30, B), seen(10, A)])
    assert (unbounded.status, unbounded.reason) == ("unknown", "straddles")


def test_a_value_shared_with_another_environment_is_as_old_as_there() -> None:
    """A rotation to what staging has had for long proves nothing new."""
    staging = snapshot(ago(95), [present(("TOKEN", "staging", "backend"), A, "staging")])
    found = row([staging, seen(20, B), seen(10, A)])
    assert (found.status, found.hi_evidence.split(":")[0]) == ("overdue", "E2 ledger ci#1")


@pytest.mark.parametrize("day", ["1970-01-01", "1980-01-01", "1985-10-26"])
def test_a_time_that_an_image_sets_is_no_write(day: str) -> None:
    """Files in images and archives carry fixed times: they prove no age."""
    packed = datetime.fromisoformat(f"{day}T00:00:00Z")
    assert row([seen(10, A, FILE)], source=FILE, files={FILE: packed}).reason == "straddles"
    inside = snapshot(ago(10), [present(PLACE, A, FILE, modified_at=f"{day}T00:00:00Z")])
    assert row([inside], source=FILE).reason == "straddles"


def test_a_file_older_than_another_value_seen_in_it_is_a_conflict() -> None:
    """Back-dated or moved in: both are said, no verdict is given, and nothing bounds it from below."""
    entries = [seen(20, B, FILE), seen(1, A, FILE)]
    found = row(entries, source=FILE, files={FILE: ago(30)})
    assert (found.status, found.reason, found.conflict) == ("unknown", "conflict", True)
    assert pd.isna(found.lo_at)


def test_a_review_as_of_a_date_before_the_change_knows_nothing_of_it() -> None:
    """What is seen now speaks for then only where it is shown to have held."""
    late = row([seen(60, B), seen(10, A)], as_of=ago(30))
    assert (late.status, late.reason, late.evidence_left_out) == ("unknown", "reviewed late", 1)
    held = row([seen(60, B), seen(40, A), seen(10, A)], as_of=ago(30))
    assert (held.status, held.age_days_max) == ("fresh", 31)
    written_later = row([], source=FILE, files={FILE: ago(10)}, as_of=ago(30))
    assert written_later.reason == "reviewed late"


@pytest.mark.parametrize("fingerprint", [A, None])
def test_a_rotation_that_was_claimed_and_not_done_is_said(fingerprint: str | None) -> None:
    """The value was there before the claimed date and still is."""
    record = rotation(ago(29), PLACE, ago(30), fingerprint, source=SOURCE)
    found = row([seen(60, A), record, seen(1, A)])
    assert (found.claimed_not_done, found.conflict) == (True, False)


@pytest.mark.parametrize("late", [0.001, 3.0])
def test_a_rotation_recorded_after_it_was_done_is_no_false_one(late: float) -> None:
    """Seen, changed, recorded: the file's time lies before the record's, and so may a snapshot."""
    at = ago(5)
    entries = [seen(20, B, FILE), rotation(at, PLACE, at, A, source=FILE), seen(1, A, FILE)]
    found = row(entries, source=FILE, files={FILE: at - timedelta(days=late)})
    assert (found.claimed_not_done, found.unrecorded_rotation, found.status) == (False, False, "fresh")
    between = [seen(20, B, FILE), seen(10, A, FILE), rotation(at, PLACE, at, A, source=FILE)]
    found = row(between, source=FILE, files={FILE: ago(11)})
    assert (found.claimed_not_done, found.unrecorded_rotation) == (False, False)


def test_a_change_after_the_last_record_was_not_recorded() -> None:
    """Another value was recorded last; a record before the last change; no record at all."""
    other = row([rotation(ago(50), PLACE, ago(50), B, source=SOURCE), seen(10, A)])
    assert (other.unrecorded_rotation, other.age_days_max) == (True, 51)
    before = row([rotation(ago(50), PLACE, ago(50)), seen(20, B), seen(10, A)])
    assert before.unrecorded_rotation
    assert row([seen(20, B), seen(10, A)]).unrecorded_rotation
    assert not row([seen(20, B), seen(10, A), rotation(ago(3), PLACE, ago(3), A)]).unrecorded_rotation


def test_a_changed_key_is_bridged_and_a_lost_one_widens() -> None:
    """Linked fingerprints carry on; without links nothing from before bounds."""
    old_a, old_b = value("old a"), value("old b")
    entries = [seen(60, old_b, key_id="1" * 8), seen(50, old_a, key_id="1" * 8)]
    body = {"from_key_id": "1" * 8, "lost": False, "links": {old_a: A}, "heads": {}}
    assert row([*entries, entry(ago(40), "key bridge", body, key_id="2" * 8)]).age_days_max == 61
    lost = {**body, "lost": True, "links": {}}
    found = row([*entries, entry(ago(40), "key bridge", lost, key_id="2" * 8), seen(10, A, key_id="2" * 8)])
    assert (found.reason, found.age_days_min) == ("straddles", 9)


def commit(days: float, what: str = A) -> dict[str, Any]:
    """A commit that says that it is so many days old, and brought a value into the file in use."""
    row = {"file": FILE, "name": "TOKEN", "component": "whole", "fingerprint": what, "commit": "c" * 40}
    return row | {"committed_at": ago(days)}


def test_a_commit_s_date_is_a_claim() -> None:
    """E5: whoever may commit chooses the date, so that it makes nothing old, and nothing new."""
    found = row([seen(20, B), seen(10, A)], source=FILE, history=[commit(400), commit(15)])
    assert (found.status, found.conflict) == (row([seen(20, B), seen(10, A)], source=FILE).status, False)
    table, evidence = freshness([inventory_row(PLACE, A, FILE)], [], history=[commit(400), commit(-1)])
    assert table.iloc[0].status == "unknown"
    assert sorted(zip(evidence["kind"], evidence["role"], strict=True)) == [
        ("E5", "claim"),
        ("E5", "left out"),
    ]


def created(days: float, recorded: float, what: str = A) -> Any:
    """A record that a provider made a value so many days ago."""
    facts = {"claimed_at": iso(ago(days)), "day_only": False, "fingerprint": what, "source": SOURCE}
    names = dict(zip(("secret", "environment", "service"), PLACE, strict=True))
    return entry(ago(recorded), "creation", names | facts | {"by": "Ann", "witness": "the dashboard"})


@pytest.mark.parametrize(
    ("entries", "status", "bounds"),
    [
        ([created(30, 2)], "fresh", (29, 31)),
        ([created(100, 2)], "overdue", (99, 101)),
        # Made long before it was adopted: it is as old as it is.
        ([seen(20, B), seen(10, A), created(100, 2)], "overdue", (99, 101)),
        # Of another value it says nothing.
        ([created(200, 190, B), seen(1, A)], "unknown", (0, 191)),
        # A snapshot saw it before that day: the record is wrong, and nothing bounds the age from below.
        ([seen(60, A), created(30, 2)], "unknown", (59, None)),
    ],
)
def test_a_date_of_the_provider_bounds_the_age_by_name(
    entries: list[Any], status: str, bounds: tuple[float, float | None]
) -> None:
    """E11: a value is in force no earlier than it was made, and as old as that; the claim has a name."""
    found = row(entries)
    least, most = bounds
    assert (found.status, found.age_days_min) == (status, least)
    assert found.age_days_max == most or (most is None and pd.isna(found.age_days_max))
    if status == "fresh":
        assert "Ann recorded that it was created" in found.lo_evidence
        assert "the dashboard" in found.lo_evidence


def test_a_copy_is_a_witness() -> None:
    """E4: an old backup with the same value proves that it is old."""
    copy = {"source": "backend/.env.bak", "name": "TOKEN", "fingerprint": A, "modified_at": ago(95)}
    found = row([seen(20, B), seen(10, A)], copies=[copy])
    assert (found.status, found.hi_evidence.split(" ")[0]) == ("overdue", "E4")


def test_a_value_that_dates_itself_dates_the_value() -> None:
    """E19: the issue date moves the value's age, and the age up where it lies before the tenure."""
    import base64
    import json

    issued = datetime(2026, 6, 1, tzinfo=UTC)
    claims = (
        base64.urlsafe_b64encode(json.dumps({"iat": int(issued.timestamp())}).encode()).decode().rstrip("=")
    )
    keeper = Keeper(Key(b"k" * 32, "demo"))
    fingerprint = keeper.take(f"head.{claims}.tail")
    found = row([seen(20, B), seen(10, fingerprint)], what=fingerprint, keeper=keeper)
    assert found.status == "overdue"
    assert found.value_age_days_max == 122


@pytest.mark.parametrize(
    ("item", "status", "reason"),
    [
        ({"max_age_days": None, "kind": "identifier"}, "exempt", "no limit in the policy"),
        ({"placeholder": True}, "exempt", "placeholder: no secret is in force"),
        ({"state": "missing"}, "exempt", "missing: no value is in force"),
        ({"state": "not supplied"}, "unknown", "not supplied"),
    ],
)
def test_what_holds_no_secret_has_no_age(item: dict[str, Any], status: str, reason: str) -> None:
    """Exempt says why; what was not supplied is unknown and names the option that supplies it."""
    found = row([seen(10, A)], item=item)
    assert (found.status, found.reason) == (status, reason)
    assert ("--env production/backend=" in found.next_evidence) == (status == "unknown")


@pytest.mark.parametrize(
    ("then", "now", "status"), [("python-dotenv", "next", "unknown"), ("next", "next", "fresh")]
)
def test_another_loader_is_no_rotation(then: str, now: str, status: str) -> None:
    """What one loader read otherwise than another does now may be the same line: that bounds nothing."""
    looks = [
        snapshot(ago(days), [present(PLACE, what, FILE, loader=loader)])
        for days, what, loader in ((20, B, then), (10, A, now))
    ]
    assert row(looks, source=FILE, item={"loader": now}).status == status
