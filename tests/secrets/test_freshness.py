"""The edge cases of docs/evidence.md#edge-cases: what each history proves, and what it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.ages import CLOCK_SLACK, Bounds, agreement, status_of
from audit_lib.settings import SecretRule
from tests.support.histories import (
    NOW,
    POLICY,
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


@pytest.mark.parametrize(("days", "status"), [(80, "unknown"), (100, "overdue")])
def test_the_period_for_all_has_a_verdict_of_its_own(days: float, status: str) -> None:
    """Beside a secret's own period of 180 days stands the guide's one of 90 for all, by the same evidence."""
    rule = SecretRule(*PLACE[::2], "secret", "always", max_age_days=180, strict_max_age_days=90)
    policy = replace(POLICY, secrets=(rule,))
    one = row([seen(days, A)], item={"max_age_days": 180}, policy=policy)
    assert (one["strict_status"], one["strict_max_age_days"]) == (status, 90)
    assert one["status"] == "unknown"
    assert row([seen(days, A)])["strict_status"] == ""


def test_the_more_confident_evidence_is_kept() -> None:
    """Of what contradicts, the less confident is dropped and said; the order given plays no part."""
    chain = Bounds(ago(20), ago(10), 8, "chain")
    file = Bounds(None, ago(30), 3, "file")
    for both in ([chain, file], [file, chain]):
        kept = agreement(both)
        assert (kept.lo_at, kept.hi_at, kept.hi_label) == (ago(20), ago(10), "chain")
        assert kept.dropped == (file,)


def test_a_first_review_proves_only_that_it_is_old() -> None:
    """One sighting bounds one side: unknown, then overdue once the sighting itself is too old."""
    assert row([seen(1, A)]).reason == "straddles"
    old = row([seen(91, A), seen(1, A)])
    assert (old.status, old.lo_evidence) == ("overdue", "")
    assert old.hi_evidence.startswith("E2 ledger ci#1")


def test_nothing_seen_is_no_evidence() -> None:
    """Given values without a ledger say nothing of their age, and what would is said."""
    first = row([])
    assert (first.status, first.reason) == ("unknown", "no evidence")
    assert "snapshot" in first.next_evidence


def test_a_change_between_two_snapshots_bounds_both_sides() -> None:
    """E1: seen differently at the one, and so at the next; dates of what follows are given."""
    found = row([seen(20, B), seen(10, A), seen(3, A)])
    assert (found.status, found.age_days_min, found.age_days_max) == ("fresh", 9, 21)
    assert found.possibly_overdue_from_at == ago(20) - CLOCK_SLACK + timedelta(days=90)


def test_a_missed_audit_widens_the_interval() -> None:
    """A place that was not read this time leaves a gap, not an error and not an absence."""
    found = row([seen(40, B), snapshot(ago(30), []), seen(10, A)])
    assert found.age_days_max == 41


def test_a_value_that_comes_back_keeps_its_age() -> None:
    """A, B, A: rotated back; the age counts from the first A, whose own age may be unbounded."""
    found = row([seen(100, A), seen(50, B), seen(10, A)])
    assert (found.status, found.rotated_back) == ("overdue", True)
    recent = row([seen(60, B), seen(50, A), seen(30, B), seen(10, A)])
    assert (recent.status, recent.age_days_max, recent.rotated_back) == ("fresh", 61, True)
    unbounded = row([seen(50, A), seen(30, B), seen(10, A)])
    assert (unbounded.status, unbounded.reason) == ("unknown", "straddles")


def test_a_variable_that_was_absent_or_empty_is_new() -> None:
    """Absence in a file that was read whole bounds from below, in one read in part it does not."""
    found = row([seen(20, None, FILE), seen(10, A, FILE)], source=FILE)
    assert (found.age_days_max, found.unrecorded_rotation) == (21, False)
    partly = seen(20, None, FILE)
    partly.body["places"][0]["complete"] = False
    assert row([partly, seen(10, A, FILE)], source=FILE).reason == "straddles"


def test_a_value_that_was_not_known_was_there() -> None:
    """What a place held in a form that loaders read differently is no absence: it bounds nothing."""
    unknown = present(PLACE, A, FILE) | {"state": "present", "fingerprint": None}
    assert (
        row([snapshot(ago(20), [unknown], ((*ENV, FILE),)), seen(10, A, FILE)], source=FILE).reason
        == "straddles"
    )


def test_what_was_given_in_part_shows_no_absence() -> None:
    """An export of one variable or an environment without the values: nothing was removed there."""
    assert row([snapshot(ago(20), [], WHOLE), seen(10, A)]).reason == "straddles"


@pytest.mark.parametrize("source", [SOURCE, FILE])
def test_a_removed_value_that_is_set_again_is_no_new_one(source: str) -> None:
    """Removed, then set to the same again: it keeps its age, and was not rotated back."""
    found = row([seen(100, A, source), seen(20, None, source), seen(10, A, source)], source=source)
    assert (found.status, found.rotated_back) == ("overdue", False)


def test_a_renamed_variable_is_no_rotation() -> None:
    """The same value under another name before: the age moves up."""
    old = snapshot(ago(100), [present(("OLD_NAME", *ENV), A, SOURCE)], WHOLE)
    assert row([old, seen(10, A)]).status == "overdue"


def test_a_value_shared_with_another_environment_is_as_old_as_there() -> None:
    """A rotation to what staging has had for long proves nothing new."""
    staging = snapshot(ago(95), [present(("TOKEN", "staging", "backend"), A, "staging")])
    found = row([staging, seen(20, B), seen(10, A)])
    assert (found.status, found.hi_evidence.split(":")[0]) == ("overdue", "E2 ledger ci#1")


def test_one_snapshot_may_see_the_value_elsewhere_and_another_one_here() -> None:
    """In use elsewhere at that instant already: how long is bounded only as far as it is there."""
    both = snapshot(
        ago(20), [present(("TOKEN", "staging", "backend"), A, "staging"), present(PLACE, B, SOURCE)]
    )
    found = row([both, seen(10, A)])
    assert (found.status, found.reason) == ("unknown", "straddles")
    assert found.age_days_min == 19


@pytest.mark.parametrize(("written", "status"), [(12, "fresh"), (25, "unknown")])
def test_a_twins_file_is_no_older_than_another_value_seen_in_it(written: float, status: str) -> None:
    """A twin that changed first bounds the age as far as its own change does, also by its file's time."""
    twin = ("PUBLIC_TOKEN", "production", "frontend")
    entries = [
        snapshot(ago(days), [present(twin, other, "frontend/.env"), present(PLACE, what, FILE)])
        for days, other, what in ((20, B, B), (11, A, B), (1, A, A))
    ]
    rows = [inventory_row(PLACE, A, FILE), inventory_row(twin, A, "frontend/.env")]
    table, _ = freshness(rows, entries, files={"frontend/.env": ago(written)})
    assert table.set_index("secret").loc["TOKEN", "status"] == status


def test_a_files_last_write_proves_overdue_and_never_fresh() -> None:
    """E3 is one-sided; between snapshots of another value and of this one it narrows the interval."""
    assert row([], source=FILE, files={FILE: ago(91)}).status == "overdue"
    assert row([], source=FILE, files={FILE: ago(1)}).status == "unknown"
    found = row([seen(20, B, FILE), seen(1, A, FILE)], source=FILE, files={FILE: ago(5)})
    assert (found.status, found.age_days_min, found.age_days_max) == ("fresh", 4, 21)


def test_a_copy_that_no_snapshot_saw_is_not_dated_by_another_copy() -> None:
    """A clone's file may hold a value that is older than what the ledger saw elsewhere."""
    assert row([seen(20, B, FILE)], source=FILE, files={FILE: ago(5)}).reason == "straddles"


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


def test_a_restored_file_is_no_conflict() -> None:
    """The value was seen before the other one: the file came back with its time."""
    entries = [seen(40, A, FILE), seen(20, B, FILE), seen(1, A, FILE)]
    found = row(entries, source=FILE, files={FILE: ago(45)})
    assert (found.conflict, found.rotated_back, found.age_days_min) == (False, True, 44)


def test_a_review_as_of_a_date_before_the_change_knows_nothing_of_it() -> None:
    """What is seen now speaks for then only where it is shown to have held."""
    late = row([seen(60, B), seen(10, A)], as_of=ago(30))
    assert (late.status, late.reason, late.evidence_left_out) == ("unknown", "reviewed late", 1)
    held = row([seen(60, B), seen(40, A), seen(10, A)], as_of=ago(30))
    assert (held.status, held.age_days_max) == ("fresh", 31)
    written_later = row([], source=FILE, files={FILE: ago(10)}, as_of=ago(30))
    assert written_later.reason == "reviewed late"


def test_a_claim_bounds_nothing() -> None:
    """A recorded date alone leaves the age unknown; with the fingerprint it proves the recording."""
    assert row([rotation(ago(5), PLACE, ago(5))]).status == "unknown"
    found = row([rotation(ago(5), PLACE, ago(80), A, source=SOURCE)])
    assert (found.status, found.age_days_min) == ("unknown", 4)


def test_a_record_between_two_sightings_closes_the_interval() -> None:
    """E8: another value just before, this one with the record."""
    found = row([seen(5.01, B), rotation(ago(5), PLACE, ago(5), A, source=SOURCE)])
    assert (found.status, found.hi_evidence.split(" ")[0]) == ("fresh", "E8")
    assert not found.unrecorded_rotation


@pytest.mark.parametrize("fingerprint", [A, None])
def test_a_rotation_that_was_claimed_and_not_done_is_said(fingerprint: str | None) -> None:
    """The value was there before the claimed date and still is."""
    record = rotation(ago(29), PLACE, ago(30), fingerprint, source=SOURCE)
    found = row([seen(60, A), record, seen(1, A)])
    assert (found.claimed_not_done, found.conflict) == (True, False)


def test_a_record_without_a_date_claims_a_rotation_done_by_then() -> None:
    """With a value that was seen before and never changed it is false; without one nobody can say."""
    found = [
        row([seen(60, A), rotation(ago(30), PLACE, ago(30), what, source=SOURCE), seen(1, A)])
        for what in (A, None)
    ]
    assert [bool(one.claimed_not_done) for one in found] == [True, False]


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


@pytest.mark.parametrize(
    ("claimed", "day_only", "expected"), [(28, True, False), (30.4, True, False), (27.3, True, True)]
)
def test_a_date_alone_may_be_that_of_any_zone(claimed: float, day_only: bool, expected: bool) -> None:
    """A day reaches from UTC+14 to UTC-12: only what is surely later than the value's sighting is false."""
    entries = [seen(29.5, A), rotation(ago(26), PLACE, ago(claimed), day_only=day_only), seen(1, A)]
    assert bool(row(entries).claimed_not_done) is expected


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


def test_a_broken_chain_proves_no_before() -> None:
    """An entry may be missing between the two: the lower bound is dropped, the sighting stays."""
    found = row([seen(20, B), seen(10, A)], broken=frozenset({"ci"}))
    assert (found.status, found.age_days_min) == ("unknown", 9)


def test_two_writers_with_files_of_their_own_do_not_date_each_other() -> None:
    """Another writer's other value bounds nothing; the same given values are one chain for all."""
    files = [seen(20, B, FILE, writer="alice"), seen(10, A, FILE, writer="bob")]
    assert row(files, source=FILE).reason == "straddles"
    given = [seen(20, B, writer="alice"), seen(10, A, writer="bob")]
    assert row(given).status == "fresh"


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


def test_the_same_inputs_give_the_same_rows() -> None:
    """The order of entries in the ledger's files plays no part."""
    entries = [seen(20, B), seen(10, A), rotation(ago(9), PLACE, ago(9), A, source=SOURCE)]
    one, other = (freshness([inventory_row(PLACE, A, SOURCE)], part) for part in (entries, entries[::-1]))
    assert one[0].equals(other[0])
    assert one[1].equals(other[1])


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
