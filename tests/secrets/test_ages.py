"""What is known of ages: what each history proves and what it does not, by cadence, and nothing false."""

import base64
import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from audit_lib.ledger import Entry
from audit_lib.ledger.timeline import CLOCK_SLACK, SecretPlace
from audit_lib.secrets.ages import agreement, seen_already, status_of, tabulate_rotation_pairs
from audit_lib.settings import SecretRule
from tests.support.clocks import IMAGE_TIME, measure as measure_clocks
from tests.support.histories import (
    KEEPER,
    NOW,
    POLICY,
    Life,
    ago,
    creation,
    entry,
    freshness,
    inventory_row,
    ledger_of,
    present,
    renewals,
    rotation,
    snapshot,
    value,
)
from tests.support.rows import data

PLACE = ("TOKEN", "production", "backend")
STAGING = ("TOKEN", "staging", "backend")
ENV = ("production", "backend")
SOURCE = "--env production/backend"
FILE = "backend/.env"
CASES = data(Path(__file__).with_suffix(".toml"))
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
    return snapshot(ago(days), [present(PLACE, what, source)] if what else [], ((*ENV, source),), **more)


def history(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Entries and options of a history: `20:b` is a look 20 days ago at B, `5:-` one at no value, `5@80:a` a
    record 5 days ago of a rotation 80 days ago to A, `5!80:a` one that A was made then; `file3` says that all
    are of a file, written 3 days ago."""
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


def row(entries: list[Any], *, source: str = SOURCE, what: str | None = A, **more: Any) -> Any:
    """The one row of freshness for a value in place."""
    items = [inventory_row(PLACE, what, source, **more.pop("item", {})), *more.pop("also", ())]
    return freshness(items, entries, **more)[0].iloc[0]


def said(found: Any) -> str:
    """`fresh 9-21` or `unknown 9- straddles`: the status, its days, why it is not known, and the flags."""
    low, high = ("" if pd.isna(days) else f"{days:.0f}" for days in (found.age_days_min, found.age_days_max))
    flags = [word for column, word in FLAGS.items() if found[column]]
    reason = found.reason if found.status == "unknown" else ""
    return " ".join(filter(None, (found.status, f"{low}-{high}", reason, *flags)))


@pytest.mark.parametrize(("lo", "hi", "expected"), CASES["bounds"])
def test_two_bounds_decide(lo: Any, hi: Any, expected: str) -> None:
    """Exactly the period is due, not overdue; no bound below is never fresh."""
    bounds = [None if days == "" else ago(days) for days in (lo, hi)]
    assert status_of(bounds[0], bounds[1], NOW, 90, 14) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["histories"])
def test_a_history_proves_so_much_and_no_more(text: str, expected: str) -> None:
    """Each history of one place has this status, age in days, and flags."""
    entries, options = history(text)
    assert said(row(entries, **options)) == expected
    assert said(row(entries[::-1], **options)) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["seen"])
def test_a_value_was_seen_already_unless_its_change_awaits_a_record(text: str, expected: Any) -> None:
    """What was seen to change has to be recorded before a rotation to it can be recorded without a date."""
    entries, options = history(text)
    look = seen_already(ledger_of(entries), SecretPlace(*PLACE), options["source"], A)
    assert (look and look.at) == (None if expected == "" else ago(expected))


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
COPY = {"source": "backend/.env.bak", "name": "TOKEN", "fingerprint": A}
TWIN_PLACE, TWIN_FILE = ("PUBLIC_TOKEN", "production", "frontend"), "frontend/.env"
TWIN = (inventory_row(TWIN_PLACE, A, TWIN_FILE),)
TWIN_LOOKS = ((20, B, B), (11, A, B), (1, A, A))
TWINS = [looked(days, (TWIN_PLACE, one, TWIN_FILE), (PLACE, two, FILE)) for days, one, two in TWIN_LOOKS]


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
        *(([seen(10, A, FILE)], ON_FILE | {"files": {FILE: at}}, "unknown 9- straddles")
          for at in (datetime(1970, 1, 1, tzinfo=UTC), datetime(1985, 10, 26, tzinfo=UTC))),
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
        # A twin that changed first bounds the age as far as its own change does, also by its file's time.
        (TWINS, ON_FILE | {"also": TWIN, "files": {TWIN_FILE: ago(12)}}, "fresh 11-21 unrecorded"),
        (TWINS, ON_FILE | {"also": TWIN, "files": {TWIN_FILE: ago(25)}}, "unknown 24- straddles unrecorded"),
        # E4: an old backup with the same value proves that it is old, one with an archive's time nothing.
        *(([seen(20, B), seen(10, A)], {"copies": [COPY | {"modified_at": at, "kind": kind}]}, expected)
          for kind in ("backup", "env file")  # of a place several files may have one value
          for at, expected in ((ago(95), "overdue 94- unrecorded"), (IMAGE_TIME, "fresh 9-21 unrecorded"))),
        # What everyone may read, what has no limit, is a placeholder or missing has no age.
        *(([seen(days, A)], {"item": item}, expected) for days, item, expected in CASES["items"]),
    ],
)  # fmt: skip
def test_what_is_seen_elsewhere(entries: list[Any], options: dict[str, Any], expected: str) -> None:
    """Other writers, keys, places, files, days, dates and loaders, and what has no age at all."""
    assert said(row(entries, **options)) == expected


def test_a_verdict_says_by_what_and_what_would_decide() -> None:
    """Evidence by its kind and place, the days on which it may be overdue, and the cheapest next evidence."""
    found = row([seen(20, B), seen(10, A)])
    assert found.possibly_overdue_from_at == ago(20) - CLOCK_SLACK + timedelta(days=90)
    assert row([seen(91, A)]).hi_evidence.startswith("E2 ledger ci#1")
    copied = row([seen(20, B), seen(10, A)], copies=[COPY | {"modified_at": ago(95)}])
    assert copied.hi_evidence.startswith("E4 backend/.env.bak")
    assert row([seen(5.01, B), rotation(ago(5), PLACE, ago(5), A, source=SOURCE)]).hi_evidence[:2] == "E8"
    made = row(history("2!30:a")[0]).lo_evidence
    assert all(words in made for words in ("Ann recorded that it was created", "the dashboard"))
    assert "snapshot" in row([]).next_evidence
    assert "--env production/backend=" in row([], item={"state": "not supplied"}).next_evidence
    for loader, said in {"": "Name the loader of", "next": "Write a value"}.items():  # that is known
        assert row([], what=None, item={"state": "present", "loader": loader}).next_evidence.startswith(said)
    table, late = freshness([inventory_row(PLACE, A, SOURCE)], [seen(60, B), seen(10, A)], as_of=ago(30))
    assert (table.iloc[0].reason, list(late["role"])) == ("reviewed late", ["left out"])
    assert [row([], item=item).reason for item, _ in CASES["reasons"]] == [it for _, it in CASES["reasons"]]


def test_the_period_for_all_has_a_verdict_of_its_own() -> None:
    """Beside a secret's own period of 180 days stands the guide's one of 90 for all, by the same evidence."""
    rule = SecretRule(*PLACE[::2], "secret", "always", max_age_days=180, strict_max_age_days=90)
    options: Any = {"policy": replace(POLICY, secrets=(rule,))}
    found = [row([seen(days, A)], item={"max_age_days": 180}, **options) for days in (80, 100)]
    verdicts = [(one["status"], one["strict_status"]) for one in found]
    assert verdicts == [("unknown", "unknown"), ("unknown", "overdue")]
    assert row([seen(80, A)])["strict_status"] == ""


def test_the_more_confident_evidence_is_kept() -> None:
    """Of what contradicts, the less confident is dropped and said."""
    chain, file = SimpleNamespace(lo_at=ago(20), hi_at=ago(10)), SimpleNamespace(lo_at=None, hi_at=ago(30))
    assert agreement([chain, file]) == (chain, chain, [file])


def test_a_value_that_dates_itself_dates_the_value() -> None:
    """E19: the date of issue moves the age up where it lies before the tenure; no date moves nothing."""
    issued = NOW.timestamp() - 90 * 86400 - 360  # an issuer's clock is right: five minutes are its slack
    for at, found in ((issued, "overdue"), (issued + 90, "unknown"), ("x", "fresh")):
        body = base64.urlsafe_b64encode(json.dumps({"iat": at}).encode()).decode().rstrip("=")
        token = KEEPER.take(f"head.{body}.tail")
        assert row([seen(20, B), seen(10, token)], what=token).status == found


def test_one_value_under_thousands_of_names_takes_no_minutes() -> None:
    """A file of one value 1,500 times is 1,500 pieces of evidence, not millions that are thrown away."""
    items = [inventory_row((f"N{number}_KEY", *ENV), A, FILE) for number in range(1500)]
    table, evidence = freshness(items, [], files={FILE: ago(100)})
    assert set(table["status"]) == {"overdue"}
    assert len(evidence) == 1500


# ---- Secrets that rotate together ----

PAIRED = SecretRule("ID", "backend", "secret", "always", rotates_with=("KEY",), max_age_days=90)
BOTH = replace(POLICY, secrets=(PAIRED, replace(PAIRED, name="KEY", rotates_with=("ID",))))
C, D = value("c"), value("d")


@pytest.mark.parametrize(
    ("key", "looks", "relation"),  # the value of KEY; days ago, the value of ID, the value of KEY
    [
        (D, [(20, A, C), (10, B, D)], ["together"]),
        (D, [(30, A, C), (20, B, C), (10, B, D)], ["apart"]),
        (D, [(20, A, None)], ["unknown"]),
        (D, [(30, A, C), (20, None, C), (10, B, None), (5, B, D)], ["unknown"]),  # the two intervals overlap
        (None, [], []),  # with one of the two missing there is nothing to compare: that is another finding
    ],
)
def test_intervals_tell_what_is_sure(key: str | None, looks: list[Any], relation: list[str]) -> None:
    """Changed between the same two snapshots is together; a snapshot between the two changes is apart."""
    places, entries = [("ID", *ENV), ("KEY", *ENV)], []
    for days, *values in looks:
        held = [present(place, what, SOURCE) for place, what in zip(places, values, strict=True) if what]
        entries.append(snapshot(ago(days), held, ((*ENV, SOURCE),)))
    items = [inventory_row(place, what, SOURCE) for place, what in zip(places, (B, key), strict=True)]
    pairs = tabulate_rotation_pairs(freshness(items, entries, policy=BOTH)[0], BOTH)
    expected = [["ID", "KEY", word] for word in relation]
    assert pairs[["secret", "other_secret", "relation"]].to_numpy().tolist() == expected


# ---- How often one looks decides what one can prove: the measured table of docs/accuracy.md#ages ----

# Clocks may be wrong by 14 hours, so a change between snapshots of exactly 90 and 60 days ago is not known to
# be due: each bound is widened.
STATUSES = ("fresh", "due", "overdue", "unknown")


def lives(period: int, count: int, seed: object) -> list[Life]:
    """So many secrets, each rotated in its own time."""
    found = []
    for number in range(count):
        place = (f"S{number:04}", "production", "backend")
        moments = renewals((seed, number), period, NOW, 2 * period)
        found.append(Life(place, SOURCE, [(at, value(number, turn)) for turn, at in enumerate(moments)]))
    return found


def observed(life_times: list[Life], cadence: int, days: float, recorded: float, seed: object) -> list[Entry]:
    """Snapshots at the cadence; a share of the rotations seen just before and recorded just after."""
    chance = random.Random(repr(seed))
    entries = [
        snapshot(at, [present(one.place, seen, SOURCE) for one in life_times if (seen := one.at(at))])
        for at in [ago(step * cadence) for step in range(int(days / cadence) + 1)]
    ]
    for life in life_times:
        for at, fingerprint in life.changes:
            if chance.random() < recorded and at > ago(days):
                before, after = at - timedelta(minutes=1), at + timedelta(minutes=1)
                if old := life.at(before):
                    entries.append(snapshot(before, [present(life.place, old, SOURCE)]))
                entries.append(rotation(after, life.place, at, fingerprint, source=SOURCE))
    return entries


def measure(period: int, cadence: int, recorded: float, count: int) -> tuple[tuple[float, ...], int]:
    """The shares of each status in per cent, and how many verdicts or intervals the truth contradicts."""
    life_times = lives(period, count, (period, count))
    entries = observed(life_times, cadence, 2.5 * period, recorded, (cadence, recorded))
    inventory = [inventory_row(one.place, one.at(NOW), SOURCE, max_age_days=period) for one in life_times]
    table, _ = freshness(inventory, entries)
    truth = {one.place[0]: one.adopted(NOW) for one in life_times}
    allowed = {"fresh": (0, period - 14), "due": (0, period), "overdue": (period, 1e9), "unknown": (0, 1e9)}
    wrong = 0
    for row in table.itertuples():
        age = (NOW - truth[row.secret]).total_seconds() / 86_400
        low, high = allowed[row.status]
        wrong += not (low <= age <= high and row.age_days_min <= age and not row.age_days_max < age)
    return tuple(100 * list(table["status"]).count(status) / count for status in STATUSES), wrong


@pytest.mark.parametrize(("period", "cadence", "recorded", "expected"), CASES["cadence"])
def test_the_table_holds(period: int, cadence: int, recorded: float, expected: Any, long_run: bool) -> None:
    """Each cadence proves what docs/accuracy.md#ages has; no verdict and no interval is wrong."""
    count = 4000 if long_run else 100
    shares, wrong = measure(period, cadence, recorded, count)
    assert wrong == 0
    # Four standard errors of a share among so many histories, and of the one measured among 4000.
    for share, wanted in zip(shares, expected, strict=True):
        spread = (max(wanted, 1) * (100 - max(wanted, 1))) ** 0.5
        assert abs(share - wanted) <= 4 * spread * (1 / count + 1 / 4000) ** 0.5


def test_no_clock_makes_a_wrong_verdict(long_run: bool) -> None:
    """Skewed and jumping clocks, restores, copies, clones, images, false records: nothing false."""
    tally = measure_clocks(range(2000 if long_run else 60))
    assert (tally.wrong_verdicts, tally.wrong_intervals, tally.false_flags) == ([], [], [])
    more = measure_clocks(range(2000, 8000 if long_run else 2000))
    assert (more.wrong_verdicts, more.wrong_intervals, more.false_flags[2:]) == ([], [], [])
    statuses = tally.statuses + more.statuses
    assert not long_run or statuses["unknown"] / statuses.total() <= 0.13
