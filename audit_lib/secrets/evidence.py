"""Collects what is known of each secret's age: pieces of evidence (docs/evidence.md#kinds-of-evidence)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Ledger
from audit_lib.ledger.tenures import SecretPlace
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.age_interval import EPS
from audit_lib.secrets.contracts import Evidence
from audit_lib.secrets.evidence_rows import (
    EvidenceInputs,
    PresentValue,
    Row,
    of_commit,
    of_file_time,
    of_stint,
    piece,
    role_of_file_time,
)
from audit_lib.secrets.ledger_observations import Observations
from audit_lib.secrets.rotation_claims import claims_of, effective_of
from audit_lib.secrets.seen_elsewhere import backups, current_runs, earliest, self_dated, sightings
from audit_lib.secrets.store_dates import DatedPlace

FILES = ("env file", "export")  # what was there when the file was last written (E3)


def collect_evidence(
    inventory: pd.DataFrame,
    entries: pd.DataFrame,
    sources: pd.DataFrame,
    ledger: Ledger,
    *,
    log_events: pd.DataFrame,
    history: pd.DataFrame,
    dates: Iterable[DatedPlace] = (),
    as_of: datetime,
    keeper: Keeper,
) -> pd.DataFrame:
    """A frame of `Evidence`: every piece that bears on a value which is in force, bounds widened by EPS.

    What is in the project now speaks for `as_of` only if the ledger, the file's last write or
    a commit shows that it held by then; else nothing bounds its age. What is dated later is `left out`.
    """
    values = list(present_values(inventory, sources))
    known = EvidenceInputs(
        as_of=as_of,
        observations=Observations(ledger, _loaders(inventory)),
        present=_grouped((seen.fingerprint, seen) for seen in values),
        backups=_grouped(backups(entries, sources, values, keeper)),
        commits=_grouped((row.fingerprint, row._asdict()) for row in rows(history)),
    )
    found: list[Row] = []
    for seen in values:
        tenure = list(_tenure(seen, known))
        found += tenure + list(sightings(seen, known, earliest(tenure)))
        found += self_dated(seen, known, keeper)
    places = {SecretPlace.of(row) for row in rows(inventory)}
    in_force = {seen.place: seen.fingerprint for seen in values}
    found += claims_of(ledger, known.observations, log_events, in_force, places=places, as_of=as_of)
    found += effective_of(inventory, log_events, as_of)
    found += _stored(dates, inventory, as_of)
    found += _later(values, ledger)
    frame = pd.DataFrame(found, columns=list(Evidence.columns()))
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at"]
    return Evidence.checked(frame.sort_values(order, kind="stable"))


def _loaders(inventory: pd.DataFrame) -> dict[SecretPlace, str]:
    present = rows(inventory[inventory["state"] == "present"])
    return {SecretPlace.of(row): row.loader for row in present}


def present_values(inventory: pd.DataFrame, sources: pd.DataFrame) -> Iterator[PresentValue]:
    """Each value of the inventory, with the last write of the file that holds it."""
    files = rows(sources[sources["kind"].isin(FILES)])
    written = {(row.source, row.environment): row.modified_at for row in files}
    for row in rows(inventory[inventory["state"] == "present"]):
        if row.fingerprint is not None:
            place = SecretPlace.of(row)
            at = written.get((row.source, row.environment)) if row.origin in FILES else None
            yield PresentValue(place, row.variable, row.source, row.component, row.fingerprint, at)


def _tenure(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    """E1, E2, E3, E5, E8: since when the value is in force here; nothing where that is not shown by as_of.

    What no snapshot saw of this copy of the file bounds nothing from below: a clone's file may be older
    than what the ledger saw in another copy.
    """
    current, returned = current_runs(seen, known)
    lo = next((stint.before.at for _, stint in current if stint.before), None)
    for chain, stint in current:
        yield from of_stint(seen, stint, chain, "bound", returned)
    written = seen.modified_at
    if written is not None:
        on_time = written <= known.as_of + EPS["E3"]
        role = role_of_file_time(written, lo, returned) if on_time else "left out"
        yield of_file_time(seen, written, seen.source, role)
    yield from _committed(seen, known, lo)


def _committed(seen: PresentValue, known: EvidenceInputs, lo: datetime | None) -> Iterator[Row]:
    """E5: only where the committed file is the environment's source and HEAD holds the value.

    A commit older than the last sight of another value shows that the value is older than its tenure.
    """
    for row in known.commits.get(seen.fingerprint, []):
        own = row["file"] == seen.source and row["name"] == seen.variable
        if own and row["on_head"] and row["at_head"]:
            at = row["committed_at"]
            role = "bound" if lo is None or at > lo else "sighting"
            yield of_commit(seen, row, role if at <= known.as_of else "left out")


def _stored(dates: Iterable[DatedPlace], inventory: pd.DataFrame, as_of: datetime) -> Iterator[Row]:
    """E13, E14, E15: what a store says of the value that a place has, also if nobody supplied the value."""
    held = inventory[inventory["state"].isin(("present", "not supplied"))]
    homes = [SecretPlace.of(row) for row in rows(held)]
    names = {(row.variable, row.environment, row.service): row.secret for row in rows(held)}
    for one in dates:
        kind, lo, hi = one.date.kind, one.date.lo_at, one.date.hi_at
        wanted = names.get((one.date.secret, one.environment, one.service), one.date.secret)
        role = "claim" if kind == "E15" else "bound"
        role, text = role if hi <= as_of + EPS[kind] else "left out", f"{one.date.text} {instant_words(hi)}"
        for home in homes:
            if home[1:] == (one.environment, one.service) and wanted in ("", home.secret):
                yield piece(home, kind, role, lo=lo, hi=hi, source=one.source, text=text)


def _later(values: Iterable[PresentValue], ledger: Ledger) -> Iterator[Row]:
    """One row for each ledger entry dated after as_of that bears on a place; only counted."""
    wanted = {seen.place for seen in values}
    for entry in ledger.later:
        if entry.kind not in ("snapshot", "rotation"):
            continue
        kind, bodies = ("E2", entry.body["secrets"]) if entry.kind == "snapshot" else ("E8", [entry.body])
        text = f"dated {instant_words(entry.at)}"
        for place in sorted({SecretPlace.named_in(one) for one in bodies}):
            if place in wanted:
                yield piece(place, kind, "left out", hi=entry.at, source=entry.place, text=text)


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
