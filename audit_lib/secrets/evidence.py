"""Collects what is known of each secret's age: pieces of evidence (docs/evidence.md#kinds-of-evidence)."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import CLOCK_SLACK, SAME_TIME, Copy, Observation, SecretPlace, Tenure, Timeline
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component
from audit_lib.secrets.claims import Row, claims_of, piece
from audit_lib.secrets.contracts import Evidence
from audit_lib.secrets.stores import DatedPlace

FILES = ("env file", "export")  # what was there when the file was last written (E3)
# Env files came with dotenv and the twelve-factor app. What is dated before is no write: tools that pack
# images and archives set fixed times (1970, 1980-01-01, npm's 1985-10-26, Bazel's 2010-01-01).
FIRST_ENV_FILES = datetime(2011, 1, 1, tzinfo=UTC)
_SANE = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100: what else a number may mean is no date


@dataclass(frozen=True)
class PresentValue:
    """A value as it is in the project now."""

    place: SecretPlace
    variable: str
    source: str
    component: str
    fingerprint: str
    modified_at: datetime | None  # of its file; None where it is no file


@dataclass(frozen=True)
class _Known:
    """What every secret's evidence is drawn from, by fingerprint."""

    as_of: datetime
    timeline: Timeline
    present: dict[str, list[PresentValue]]
    backups: dict[str, list[tuple[str, datetime]]]  # source, its last write
    commits: dict[str, list[Any]]  # rows of EnvHistory


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
    log_events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A frame of `Evidence`: every piece that bears on a value which is in force, bounds widened by EPS.

    What is in the project now speaks for `as_of` only if the ledger or the file's last write shows that it
    held by then; else nothing bounds its age. What is dated later is `left out`. Logs are claims alone:
    without them no bound is another.
    """
    values = list(present_values(inventory, sources))
    places = {SecretPlace.of(row): row for row in rows(inventory)}
    loaders = {place: row.loader for place, row in places.items() if row.state == "present"}
    known = _Known(
        as_of,
        Timeline(ledger, loaders),
        _grouped((seen.fingerprint, seen) for seen in values),
        _grouped(_backups(entries, sources, values, keeper)),
        _grouped((row.fingerprint, row) for row in rows(history)),
    )
    found: list[Row] = []
    for seen in values:
        tenure = list(_tenure(seen, known))
        begun = min((row["hi_at"] for row in tenure if row["role"] == "bound"), default=None)
        found += [*tenure, *_sightings(seen, known, begun), *_commits(seen, known)]
        found += _self_dated(seen, known, keeper)
    in_force = {seen.place: seen.fingerprint for seen in values}
    found += claims_of(ledger, known.timeline, log_events, in_force, places=places, as_of=as_of)
    found += _stored(dates, inventory, as_of)
    found += _later(in_force, ledger)
    frame = pd.DataFrame(found, columns=list(Evidence.columns()))
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at"]
    return Evidence.checked(frame.sort_values(order, kind="stable"))


def present_values(inventory: pd.DataFrame, sources: pd.DataFrame) -> Iterator[PresentValue]:
    """Each value of the inventory, with the last write of the file that holds it."""
    files = rows(sources[sources["kind"].isin(FILES)])
    written = {(row.source, row.environment): row.modified_at for row in files}
    for row in rows(inventory[inventory["state"] == "present"]):
        if row.fingerprint is not None:
            at = written.get((row.source, row.environment)) if row.origin in FILES else None
            place = SecretPlace.of(row)
            yield PresentValue(place, row.variable, row.source, row.component, row.fingerprint, at)


def _tenure(seen: PresentValue, known: _Known) -> Iterator[Row]:
    """E1, E2, E3, E8: since when the value is in force here; nothing where that is not shown by as_of.

    What no snapshot saw of this copy of the file bounds nothing from below: a clone's file may be older
    than what the ledger saw in another copy.
    """
    current, before, returned = _current(seen, known)
    for copy, run in current:
        yield from _of_run(seen, run, copy, "bound", before=before, returned=returned)
    written = seen.modified_at
    if written is not None:
        role = _role_of_file_time(written, before.at if before else None, returned)
        yield _of_file(
            seen, written, seen.source, role if written <= known.as_of + CLOCK_SLACK else "left out"
        )


def _current(seen: PresentValue, known: _Known) -> tuple[list[tuple[Copy, Tenure]], Observation | None, bool]:
    """The runs of the value that last, what was seen before all of them, and whether it came back.

    Writers may hold copies of one file. The value is as old as its oldest copy, so that all begin after
    the earliest of the last sights of another value, and after none if one copy has none.
    """
    copies = known.timeline.copies_of(seen.place, seen.source)
    runs = [(copy, known.timeline.runs(copy, seen.fingerprint)) for copy in copies]
    current = [(copy, tenures[-1]) for copy, tenures in runs if tenures and not tenures[-1].replaced]
    returned = any(len(tenures) > 1 and not tenures[-1].replaced for _, tenures in runs)
    return current, _last_other([run for _, run in current], seen, known), returned


def _last_other(current: list[Tenure], seen: PresentValue, known: _Known) -> Observation | None:
    """The last sight of another value before which no copy held this one; None if there is none such.

    Who only records does not look at each change, nor say at which copy. A record that may be older than
    that sight tells of a copy that changed first: all copies were seen with another value before it.
    """
    looked = [run for run in current if run.looked]
    befores = [run.absent for run in looked or current]
    earliest = None if None in befores else min(filter(None, befores), key=attrgetter("at"), default=None)
    recorded = min((run.first for run in current if not run.looked), key=attrgetter("at"), default=None)
    if not looked or earliest is None or recorded is None or earliest.surely_before(recorded):
        return earliest
    copies = known.timeline.copies_of(seen.place, seen.source)
    others = [known.timeline.last_other(copy, seen.fingerprint, recorded) for copy in copies]
    return min((one for one in others if one and not one.recorded), key=attrgetter("at"), default=None)


def _sightings(seen: PresentValue, known: _Known, begun: datetime | None) -> Iterator[Row]:
    """Where and when else the same value was seen, as far as that is earlier than its tenure's bound."""
    for row in (*_in_ledger(seen, known), *_in_files(seen, known)):
        if row["role"] in ("return", "left out") or begun is None or row["hi_at"] < begun:
            yield row


def _in_ledger(seen: PresentValue, known: _Known) -> Iterator[Row]:
    for copy in known.timeline.copies_with(seen.fingerprint):
        runs = known.timeline.runs(copy, seen.fingerprint)
        own = copy.place == seen.place and copy.source == seen.source
        for run in runs:
            # Only in one copy is it known that the value came back: another writer's went its own way.
            if not own or runs[-1].replaced:
                yield from _of_run(seen, run, copy, "sighting", before=run.absent)
            elif run.replaced:
                yield from _of_run(seen, run, copy, "return", before=run.absent)


def _in_files(seen: PresentValue, known: _Known) -> Iterator[Row]:
    for other in known.present.get(seen.fingerprint, []):
        if other.place != seen.place and other.modified_at is not None and other.modified_at <= known.as_of:
            before = _current(other, known)[1]
            yield _of_file(seen, other.modified_at, other.source, "sighting", before)
    for source, written in known.backups.get(seen.fingerprint, []):
        role = "sighting" if written <= known.as_of else "left out"
        text = f"a copy of {instant_words(written)} has it"
        yield _value_piece(seen, "E4", role, hi=written, source=source, text=text)


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
    earlier = f"; {_seen_before(before)}" if before else ""
    text = f"first seen{where} {instant_words(run.first.at)}{earlier}"
    base = {"source": run.first.place, "observed_at": run.first.at}
    yield _value_piece(seen, kind, role, lo=lo, hi=run.first.at, text=text, **base)
    written = run.modified_at
    if written is not None and FIRST_ENV_FILES <= written < run.first.at:
        files = _role_of_file_time(written, lo, returned) if role == "bound" else role
        since = None if files == "bound" else _in_file_before(before, written)
        text = f"its file{where} was last modified {instant_words(written)}, as seen then"
        text += f"; {_seen_before(since)}" if since else ""
        yield _value_piece(seen, "E3", files, lo=since.at if since else None, hi=written, text=text, **base)


def _of_file(
    seen: PresentValue, written: datetime, source: str, role: str, before: Observation | None = None
) -> Row:
    """E3: one-sided, since a copy or a touch only moves a file's time later.

    `before` is another value that was seen in another place's file before this one.
    """
    since = _in_file_before(before, written)
    text = f"last modified {instant_words(written)}, so the value was in place by then"
    text += f"; {_seen_before(since)}" if since else ""
    if written < FIRST_ENV_FILES:
        role = "claim"
        text = f"its file is dated {instant_words(written)}, a time that tools for images and archives set"
    return _value_piece(
        seen, "E3", role, lo=since.at if since else None, hi=written, source=source, text=text
    )


def _role_of_file_time(written: datetime, lo: datetime | None, returned: bool) -> str:
    """What a file's time is, beside the last sight of another value in the file.

    A file that is older than that was restored or moved in. The value was there before, if it was seen
    so; else, beyond what clocks err, the two exclude each other.
    """
    if lo is None or written > lo or not (returned or written + SAME_TIME > lo):
        return "bound"
    return "sighting"


def _in_file_before(before: Observation | None, written: datetime) -> Observation | None:
    """The sight of another value in a file, if the file was written after it."""
    return before if before and before.at < written else None


def _seen_before(before: Observation) -> str:
    what = "no value" if before.fingerprint is None else "another value"
    return f"{what} was seen there {instant_words(before.at)} ({before.place})"


def _commits(seen: PresentValue, known: _Known) -> Iterator[Row]:
    """E5: a claim, since whoever may commit chooses the date of a commit."""
    for row in known.commits.get(seen.fingerprint, []):
        text = f"commit {row.commit[:12]}, dated {instant_words(row.committed_at)}, added it to {row.file}"
        role = "claim" if row.committed_at <= known.as_of else "left out"
        source = f"{row.file} {row.commit[:12]}"
        yield _value_piece(seen, "E5", role, hi=row.committed_at, clock="value", source=source, text=text)


def _self_dated(seen: PresentValue, known: _Known, keeper: Keeper) -> Iterator[Row]:
    """E19: a JWT-like value says itself when it was issued. It dates the value, not its adoption."""
    if seen.fingerprint not in keeper:
        return
    seconds = keeper.ask(seen.fingerprint, _issued)
    if seconds:
        issued = datetime.fromtimestamp(seconds, UTC)
        role = "sighting" if issued <= known.as_of else "left out"
        text = f"the value itself contains its date of issue, {instant_words(issued)}"
        facts = {"source": seen.source, "observed_at": known.as_of, "text": text}
        yield _value_piece(seen, "E19", role, lo=issued, hi=issued, **facts)


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


def _backups(
    entries: pd.DataFrame, sources: pd.DataFrame, values: Iterable[PresentValue], keeper: Keeper
) -> Iterator[tuple[str, tuple[str, datetime]]]:
    """E4: fingerprint, copy and its last write, for each value in a copy; of a URL its password too."""
    copies = rows(sources[sources["kind"] == "backup"])
    written = {row.source: row.modified_at for row in copies if row.modified_at is not None}
    with_password = {seen.variable for seen in values if seen.component == "password"}
    for row in rows(entries[(entries["kind"] == "backup") & entries["fingerprint"].notna()]):
        value = row.fingerprint
        if row.name in with_password and value in keeper:
            value = keeper.part(value, component("password"))
        if row.source in written and value is not None:
            yield value, (row.source, written[row.source])


def _stored(dates: Iterable[DatedPlace], inventory: pd.DataFrame, as_of: datetime) -> Iterator[Row]:
    """E13, E14, E15: what a store says of the value that a place has, also if nobody supplied the value."""
    held = [row for row in rows(inventory) if row.state in ("present", "not supplied")]
    names = {(row.variable, row.environment, row.service): row.secret for row in held}
    for one in dates:
        kind, lo, hi = one.date.kind, one.date.lo_at, one.date.hi_at
        wanted = names.get((one.date.secret, one.environment, one.service), one.date.secret)
        role = ("claim" if kind == "E15" else "bound") if hi <= as_of + timedelta(minutes=5) else "left out"
        text = f"{one.date.text} {instant_words(hi)}"
        for row in held:
            if (row.environment, row.service) == (one.environment, one.service) and wanted in (
                "",
                row.secret,
            ):
                yield piece(SecretPlace.of(row), kind, role, lo=lo, hi=hi, source=one.source, text=text)


def _later(wanted: Iterable[SecretPlace], ledger: Ledger) -> Iterator[Row]:
    """One row for each ledger entry dated after as_of that bears on a place; only counted."""
    places = set(wanted)
    for entry in ledger.later:
        bodies = entry.body["secrets"] if entry.kind == "snapshot" else [entry.body]
        if entry.kind in ("snapshot", "rotation", "creation"):
            kind, text = "E2" if entry.kind == "snapshot" else "E8", f"dated {instant_words(entry.at)}"
            for place in sorted({SecretPlace.named_in(one) for one in bodies} & places):
                yield piece(place, kind, "left out", hi=entry.at, source=entry.place, text=text)


def _value_piece(seen: PresentValue, kind: str, role: str, **facts: Any) -> Row:
    """A `piece` about the value that a place has."""
    return piece(seen.place, kind, role, fingerprint=seen.fingerprint, **facts)


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
