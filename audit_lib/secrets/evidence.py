"""Collects what is known of each secret's age: pieces of evidence (docs/evidence.md#kinds-of-evidence)."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from operator import attrgetter
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import Field, Instant, Series, rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import (
    CLOCK_SLACK,
    SAME_TIME,
    Observation,
    SecretPlace,
    Timeline,
    loader_in,
    read_alike,
)  # fmt: skip
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component
from audit_lib.secrets.inventory import OfSecret
from audit_lib.settings import GivenValues

Row = dict[str, Any]  # of Evidence; `dated` is the upper bound unless it says when
DAY = timedelta(days=1)
# A date alone can be that of any zone: from UTC+14 to UTC-12 (docs/evidence.md#claims).
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
# Env files came with dotenv and the twelve-factor app. What is dated before is no write: tools that pack
# images and archives set fixed times (1970, 1980-01-01, npm's 1985-10-26, Bazel's 2010-01-01).
FIRST_ENV_FILES = datetime(2011, 1, 1, tzinfo=UTC)
_SANE = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100: what else a number may mean is no date
_LONGEST_JWT = 16_384  # characters
_BY_PROVIDERS, _PROVIDER_SLACK = ("E13", "E14", "E19"), timedelta(minutes=5)  # their clocks are right
# Kind and words of a recorded rotation, by whether it brought in the value in force; None: not known.
_RECORDED = {
    True: ("E8", "with the current value"),
    False: ("E9", "with another value"),
    None: ("E10", "without its value"),
}


class Evidence(OfSecret):
    """One row for each piece of evidence of a secret's age: the true instant R satisfies lo < R <= hi."""

    kind: Series[str]  # E1 … E19 of docs/evidence.md#kinds-of-evidence
    # bound: bounds the tenure. return: the value was in force here before, with another one between.
    # sighting: the value was seen elsewhere. claim: bounds nothing. left out: dated after as_of.
    role: Series[str] = Field(isin=("bound", "return", "sighting", "claim", "left out"))
    lo_at: Series[Instant] = Field(nullable=True)  # null: minus infinity
    hi_at: Series[Instant] = Field(nullable=True)  # null: plus infinity
    source: Series[str]  # place: ledger writer and entry, file, commit
    observed_at: Series[Instant]
    text: Series[str]  # for a reader


class Holder(NamedTuple):
    """A source that holds a value, and what the ledger saw there before the value."""

    source: str
    written: Any  # the instant of its last write; None if it is no file, or that is not known
    before: Observation | None  # the last look at another value before which no copy held this one
    returned: bool  # whether the value was in force there before that


def collect_evidence(
    inventory: pd.DataFrame,
    entries: pd.DataFrame,
    sources: pd.DataFrame,
    ledger: Ledger,
    *,
    as_of: datetime,
    keeper: Keeper,
    dates: Iterable[GivenValues] = (),
) -> pd.DataFrame:
    """`Evidence`: every piece that bears on a value which is in force, bounds widened by what clocks err.

    What is in the project now speaks for `as_of` only if the ledger or the file's last write shows that it
    held by then; else nothing bounds its age. What is dated later is `left out`.
    """
    held = inventory[inventory["state"].eq("present") & inventory["fingerprint"].notna()]
    timeline, values = Timeline(ledger), list(rows(with_file_times(held, sources)))
    backups = _backups(entries, sources, values, keeper)
    holders = [Holder(value.source, value.modified_at, *_before(value, timeline)) for value in values]
    # The files that hold a value; one that has it under thousands of names is there once.
    files: dict[str, set[Holder]] = defaultdict(set)
    for value, holder in zip(values, holders, strict=True):
        files[value.fingerprint] |= {holder} if holder.written else set()

    places = {SecretPlace.of(row): None for row in rows(inventory)} | {SecretPlace.of(v): v for v in values}
    pieces = [*_records(ledger, timeline, places), *_stored(dates, inventory), *_later(ledger, values)]
    for value, own in zip(values, holders, strict=True):
        roles = {file: "bound" if file == own else "sighting" for file in files[value.fingerprint]}
        seen = [*_in_ledger(value, own, timeline)]
        seen += [_file_time(value, file, role) for file, role in roles.items()]
        seen += [_piece(value, "E4", "sighting", **facts) for facts in backups[value.fingerprint]]
        # Where else the value was seen counts as far as that is earlier than its tenure's bound.
        begun = min((row["hi_at"] for row in seen if row["role"] == "bound"), default=None)
        pieces += [row for row in seen if row["role"] != "sighting" or not begun or row["hi_at"] < begun]
        pieces += _self_dated(value, keeper, as_of)
    return _widened(pd.DataFrame(pieces, columns=[*Evidence.columns, "dated"]), as_of)


def with_file_times(inventory: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Rows of the inventory with `modified_at`: the last write of the file that holds the value."""
    files = sources[sources["kind"].isin(("env file", "export"))].rename(columns={"kind": "origin"})
    files = files[["source", "environment", "origin", "modified_at"]]
    return inventory.merge(files.drop_duplicates(list(files)[:3], keep="last"), how="left")


def _piece(place: Any, kind: str, role: str, **facts: Any) -> Row:
    """A row of `Evidence` about a place, or about a row that has one."""
    return {**SecretPlace.of(place)._asdict(), "kind": kind, "role": role, **facts}


def _widened(pieces: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """`Evidence`: the pieces with both bounds widened by the clock uncertainty of their kind."""
    lo_at, hi_at, observed_at, dated = (
        pd.to_datetime(pieces[name], utc=True).dt.as_unit("us")
        for name in ("lo_at", "hi_at", "observed_at", "dated")
    )
    by_provider = pieces["kind"].isin(_BY_PROVIDERS)
    slack = by_provider.map({True: _PROVIDER_SLACK, False: CLOCK_SLACK}).astype("timedelta64[us]")
    widened = pieces.drop(columns="dated").assign(
        lo_at=lo_at - slack,
        hi_at=hi_at + slack,
        observed_at=observed_at.fillna(hi_at),
        role=pieces["role"].mask(dated.fillna(hi_at) - slack > as_of, "left out"),
    )
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at", "text"]
    return Evidence.checked(widened.sort_values(order, kind="stable"))


def _in_ledger(value: Any, own: Holder, timeline: Timeline) -> Iterator[Row]:
    """E1, E2 or E8 for each run of the value, here and elsewhere; E3 for the last write of its file then."""
    place = SecretPlace.of(value)
    # Only in one copy is it known that the value came back: another writer's went its own way.
    lasting = timeline.lasting(place, value.source, value.fingerprint)
    cited: set[tuple[Any, ...]] = set()  # one value in thousands of names is one piece an entry
    for copy, runs in timeline.runs[value.fingerprint].items():
        where = "" if copy.place == place else f" as {copy.place}"
        for run in runs:
            first, before, role = run.first, run.absent, "return" if copy in lasting else "sighting"
            if copy in lasting and run is runs[-1]:
                before, role = own.before, "bound"
            places = (first.place, before and (before.place, before.fingerprint))
            if (role, run.modified_at, *places) in cited:
                continue
            cited.add((role, run.modified_at, *places))
            kind = "E8" if first.recorded else "E1" if before and before.fingerprint is not None else "E2"
            text = f"first seen{where} {instant_words(first.at)}{_seen_before(before)}"
            facts = {"source": first.place, "observed_at": first.at}
            yield _piece(value, kind, role, lo_at=before and before.at, hi_at=first.at, text=text, **facts)
            if run.modified_at and FIRST_ENV_FILES <= run.modified_at < first.at:
                then = Holder(first.place, run.modified_at, before, own.returned)
                yield _file_time(value, then, role, where) | {"observed_at": first.at}


def _before(value: Any, timeline: Timeline) -> tuple[Observation | None, bool]:
    """The last look at another value before which no copy held this one, and whether the value came back.

    The value is as old as its oldest copy. Who only records does not look at each change, nor say at which
    copy: a record that may be older than that look tells of a copy that changed first.
    """
    lasting = timeline.lasting(SecretPlace.of(value), value.source, value.fingerprint).values()
    current, returned = [runs[-1] for runs in lasting], any(len(runs) > 1 for runs in lasting)
    looked = [run for run in current if run.looked]
    befores = [run.absent for run in looked or current]
    if not befores or None in befores:
        return None, returned
    earliest = min(filter(None, befores), key=attrgetter("at"))
    records = [run.first for run in current if looked and not run.looked]
    return earliest if all(map(earliest.surely_before, records)) else None, returned


def seen_already(ledger: Ledger, place: SecretPlace, source: str, fingerprint: str) -> Observation | None:
    """The last look at a value in its place, if no change to it awaits a record; None if one does: recorded
    without a date, a rotation to such a value would be one that nothing shows."""
    entries = ledger.of_kind("rotation")
    recorded = [entry.at for entry in entries if SecretPlace.named_in(entry.body) == place]
    newest: Observation | None = None
    for runs in Timeline(ledger).lasting(place, source, fingerprint).values():
        before, newest = runs[-1].absent, runs[-1].last
        if before and before.fingerprint is not None and not any(at >= before.at for at in recorded):
            return None
    return newest


def _seen_before(before: Observation | None) -> str:
    what = "no value" if before and before.fingerprint is None else "another value"
    return f"; {what} was seen there {instant_words(before.at)} ({before.place})" if before else ""


def _file_time(value: Any, file: Holder, role: str, where: str = "") -> Row:
    """E3: one-sided, since a copy or a touch only moves a file's time later.

    Another value seen before bounds only a sighting from below: a clone's file may be older than what the
    ledger saw in another copy. A file that is older than that look was restored or moved in: the value was
    there before, if it was seen so; else, beyond what clocks err, the two exclude each other.
    """
    written, before = file.written, file.before
    since = before if before and before.at < written else None
    if role == "bound":
        restored = before and not since and (file.returned or written + SAME_TIME > before.at)
        role, since = "sighting" if restored else "bound", None
    day = instant_words(written)
    text = f"its file{where} was last modified {day}, so the value was in place by then{_seen_before(since)}"
    if written < FIRST_ENV_FILES:
        role, text = "claim", f"its file is dated {day}, a time that tools for images and archives set"
    return _piece(value, "E3", role, lo_at=since and since.at, hi_at=written, source=file.source, text=text)


def _backups(
    entries: pd.DataFrame, sources: pd.DataFrame, values: list[Any], keeper: Keeper
) -> dict[str, list[Row]]:
    """E4: the backups of each value, by their last write; of a URL its password too."""
    written = sources.loc[sources["kind"].eq("backup"), ["source", "modified_at"]].dropna()
    with_password = {value.variable for value in values if value.component == "password"}
    backups: dict[str, list[Row]] = defaultdict(list)
    for row in rows(entries[entries["fingerprint"].notna()].merge(written, on="source")):
        whole = row.name not in with_password or row.fingerprint not in keeper
        mark = row.fingerprint if whole else keeper.part(row.fingerprint, component("password"))
        text = f"a copy of {instant_words(row.modified_at)} has it"
        backups[mark or ""].append({"hi_at": row.modified_at, "source": row.source, "text": text})
    return backups


def _self_dated(value: Any, keeper: Keeper, as_of: datetime) -> Iterator[Row]:
    """E19: a JWT-like value says itself when it was issued. It dates the value, not its adoption."""
    if value.fingerprint in keeper and (seconds := keeper.ask(value.fingerprint, _issued)):
        issued = datetime.fromtimestamp(seconds, UTC)
        text = f"the value itself contains its date of issue, {instant_words(issued)}"
        facts = {"source": value.source, "observed_at": as_of, "text": text}
        yield _piece(value, "E19", "sighting", lo_at=issued, hi_at=issued, **facts)


def _issued(value: str) -> float:
    """`iat`, else `nbf`, of a JWT-like value; 0 if it says nothing."""
    parts = value.split(".")
    if len(parts) == 3 and len(value) <= _LONGEST_JWT:
        with suppress(ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            claims = json.loads(base64.urlsafe_b64decode(f"{parts[1]}=="))
            seconds = float(claims.get("iat", claims.get("nbf", 0.0)))
            return seconds if _SANE[0] <= seconds <= _SANE[1] else 0.0
    return 0.0


def claim_interval(entry: Entry) -> tuple[datetime | None, datetime]:
    """The instants between which a recorded rotation is claimed to lie; None: at any time before.

    A record without a date claims that the rotation was done by now, and says not since when.
    """
    at = parse_instant(entry.body["claimed_at"], entry.place)
    if not entry.body["day_only"]:
        return (None, at) if at == entry.at else (at, at + DAY)
    midnight = at.replace(hour=0, minute=0, second=0)
    return midnight - EAST, midnight + DAY + WEST


def _records(ledger: Ledger, timeline: Timeline, places: dict[SecretPlace, Any]) -> Iterator[Row]:
    """E8, E9, E10 of recorded rotations, E11 of a creation date that somebody recorded.

    `places` are those of the inventory, each with the value in force there, or None.
    """
    for entry in ledger.of_kind("rotation", "creation"):
        place = SecretPlace.named_in(entry.body)
        value = places.get(place)
        of_value = _is_of(entry, value, timeline) if value else None
        if place in places and entry.kind == "rotation":
            yield _recorded(entry, place, timeline, value, of_value)
        elif of_value:
            yield from _created(entry, place)


def _is_of(entry: Entry, value: Any, timeline: Timeline) -> bool | None:
    """Whether an entry recorded the value in force; None if that is not known."""
    mark, links = entry.body["fingerprint"], timeline.links
    if mark is None:
        return None
    same = links.same(links.now(mark, entry.key_id), value.fingerprint)
    return same if same or read_alike(value.loader, loader_in(entry.body)) else None


def _recorded(entry: Entry, place: SecretPlace, timeline: Timeline, value: Any, of_value: bool | None) -> Row:
    """A recorded rotation: E8 (with the value in force), E9 (with another), E10 (with none)."""
    lo, hi = claim_interval(entry)
    kind, what = _RECORDED[of_value]
    by_copy = timeline.runs[value.fingerprint] if value else {}
    copies = [by_copy.get(copy, []) for copy in timeline.copies if copy.place == place]
    stays = [runs and not runs[-1].replaced and runs[-1].last.at > hi + CLOCK_SLACK for runs in copies]
    if kind == "E10" and not (value and all(stays)):
        lo = None  # which copy was meant is not said: one that no snapshot saw since may have been rotated
    changed = any(run.absent and run.absent.fingerprint for runs in copies for run in runs)
    if kind == "E8" and lo is None and not changed:
        lo = hi  # no change was seen that it could tell of: it claims one just now
    when = f"done by {instant_words(hi)}" if lo is None else f"on or after {instant_words(lo)}"
    facts = {"source": entry.place, "observed_at": entry.at, "dated": lo or hi}
    text = f"a rotation {when} was recorded {what}"
    return _piece(place, kind, "claim", lo_at=lo, hi_at=None if kind == "E9" else hi, text=text, **facts)


def _created(entry: Entry, place: SecretPlace) -> Iterator[Row]:
    """E11: by what somebody says, a value is as old as its provider made it, and in force since or later."""
    body, at = entry.body, parse_instant(entry.body["claimed_at"], entry.place)
    by, day = (at + DAY, f"{at:%Y-%m-%d}") if body["day_only"] else (at, instant_words(at))
    text = f"{body['by']} recorded that it was created on {day}, by {body['witness']}"
    facts = {"source": entry.place, "observed_at": entry.at, "dated": at, "text": text}
    yield _piece(place, "E11", "bound", lo_at=at, **facts)
    yield _piece(place, "E11", "sighting", lo_at=at, hi_at=by, **facts)


def _stored(dates: Iterable[GivenValues], inventory: pd.DataFrame) -> Iterator[Row]:
    """E13, E14: what a store says of the value that a place has, also if nobody supplied the value."""
    held = list(rows(inventory[inventory["state"].isin(("present", "not supplied"))]))
    for source, row in product(dates, held):
        is_there = (row.environment, row.service) == (source.environment, source.service)
        for date in source.dates if is_there else ():
            if date.secret in (row.secret, row.variable):
                text = f"{date.text} {instant_words(date.hi_at)}"
                yield _piece(row, date.kind, "bound", hi_at=date.hi_at, source=source.origin, text=text)


def _later(ledger: Ledger, values: list[Any]) -> Iterator[Row]:
    """One row for each ledger entry dated after as_of that bears on a value; only counted."""
    places = set(map(SecretPlace.of, values))
    kinds = {"snapshot": "E2", "rotation": "E8", "creation": "E11"}
    for entry in (entry for entry in ledger.later if entry.kind in kinds):
        bodies, text = entry.body.get("secrets", [entry.body]), f"dated {instant_words(entry.at)}"
        for place in sorted({SecretPlace.named_in(one) for one in bodies} & places):
            yield _piece(place, kinds[entry.kind], "left out", hi_at=entry.at, source=entry.place, text=text)
