"""The runs of a value that last, and where else it was seen: earlier, elsewhere, in copies, in commits."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.value_questions import component
from audit_lib.secrets.evidence_rows import (
    EvidenceInputs,
    PresentValue,
    Row,
    of_commit,
    of_file_time,
    of_stint,
    value_piece,
)
from audit_lib.secrets.ledger_observations import Observation, ObservedSeries, Stint, surely_after

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE = -1.0
_SANE = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100: what else a number may mean is no date


def current_runs(
    seen: PresentValue, known: EvidenceInputs
) -> tuple[list[tuple[ObservedSeries, Stint]], bool]:
    """The runs of the value that last, and whether it was in force in one of those chains before.

    Writers may hold copies of one file. The value is as old as its oldest copy, so that all begin after
    the earliest of the last sights of another value, and after none if one copy has none.
    """
    chains = known.observations.of_place(seen.place, seen.source)
    runs = [(chain, known.observations.stints(chain, seen.fingerprint)) for chain in chains]
    current = [(chain, stints[-1]) for chain, stints in runs if stints and stints[-1].last]
    before = _last_other([stint for _, stint in current], seen, known)
    returned = any(len(stints) > 1 and stints[-1].last for _, stints in runs)
    return [(chain, replace(stint, before=before)) for chain, stint in current], returned


def sight_before(seen: PresentValue, known: EvidenceInputs) -> Observation | None:
    """The last sight of another value, or of none, in the place before its value; None without any."""
    return next((stint.before for _, stint in current_runs(seen, known)[0]), None)


def _last_other(current: list[Stint], seen: PresentValue, known: EvidenceInputs) -> Observation | None:
    """The last sight of another value before which no copy held this one; None if there is none such.

    Who only records does not look at each change, nor say at which copy. A record that may be older than
    that sight tells of a copy that changed first: all copies were seen with another value before it.
    """
    looked = [stint for stint in current if stint.looked]
    earliest = _earliest(looked or current)
    told = min((stint.first for stint in current if not stint.looked), key=_at, default=None)
    if not looked or earliest is None or told is None or surely_after(earliest, told):
        return earliest
    chains = known.observations.of_place(seen.place, seen.source)
    others = [known.observations.last_other(chain, seen.fingerprint, told) for chain in chains]
    return min((one for one in others if one and not one.recorded), key=_at, default=None)


def _at(one: Observation) -> datetime:
    return one.at


def _earliest(stints: list[Stint]) -> Observation | None:
    befores = [stint.before for stint in stints if stint.before is not None]
    return min(befores, key=_at, default=None) if len(befores) == len(stints) else None


def issued_at(keeper: Keeper, fingerprint: str) -> datetime | None:
    """When a JWT-like value says that it was issued (`iat`, else `nbf`), UTC; None if it says nothing."""
    seconds = keeper.ask(fingerprint, _issued)
    return None if seconds == _NONE else _EPOCH + timedelta(seconds=seconds)


def _issued(value: str) -> float:
    parts = value.split(".")
    if len(parts) != 3 or len(value) > 16_384:
        return _NONE
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        seconds = float(claims.get("iat", claims.get("nbf", _NONE)))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return _NONE
    return seconds if _SANE[0] <= seconds <= _SANE[1] else _NONE


def earliest(tenure: Iterable[Row]) -> datetime | None:
    """By when the value was in force in its place, by the earliest of the bounds."""
    return min((row["hi_at"] for row in tenure if row["role"] == "bound"), default=None)


def sightings(seen: PresentValue, known: EvidenceInputs, before: datetime | None) -> Iterator[Row]:
    """Where and when else the same value was seen, as far as that is earlier than `before`."""
    for row in (*_in_ledger(seen, known), *_in_files(seen, known), *_in_commits(seen, known)):
        if row["role"] in ("return", "left out") or before is None or row["hi_at"] < before:
            yield row


def _in_ledger(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    for chain in known.observations.of_value(seen.fingerprint):
        stints = known.observations.stints(chain, seen.fingerprint)
        here = chain.place == seen.place and chain.source == seen.source
        for stint in stints:
            # Only in one chain is it known that the value came back: another writer's copy went its own way.
            if not here or not stints[-1].last:
                yield from of_stint(seen, stint, chain, "sighting")
            elif not stint.last:
                yield from of_stint(seen, stint, chain, "return")


def _in_files(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    for other in known.present.get(seen.fingerprint, []):
        if other.place != seen.place and other.modified_at is not None and other.modified_at <= known.as_of:
            before = sight_before(other, known)
            yield of_file_time(seen, other.modified_at, other.source, "sighting", before)
    for source, written in known.backups.get(seen.fingerprint, []):
        role = "sighting" if written <= known.as_of else "left out"
        text = f"a copy of {instant_words(written)} has it"
        yield value_piece(seen, "E4", role, hi=written, source=source, text=text)


def _in_commits(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    for row in known.commits.get(seen.fingerprint, []):
        is_source = row["file"] == seen.source and row["name"] == seen.variable
        if not (is_source and row["on_head"] and row["at_head"]):
            yield of_commit(seen, row, "sighting" if row["committed_at"] <= known.as_of else "left out")


def self_dated(seen: PresentValue, known: EvidenceInputs, keeper: Keeper) -> Iterator[Row]:
    """E19: a value that says itself when it was issued. It dates the value, not its adoption."""
    if seen.fingerprint not in keeper:
        return
    issued = issued_at(keeper, seen.fingerprint)
    if issued is not None:
        role = "sighting" if issued <= known.as_of else "left out"
        text = f"the value itself contains its date of issue, {instant_words(issued)}"
        told = {"source": seen.source, "observed_at": known.as_of, "text": text}
        yield value_piece(seen, "E19", role, lo=issued, hi=issued, **told)


def backups(
    entries: pd.DataFrame, sources: pd.DataFrame, values: Iterable[PresentValue], keeper: Keeper
) -> Iterator[tuple[str, tuple[str, datetime]]]:
    """E4: fingerprint, copy and its last write, for each value in a copy; of a URL its password too."""
    copies = rows(sources[sources["kind"] == "backup"])
    written = {row.source: row.modified_at for row in copies if row.modified_at is not None}
    with_password = {seen.variable for seen in values if seen.component == "password"}
    for row in rows(entries[entries["kind"] == "backup"]):
        if row.fingerprint is None or row.source not in written:
            continue
        value = row.fingerprint
        if row.name in with_password and value in keeper:
            value = keeper.part(value, component("password"))
        if value is not None:
            yield value, (row.source, written[row.source])
