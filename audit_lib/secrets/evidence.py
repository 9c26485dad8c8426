"""Collects what is known of each secret's age: pieces of evidence (docs/evidence.md#kinds-of-evidence)."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import (
    CLOCK_SLACK,
    SAME_TIME,
    Copy,
    Observation,
    SecretPlace,
    Tenure,
    Timeline,
    loader_in,
    read_alike,
)
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component
from audit_lib.secrets.contracts import Evidence
from audit_lib.secrets.stores import DatedPlace

Row = dict[str, Any]  # of Evidence
DAY = timedelta(days=1)
# A date alone can be that of any zone: from UTC+14 to UTC-12 (docs/evidence.md#claims).
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
FILES = ("env file", "export")  # what was there when the file was last written (E3)
# Env files came with dotenv and the twelve-factor app. What is dated before is no write: tools that pack
# images and archives set fixed times (1970, 1980-01-01, npm's 1985-10-26, Bazel's 2010-01-01).
FIRST_ENV_FILES = datetime(2011, 1, 1, tzinfo=UTC)
_SANE = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100: what else a number may mean is no date
# A provider that dates a value keeps its servers' clocks by NTP; every other clock may be off by CLOCK_SLACK.
_PROVIDER_SLACK = timedelta(minutes=5)
_PROVIDERS = ("E13", "E14", "E19")
# docs/evidence.md#combining-evidence: own chain > provider > record with fingerprint > platform's "updated
# at" > file time > a human's claim.
_CONFIDENCE = {
    "E1": 8, "E2": 8, "E19": 7, "E13": 7, "E8": 5, "E9": 5, "E14": 4, "E3": 3, "E4": 3, "E11": 1, "E10": 1,
    "E5": 1,
}  # fmt: skip


@dataclass(frozen=True)
class PresentValue:
    """A value as it is in the project now."""

    place: SecretPlace
    variable: str
    source: str
    component: str
    loader: str
    fingerprint: str
    modified_at: datetime | None  # of its file; None where it is no file

    def piece(self, kind: str, role: str, **facts: Any) -> Row:
        """A `piece` of evidence about the value."""
        return piece(self.place, kind, role, fingerprint=self.fingerprint, **facts)


def piece(
    place: SecretPlace, kind: str, role: str, *, lo: datetime | None = None, hi: datetime | None, **rest: Any
) -> Row:
    """A row of `Evidence`, with both bounds widened by the clock uncertainty of its kind.

    It was observed at its upper bound, unless `observed_at` says when.
    """
    slack = _PROVIDER_SLACK if kind in _PROVIDERS else CLOCK_SLACK
    return {
        **place._asdict(),
        "kind": kind,
        "role": role,
        "lo_at": None if lo is None else lo - slack,
        "hi_at": None if hi is None else hi + slack,
        "confidence": _CONFIDENCE[kind],
        "fingerprint": None,
        "observed_at": hi,
        **rest,
    }


def collect_evidence(
    inventory: pd.DataFrame,
    entries: pd.DataFrame,
    sources: pd.DataFrame,
    ledger: Ledger,
    *,
    history: pd.DataFrame,
    as_of: datetime,
    keeper: Keeper,
    dates: Iterable[DatedPlace] = (),
) -> pd.DataFrame:
    """`Evidence`: every piece that bears on a value which is in force, bounds widened by what clocks err.

    What is in the project now speaks for `as_of` only if the ledger or the file's last write shows that it
    held by then; else nothing bounds its age. What is dated later is `left out`.
    """
    values = {seen.place: seen for seen in _present_values(inventory, sources)}
    timeline, backups = Timeline(ledger), _backups(entries, sources, values.values(), keeper)
    alike: dict[str, list[PresentValue]] = defaultdict(list)
    for seen in values.values():
        alike[seen.fingerprint].append(seen)
    found: list[Row] = []
    for seen in values.values():
        tenure = list(_tenure(seen, timeline, as_of))
        begun = min((row["hi_at"] for row in tenure if row["role"] == "bound"), default=None)
        earlier = [*_in_ledger(seen, timeline), *_in_files(seen, alike[seen.fingerprint], timeline, as_of)]
        for source, written in backups[seen.fingerprint]:  # E4
            role, text = _role_at(written, as_of), f"a copy of {instant_words(written)} has it"
            earlier.append(seen.piece("E4", role, hi=written, source=source, text=text))
        # Where else the value was seen counts as far as that is earlier than its tenure's bound.
        always = ("return", "left out")
        found += tenure
        found += [row for row in earlier if row["role"] in always or not begun or row["hi_at"] < begun]
        found += _self_dated(seen, keeper, as_of)
    found += _commits(alike, history, as_of)
    found += _records(ledger, timeline, inventory, values, as_of)
    found += _stored(dates, inventory, as_of)
    found += _later(values, ledger)
    frame = pd.DataFrame(found, columns=list(Evidence.columns()))
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at"]
    return Evidence.checked(frame.sort_values(order, kind="stable"))


def _present_values(inventory: pd.DataFrame, sources: pd.DataFrame) -> Iterator[PresentValue]:
    """Each value of the inventory, with the last write of the file that holds it."""
    files = rows(sources[sources["kind"].isin(FILES)])
    written = {(row.source, row.environment): row.modified_at for row in files}
    for row in rows(inventory[inventory["state"].eq("present") & inventory["fingerprint"].notna()]):
        at = written.get((row.source, row.environment)) if row.origin in FILES else None
        facts = (row.variable, row.source, row.component, row.loader, row.fingerprint)
        yield PresentValue(SecretPlace.of(row), *facts, at)


# ---- The value in its place.


def _tenure(seen: PresentValue, timeline: Timeline, as_of: datetime) -> Iterator[Row]:
    """E1, E2, E3, E8: since when the value is in force here; nothing where that is not shown by as_of.

    What no snapshot saw of this copy of the file bounds nothing from below: a clone's file may be older
    than what the ledger saw in another copy.
    """
    current, before, returned = _current(seen, timeline)
    for copy, run in current:
        yield from _of_run(seen, run, copy, "bound", before=before, returned=returned)
    if (written := seen.modified_at) is not None:
        role = _role_of_file_time(written, before.at if before else None, returned)
        yield _of_file(seen, written, seen.source, role if written <= as_of + CLOCK_SLACK else "left out")


def _current(
    seen: PresentValue, timeline: Timeline
) -> tuple[list[tuple[Copy, Tenure]], Observation | None, bool]:
    """The runs of the value that last, what was seen before all of them, and whether it came back.

    Writers may hold copies of one file. The value is as old as its oldest copy, so that all begin after
    the earliest of the last looks at another value, and after none if one copy has none.
    """
    runs = {copy: found for copy, found in timeline.runs[seen.fingerprint].items() if _is_own(copy, seen)}
    current = [(copy, found[-1]) for copy, found in runs.items() if not found[-1].replaced]
    returned = any(len(found) > 1 and not found[-1].replaced for found in runs.values())
    return current, _last_other([run for _, run in current]), returned


def _is_own(copy: Copy, seen: PresentValue) -> bool:
    return copy.place == seen.place and copy.source == seen.source


def _last_other(current: list[Tenure]) -> Observation | None:
    """The last look at another value before which no copy held this one; None if there is none such.

    Who only records does not look at each change, nor say at which copy: a record that may be older than
    that look tells of a copy that changed first.
    """
    looked = [run for run in current if run.looked]
    befores = [run.absent for run in looked or current]
    if not befores or None in befores:
        return None
    earliest = min(filter(None, befores), key=attrgetter("at"))
    records = [run.first for run in current if not run.looked] if looked else []
    return earliest if all(earliest.surely_before(record) for record in records) else None


def _of_run(
    seen: PresentValue,
    run: Tenure,
    copy: Copy,
    role: str,
    *,
    before: Observation | None,
    returned: bool = False,
) -> Iterator[Row]:
    """E1, E2 or E8 for a run of the value, and E3 for the last write of its file, as recorded then.

    E2 may have a lower bound: the file held no value before. E1 and E8 with one were preceded by another.
    """
    lo = before.at if before else None
    rotated = before is not None and before.fingerprint is not None
    kind = "E8" if run.first.recorded else "E1" if rotated else "E2"
    where = "" if copy.place == seen.place else f" as {copy.place}"
    text = f"first seen{where} {instant_words(run.first.at)}{_seen_before(before)}"
    base = {"source": run.first.place, "observed_at": run.first.at}
    yield seen.piece(kind, role, lo=lo, hi=run.first.at, text=text, **base)
    written = run.modified_at
    if written is not None and FIRST_ENV_FILES <= written < run.first.at:
        files = _role_of_file_time(written, lo, returned) if role == "bound" else role
        since = None if files == "bound" else _in_file_before(before, written)
        text = (
            f"its file{where} was last modified {instant_words(written)}, as seen then{_seen_before(since)}"
        )
        yield seen.piece("E3", files, lo=since.at if since else None, hi=written, text=text, **base)


def _of_file(
    seen: PresentValue, written: datetime, source: str, role: str, before: Observation | None = None
) -> Row:
    """E3: one-sided, since a copy or a touch only moves a file's time later.

    `before` is another value that was seen in another place's file before this one.
    """
    since, day = _in_file_before(before, written), instant_words(written)
    text = f"last modified {day}, so the value was in place by then{_seen_before(since)}"
    if written < FIRST_ENV_FILES:
        role, text = "claim", f"its file is dated {day}, a time that tools for images and archives set"
    return seen.piece("E3", role, lo=since.at if since else None, hi=written, source=source, text=text)


def _role_of_file_time(written: datetime, lo: datetime | None, returned: bool) -> str:
    """What a file's time is, beside the last look at another value in the file.

    A file that is older than that was restored or moved in. The value was there before, if it was seen
    so; else, beyond what clocks err, the two exclude each other.
    """
    if lo is None or written > lo or not (returned or written + SAME_TIME > lo):
        return "bound"
    return "sighting"


def _in_file_before(before: Observation | None, written: datetime) -> Observation | None:
    """The look at another value in a file, if the file was written after it."""
    return before if before and before.at < written else None


def _seen_before(before: Observation | None) -> str:
    what = "no value" if before and before.fingerprint is None else "another value"
    return f"; {what} was seen there {instant_words(before.at)} ({before.place})" if before else ""


# ---- The value elsewhere, or before.


def _role_at(at: datetime, as_of: datetime) -> str:
    return "sighting" if at <= as_of else "left out"


def _in_ledger(seen: PresentValue, timeline: Timeline) -> Iterator[Row]:
    for copy, runs in timeline.runs[seen.fingerprint].items():
        for run in runs:
            # Only in one copy is it known that the value came back: another writer's went its own way.
            if not _is_own(copy, seen) or runs[-1].replaced:
                yield from _of_run(seen, run, copy, "sighting", before=run.absent)
            elif run.replaced:
                yield from _of_run(seen, run, copy, "return", before=run.absent)


def _in_files(
    seen: PresentValue, others: Iterable[PresentValue], timeline: Timeline, as_of: datetime
) -> Iterator[Row]:
    for other in others:
        if other.place != seen.place and other.modified_at is not None and other.modified_at <= as_of:
            before = _current(other, timeline)[1]
            yield _of_file(seen, other.modified_at, other.source, "sighting", before)


def _backups(
    entries: pd.DataFrame, sources: pd.DataFrame, values: Iterable[PresentValue], keeper: Keeper
) -> dict[str, list[tuple[str, datetime]]]:
    """Each value in a copy, with the copy and its last write; of a URL its password too."""
    copies = rows(sources[sources["kind"].eq("backup") & sources["modified_at"].notna()])
    written = {row.source: row.modified_at for row in copies}
    with_password = {seen.variable for seen in values if seen.component == "password"}
    found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for row in rows(entries[entries["source"].isin(written) & entries["fingerprint"].notna()]):
        whole = row.name not in with_password or row.fingerprint not in keeper
        value = row.fingerprint if whole else keeper.part(row.fingerprint, component("password"))
        if value is not None:
            found[value].append((row.source, written[row.source]))
    return found


def _self_dated(seen: PresentValue, keeper: Keeper, as_of: datetime) -> Iterator[Row]:
    """E19: a JWT-like value says itself when it was issued. It dates the value, not its adoption."""
    seconds = keeper.ask(seen.fingerprint, _issued) if seen.fingerprint in keeper else 0.0
    if seconds:
        issued = datetime.fromtimestamp(seconds, UTC)
        text = f"the value itself contains its date of issue, {instant_words(issued)}"
        facts = {"source": seen.source, "observed_at": as_of, "text": text}
        yield seen.piece("E19", _role_at(issued, as_of), lo=issued, hi=issued, **facts)


def _issued(value: str) -> float:
    """`iat`, else `nbf`, of a JWT-like value; 0 if it says nothing."""
    parts = value.split(".")
    if len(parts) != 3 or len(value) > 16_384:
        return 0.0
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        seconds = float(claims.get("iat", claims.get("nbf", 0.0)))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return 0.0
    return seconds if _SANE[0] <= seconds <= _SANE[1] else 0.0


def _commits(
    values: Mapping[str, list[PresentValue]], history: pd.DataFrame, as_of: datetime
) -> Iterator[Row]:
    """E5: a claim, since whoever may commit chooses the date of a commit."""
    for row in rows(history[history["fingerprint"].isin(values)]):
        text = f"commit {row.commit[:12]}, dated {instant_words(row.committed_at)}, added it to {row.file}"
        facts = {"hi": row.committed_at, "source": f"{row.file} {row.commit[:12]}", "text": text}
        for seen in values[row.fingerprint]:
            yield seen.piece("E5", "claim" if row.committed_at <= as_of else "left out", **facts)


# ---- What people and stores say.


def claim_interval(entry: Entry) -> tuple[datetime | None, datetime]:
    """The instants between which a recorded rotation is claimed to lie; None: at any time before.

    A record without a date claims that the rotation was done by now, and says not since when.
    """
    at = parse_instant(entry.body["claimed_at"], entry.place)
    if not entry.body["day_only"]:
        return (None, at) if at == entry.at else (at, at + DAY)
    midnight = at.replace(hour=0, minute=0, second=0)
    return midnight - EAST, midnight + DAY + WEST


def seen_already(ledger: Ledger, place: SecretPlace, source: str, fingerprint: str) -> Observation | None:
    """The last look at a value in its place, if no change to it awaits a record; None if one does.

    Recorded without a date, a rotation to such a value would be one that nothing shows.
    """
    entries = ledger.of_kind("rotation")
    recorded = [entry.at for entry in entries if SecretPlace.named_in(entry.body) == place]
    newest: Observation | None = None
    for copy, runs in Timeline(ledger).runs[fingerprint].items():
        if copy.place == place and copy.source == source and not runs[-1].replaced:
            before, newest = runs[-1].absent, runs[-1].last
            if before and before.fingerprint is not None and not any(at >= before.at for at in recorded):
                return None
    return newest


def _records(
    ledger: Ledger,
    timeline: Timeline,
    inventory: pd.DataFrame,
    values: Mapping[SecretPlace, PresentValue],
    as_of: datetime,
) -> Iterator[Row]:
    """E8 (recorded with the value in force), E9 (with another), E10 (with none), E11 (of its creation)."""
    places = {SecretPlace.of(row): row for row in rows(inventory)}
    for entry in ledger.of_kind("rotation", "creation"):
        place = SecretPlace.named_in(entry.body)
        if place in places and entry.kind == "rotation":
            yield _recorded(entry, place, timeline, values.get(place), as_of)
        elif place in values:
            yield from _created(entry, values[place], timeline)


def _recorded(
    entry: Entry, place: SecretPlace, timeline: Timeline, value: PresentValue | None, as_of: datetime
) -> Row:
    lo, hi = claim_interval(entry)
    mark, links = entry.body["fingerprint"], timeline.links
    same = None if mark is None or not value else links.same(links.now(mark, entry.key_id), value.fingerprint)
    if same is False and value and not read_alike(value.loader, loader_in(entry.body)):
        same = None
    kind = "E8" if same else "E9" if same is False else "E10"
    what = {"E8": "with the current value", "E9": "with another value", "E10": "without its value"}[kind]
    found = timeline.runs[value.fingerprint] if value else {}
    runs = [found.get(copy, []) for copy in timeline.copies if value and copy.place == place]
    if kind == "E10" and not (value and all(_seen_since(hi, one) for one in runs)):
        lo = None  # which copy was meant is not said: one that no snapshot saw since may have been rotated
    changed = any(run.absent and run.absent.fingerprint for one in runs for run in one)
    if kind == "E8" and lo is None and not changed:
        lo = hi  # no change was seen that it could tell of: it claims one just now
    when = f"done by {instant_words(hi)}" if lo is None else f"on or after {instant_words(lo)}"
    role = "claim" if (lo or hi) <= as_of else "left out"
    facts = {"source": entry.place, "observed_at": entry.at, "text": f"a rotation {when} was recorded {what}"}
    return piece(place, kind, role, lo=lo, hi=None if kind == "E9" else hi, **facts)


def _seen_since(at: datetime, runs: list[Tenure]) -> bool:
    """Whether a copy was seen with a value after an instant, and none since."""
    return bool(runs) and not runs[-1].replaced and runs[-1].last.at > at + CLOCK_SLACK


def _created(entry: Entry, seen: PresentValue, timeline: Timeline) -> Iterator[Row]:
    """E11: a value cannot be in force before its provider made it, and is as old as that.

    It bounds the age as a claim: who says so, and by what, stands beside it.
    """
    links, body = timeline.links, entry.body
    if links.same(links.now(body["fingerprint"], entry.key_id), seen.fingerprint) is not True:
        return
    at = parse_instant(body["claimed_at"], entry.place)
    by, day = (at + DAY, f"{at:%Y-%m-%d}") if body["day_only"] else (at, instant_words(at))
    text = f"{body['by']} recorded that it was created on {day}, by {body['witness']}"
    facts = {"source": entry.place, "observed_at": entry.at, "text": text}
    yield seen.piece("E11", "bound", lo=at, hi=None, **facts)
    yield seen.piece("E11", "sighting", lo=at, hi=by, **facts)


def _stored(dates: Iterable[DatedPlace], inventory: pd.DataFrame, as_of: datetime) -> Iterator[Row]:
    """E13, E14: what a store says of the value that a place has, also if nobody supplied the value."""
    held = list(rows(inventory[inventory["state"].isin(("present", "not supplied"))]))
    for one in dates:
        date, place = one.date, (one.environment, one.service)
        role = "bound" if date.hi_at <= as_of + _PROVIDER_SLACK else "left out"
        facts = {"source": one.source, "text": f"{date.text} {instant_words(date.hi_at)}"}
        for row in held:
            if place == (row.environment, row.service) and date.secret in (row.secret, row.variable):
                yield piece(SecretPlace.of(row), date.kind, role, lo=date.lo_at, hi=date.hi_at, **facts)


def _later(wanted: Iterable[SecretPlace], ledger: Ledger) -> Iterator[Row]:
    """One row for each ledger entry dated after as_of that bears on a place; only counted."""
    places = set(wanted)
    for entry in ledger.later:
        bodies = entry.body["secrets"] if entry.kind == "snapshot" else [entry.body]
        if entry.kind in ("snapshot", "rotation", "creation"):
            kind, text = "E2" if entry.kind == "snapshot" else "E8", f"dated {instant_words(entry.at)}"
            for place in sorted({SecretPlace.named_in(one) for one in bodies} & places):
                yield piece(place, kind, "left out", hi=entry.at, source=entry.place, text=text)
