"""The edge cases of docs/evidence.md#edge-cases: what each history proves, and what it does not."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from audit_lib.ledger.timeline import CLOCK_SLACK
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.ages import agreement, status_of
from audit_lib.settings import SecretRule
from tests.support.histories import (
    NOW,
    POLICY,
    ago,
    creation,
    entry,
    freshness,
    inventory_row,
    present,
    rotation,
    snapshot,
    value,
)

PLACE = ("TOKEN", "production", "backend")
STAGING = ("TOKEN", "staging", "backend")
ENV = ("production", "backend")
SOURCE = "--env production/backend"
FILE = "backend/.env"
A, B = value("a"), value("b")
VALUES = {"a": A, "b": B, "": None, "-": None}
TOKEN = r"(?:file)?([\d.]*)(?:([@!])([\d.]+))?(?::(.*))?"
FLAGS = {
    "rotated_back": "back",
    "conflict": "conflict",
    "claimed_not_done": "not done",
    "unrecorded_rotation": "unrecorded",
}


def seen(days: float, what: str | None, source: str = SOURCE, **more: Any) -> Any:
    """A snapshot so many days ago that saw a value, or none, in the place."""
    rows = [present(PLACE, what, source)] if what else []
    return snapshot(ago(days), rows, ((*ENV, source),), **more)


def history(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Entries and options of a history: `20:b` is a look 20 days ago at B, `5:-` one at no value, `5@80:a` a
    record 5 days ago of a rotation 80 days ago to A, `5!80:a` one that A was made then; `file3` says that all
    are of a file, written 3 days ago.
    """
    entries: list[Any] = []
    options: dict[str, Any] = {"source": FILE if "file" in text else SOURCE}
    for token in text.split():
        days, mark, claimed, what = re.fullmatch(TOKEN, token).groups("")  # type: ignore[union-attr]
        source, fingerprint = options["source"], VALUES[what]
        if token.startswith("file"):
            options |= {"files": {FILE: ago(float(days))}} if days else {}
        elif mark:
            record = rotation if mark == "@" else creation
            entries.append(record(ago(float(days)), PLACE, ago(float(claimed)), fingerprint, source=source))
        else:
            entries.append(seen(float(days), fingerprint, source))
    return entries, options


def row(entries: list[Any], *, source: str = SOURCE, what: str = A, **more: Any) -> Any:
    """The one row of freshness for a value in place."""
    table, _ = freshness([inventory_row(PLACE, what, source, **more.pop("item", {}))], entries, **more)
    return table.iloc[0]


def said(found: Any) -> str:
    """`fresh 9-21` or `unknown 9- straddles`: the status, its days, why it is not known, and the flags."""
    low, high = ("" if pd.isna(days) else f"{days:.0f}" for days in (found.age_days_min, found.age_days_max))
    flags = [word for column, word in FLAGS.items() if found[column]]
    reason = found.reason if found.status == "unknown" else ""
    return " ".join(filter(None, (found.status, f"{low}-{high}", reason, *flags)))


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Nothing, one look, a change between two looks, a missed one: E1 and E2.
        ("", "unknown - no evidence"),
        ("1:a", "unknown 0- straddles"),
        ("91:a 1:a", "overdue 90-"),
        ("20:b 10:a 3:a", "fresh 9-21 unrecorded"),
        ("40:b 10:a", "fresh 9-41 unrecorded"),
        # A value that comes back keeps its age, whose own may be unbounded.
        ("100:a 50:b 10:a", "overdue 99- back unrecorded"),
        ("60:b 50:a 30:b 10:a", "fresh 49-61 back unrecorded"),
        ("50:a 30:b 10:a", "unknown 49- straddles back unrecorded"),
        # Absence bounds from below in a file that was read whole, not in what was given; it is no new value.
        ("file 20:- 10:a", "fresh 9-21"),
        ("20:- 10:a", "unknown 9- straddles"),
        ("100:a 20:- 10:a", "overdue 99-"),
        ("file 100:a 20:- 10:a", "overdue 99-"),
        # A file's last write proves overdue, never fresh; between two looks it narrows (E3).
        ("file91", "overdue 90-"),
        ("file1", "unknown 0- straddles"),
        ("file5 20:b 1:a", "fresh 4-21 unrecorded"),
        # What no snapshot saw of a copy is dated by no other copy.
        ("file5 20:b", "unknown 4- straddles"),
        # Older than another value seen in it: back-dated, moved in, or restored.
        ("file30 20:b 1:a", "unknown 0- conflict conflict unrecorded"),
        ("file45 40:a 20:b 1:a", "unknown 44- straddles back unrecorded"),
        # A record's date bounds nothing (E10); with the value it proves the recording (E8).
        ("5@5", "unknown - no evidence"),
        ("5@80:a", "unknown 4- straddles"),
        ("5.01:b 5@5:a", "fresh 4-6"),
        # The value was there before the claimed date and still is.
        ("60:a 29@30:a 1:a", "unknown 59- straddles not done"),
        ("60:a 29@30 1:a", "unknown 59- straddles not done"),
        # Without a date a rotation is claimed to be done by then: nobody can say of one without a value.
        ("60:a 30@30:a 1:a", "unknown 59- straddles not done"),
        ("60:a 30@30 1:a", "unknown 59- straddles"),
        # Recorded after it was done, just before or after a look: no false record.
        ("file5.001 20:b 5@5:a 1:a", "fresh 4-21"),
        ("file8 20:b 5@5:a 1:a", "fresh 7-21"),
        ("file11 20:b 10:a 5@5:a", "fresh 10-21"),
        # Another value was recorded last; a record before the change; none; one after it.
        ("50@50:b 10:a", "fresh 9-51 unrecorded"),
        ("50@50 20:b 10:a", "fresh 9-21 unrecorded"),
        ("20:b 10:a", "fresh 9-21 unrecorded"),
        ("20:b 10:a 3@3:a", "fresh 9-21"),
        # A provider's date (E11): in force no earlier, and as old as that; of another value; a wrong one.
        ("2!30:a", "fresh 29-31"),
        ("2!100:a", "overdue 99-101"),
        ("20:b 10:a 2!100:a", "overdue 99-101 unrecorded"),
        ("190!200:b 1:a", "unknown 0-191 straddles unrecorded"),
        ("60:a 2!30:a", "unknown 59- conflict conflict"),
    ],
)
def test_a_history_proves_so_much_and_no_more(text: str, expected: str) -> None:
    """Each history of one place has this status, age in days, and flags."""
    entries, options = history(text)
    assert said(row(entries, **options)) == expected
    assert said(row(entries[::-1], **options)) == expected


def looked(days: float, *found: tuple[tuple[str, str, str], str, str], **more: Any) -> Any:
    """A snapshot of several places, each with its value and source."""
    return snapshot(ago(days), [present(place, what, source, **more) for place, what, source in found])


def in_part(days: float) -> Any:
    """A snapshot that read the file in part and saw no value."""
    partly = seen(days, None, FILE)
    partly.body["places"][0]["complete"] = False
    return partly


def bridged(**changed: Any) -> list[Any]:
    """Two values under an old key, then a change of the key, by default with the links of both."""
    old_a, old_b = value("old a"), value("old b")
    looks = [seen(60, old_b, key_id="1" * 8), seen(50, old_a, key_id="1" * 8)]
    body = {"from_key_id": "1" * 8, "lost": False, "links": {old_a: A}, "heads": {}} | changed
    return [*looks, entry(ago(40), "key bridge", body, key_id="2" * 8)]


UNSURE = {"state": "present", "fingerprint": None}  # a value that loaders read differently
ON_FILE = {"source": FILE}
EPOCH = {"modified_at": "1980-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("entries", "options", "expected"),
    [
        # An entry may be missing between two; another writer's file bounds nothing, the platform is one.
        ([seen(20, B), seen(10, A)], {"broken": frozenset({"ci"})}, "unknown 9- straddles"),
        ([seen(20, B, FILE, writer="alice"), seen(10, A, FILE, writer="bob")],
         ON_FILE, "unknown 9- straddles"),
        ([seen(20, B, writer="alice"), seen(10, A, writer="bob")], {}, "fresh 9-21 unrecorded"),
        # A file read in part, and a value that was not known, show no absence.
        ([in_part(20), seen(10, A, FILE)], ON_FILE, "unknown 9- straddles"),
        ([snapshot(ago(20), [present(PLACE, A, FILE) | UNSURE]), seen(10, A, FILE)],
         ON_FILE, "unknown 9- straddles"),
        # Linked fingerprints carry on; without links nothing from before bounds.
        (bridged(), {}, "fresh 49-61 unrecorded"),
        ([*bridged(lost=True, links={}), seen(10, A, key_id="2" * 8)], {}, "unknown 9- straddles"),
        # The same value under another name, in another environment, there and then here.
        ([looked(100, (("OLD_NAME", *ENV), A, SOURCE)), seen(10, A)], {}, "overdue 99-"),
        ([looked(95, (STAGING, A, "staging")), seen(20, B), seen(10, A)], {}, "overdue 94- unrecorded"),
        ([looked(20, (STAGING, A, "staging"), (PLACE, B, SOURCE)), seen(10, A)],
         {}, "unknown 19- straddles unrecorded"),
        # Files in images and archives carry fixed times: they prove no age.
        ([seen(10, A, FILE)],
         ON_FILE | {"files": {FILE: datetime(1970, 1, 1, tzinfo=UTC)}}, "unknown 9- straddles"),
        ([seen(10, A, FILE)],
         ON_FILE | {"files": {FILE: datetime(1985, 10, 26, tzinfo=UTC)}}, "unknown 9- straddles"),
        ([looked(10, (PLACE, A, FILE), **EPOCH)], ON_FILE, "unknown 9- straddles"),
        # A review of an earlier day knows only what is shown to have held then.
        ([seen(60, B), seen(10, A)], {"as_of": ago(30)}, "unknown - reviewed late"),
        ([seen(60, B), seen(40, A), seen(10, A)], {"as_of": ago(30)}, "fresh 9-31 unrecorded"),
        ([], ON_FILE | {"files": {FILE: ago(10)}, "as_of": ago(30)}, "unknown - reviewed late"),
        # A day reaches from UTC+14 to UTC-12: only what is surely later than the value's sighting is false.
        ([seen(29.5, A), rotation(ago(26), PLACE, ago(28), day_only=True), seen(1, A)],
         {}, "unknown 28- straddles"),
        ([seen(29.5, A), rotation(ago(26), PLACE, ago(30.4), day_only=True), seen(1, A)],
         {}, "unknown 28- straddles"),
        ([seen(29.5, A), rotation(ago(26), PLACE, ago(27.3), day_only=True), seen(1, A)],
         {}, "unknown 28- straddles not done"),
        # What another loader read may be the same line.
        ([looked(20, (PLACE, B, FILE), loader="python-dotenv"), looked(10, (PLACE, A, FILE), loader="next")],
         ON_FILE | {"item": {"loader": "next"}}, "unknown 9- straddles"),
        ([looked(20, (PLACE, B, FILE), loader="next"), looked(10, (PLACE, A, FILE), loader="next")],
         ON_FILE | {"item": {"loader": "next"}}, "fresh 9-21 unrecorded"),
        # What everyone may read, what has no limit, is a placeholder or missing has no age.
        ([seen(400, A)], {"item": {"public": True, "exposure_severity": "high"}}, "overdue 399-"),
        ([seen(400, A)], {"item": {"public": True, "exposure_severity": "info"}}, "exempt 399-"),
        ([seen(10, A)], {"item": {"max_age_days": None, "kind": "identifier"}}, "exempt 9-"),
        ([seen(10, A)], {"item": {"placeholder": True}}, "exempt 9-"),
        ([seen(10, A)], {"item": {"state": "missing"}}, "exempt -"),
        ([seen(10, A)], {"item": {"state": "not supplied"}}, "unknown - not supplied"),
    ],
)  # fmt: skip
def test_what_is_seen_elsewhere_or_otherwise(
    entries: list[Any], options: dict[str, Any], expected: str
) -> None:
    """Other writers, keys, places, files, days, dates and loaders, and what has no age at all."""
    assert said(row(entries, **options)) == expected


def test_a_verdict_says_by_what_and_what_would_decide() -> None:
    """Evidence by its kind and place, the days on which it may be overdue, and the cheapest next evidence."""
    found = row([seen(20, B), seen(10, A)])
    assert found.possibly_overdue_from_at == ago(20) - CLOCK_SLACK + timedelta(days=90)
    assert row([seen(91, A)]).hi_evidence.startswith("E2 ledger ci#1")
    assert row([seen(5.01, B), rotation(ago(5), PLACE, ago(5), A, source=SOURCE)]).hi_evidence[:2] == "E8"
    made = row(history("2!30:a")[0]).lo_evidence
    assert "Ann recorded that it was created" in made
    assert "the dashboard" in made
    assert "snapshot" in row([]).next_evidence
    assert "--env production/backend=" in row([], item={"state": "not supplied"}).next_evidence
    table, late = freshness([inventory_row(PLACE, A, SOURCE)], [seen(60, B), seen(10, A)], as_of=ago(30))
    assert (table.iloc[0].reason, list(late["role"])) == ("reviewed late", ["left out"])
    reasons = [row([], item=item).reason for item in ({"placeholder": True}, {"state": "missing"})]
    assert reasons == ["placeholder: no secret is in force", "missing: no value is in force"]


def test_the_period_for_all_has_a_verdict_of_its_own() -> None:
    """Beside a secret's own period of 180 days stands the guide's one of 90 for all, by the same evidence."""
    rule = SecretRule(*PLACE[::2], "secret", "always", max_age_days=180, strict_max_age_days=90)
    options: Any = {"policy": replace(POLICY, secrets=(rule,))}
    found = [row([seen(days, A)], item={"max_age_days": 180}, **options) for days in (80, 100)]
    assert [(one["status"], one["strict_status"]) for one in found] == [
        ("unknown", "unknown"),
        ("unknown", "overdue"),
    ]
    assert row([seen(80, A)])["strict_status"] == ""


def test_the_more_confident_evidence_is_kept() -> None:
    """Of what contradicts, the less confident is dropped and said."""
    chain, file = SimpleNamespace(lo_at=ago(20), hi_at=ago(10)), SimpleNamespace(lo_at=None, hi_at=ago(30))
    assert agreement([chain, file]) == (chain, chain, [file])


@pytest.mark.parametrize(("written", "status"), [(12, "fresh"), (25, "unknown")])
def test_a_twins_file_is_no_older_than_another_value_seen_in_it(written: float, status: str) -> None:
    """A twin that changed first bounds the age as far as its own change does, also by its file's time."""
    twin = ("PUBLIC_TOKEN", "production", "frontend")
    looks = ((20, B, B), (11, A, B), (1, A, A))
    entries = [
        looked(days, (twin, other, "frontend/.env"), (PLACE, what, FILE)) for days, other, what in looks
    ]
    items = [inventory_row(PLACE, A, FILE), inventory_row(twin, A, "frontend/.env")]
    table, _ = freshness(items, entries, files={"frontend/.env": ago(written)})
    assert table.set_index("secret").loc["TOKEN", "status"] == status


def test_a_copy_is_a_witness() -> None:
    """E4: an old backup with the same value proves that it is old."""
    copy = {"source": "backend/.env.bak", "name": "TOKEN", "fingerprint": A, "modified_at": ago(95)}
    found = row([seen(20, B), seen(10, A)], copies=[copy])
    assert (found.status, found.hi_evidence.split(" ")[0]) == ("overdue", "E4")


def test_a_value_that_dates_itself_dates_the_value() -> None:
    """E19: the issue date moves the value's age, and the age up where it lies before the tenure."""
    issued = json.dumps({"iat": int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())}).encode()
    keeper = Keeper(Key(b"k" * 32, "demo"))
    token = keeper.take(f"head.{base64.urlsafe_b64encode(issued).decode().rstrip('=')}.tail")
    found = row([seen(20, B), seen(10, token)], what=token, keeper=keeper)
    assert (found.status, found.age_days_min) == ("overdue", 121)


def test_one_value_under_thousands_of_names_takes_no_minutes() -> None:
    """A file of one value 1,500 times is 1,500 pieces of evidence, not millions that are thrown away."""
    items = [inventory_row((f"N{number}_KEY", *ENV), A, FILE) for number in range(1500)]
    table, evidence = freshness(items, [], files={FILE: ago(100)})
    assert set(table["status"]) == {"overdue"}
    assert len(evidence) == 1500
