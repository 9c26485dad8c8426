"""Collects what is known of each secret's age: pieces of evidence (docs/evidence.md#kinds-of-evidence)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Evidence, rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Ledger
from audit_lib.ledger.secret_place import SecretPlace
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.age_interval import EPS
from audit_lib.secrets.evidence_rows import (
    EvidenceInputs,
    PresentValue,
    Row,
    of_commit,
    of_file_time,
    of_stint,
    piece,
)
from audit_lib.secrets.ledger_observations import Observations
from audit_lib.secrets.rotation_claims import claims_of, effective_of
from audit_lib.secrets.seen_elsewhere import backups, earliest, self_dated, sightings

FILES = ("env file", "export")  # what was there when the file was last written (E3)


def collect_evidence(
    inventory: pd.DataFrame,
    entries: pd.DataFrame,
    sources: pd.DataFrame,
    ledger: Ledger,
    *,
    log_events: pd.DataFrame,
    history: pd.DataFrame,
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
        observations=Observations(ledger),
        present=_grouped((seen.fingerprint, seen) for seen in values),
        backups=_grouped(backups(entries, sources, values, keeper)),
        commits=_grouped((row.fingerprint, row._asdict()) for row in rows(history)),
    )
    found: list[Row] = []
    for seen in values:
        tenure = list(_tenure(seen, known))
        found += tenure + list(sightings(seen, known, earliest(tenure)))
        found += self_dated(seen, known, keeper)
    places = {SecretPlace(row.secret, row.environment, row.service) for row in rows(inventory)}
    found += claims_of(ledger, log_events, {seen.place: seen.fingerprint for seen in values}, places, as_of)
    found += effective_of(inventory, log_events, as_of)
    found += _later(values, ledger)
    frame = pd.DataFrame(found, columns=list(Evidence.to_schema().columns))
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at"]
    return Evidence.checked(frame.sort_values(order, kind="stable"))


def present_values(inventory: pd.DataFrame, sources: pd.DataFrame) -> Iterator[PresentValue]:
    """Each value of the inventory, with the last write of the file that holds it."""
    files = rows(sources[sources["kind"].isin(FILES)])
    written = {(row.source, row.environment, row.service): row.modified_at for row in files}
    for row in rows(inventory[inventory["state"] == "present"]):
        if row.fingerprint is not None:
            place = SecretPlace(row.secret, row.environment, row.service)
            at = written.get((row.source, row.environment, row.service)) if row.origin in FILES else None
            yield PresentValue(place, row.variable, row.source, row.component, row.fingerprint, at)


def _tenure(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    """E1, E2, E3, E5, E8: since when the value is in force here; nothing if that is not shown by as_of."""
    chains = known.observations.of_place(seen.place, seen.source)
    runs = [(chain, known.observations.stints(chain, seen.fingerprint)) for chain in chains]
    current = [(chain, stints[-1]) for chain, stints in runs if stints and stints[-1].last]
    others = [at for chain in chains if (at := known.observations.last_other(chain, seen.fingerprint))]
    written = seen.modified_at
    on_time = written is not None and written <= known.as_of + EPS["E3"]
    for chain, stint in current:
        yield from of_stint(seen, stint, chain, "bound")
    if not current and others and written is not None and on_time:
        yield _changed_since(seen, others, written, known.as_of)
    if written is not None:
        yield of_file_time(seen, written, seen.source, "bound" if on_time else "left out")
    if current or not others:
        yield from _committed(seen, known)


def _changed_since(seen: PresentValue, others: list[datetime], written: datetime, as_of: datetime) -> Row:
    """E1 for a value that no entry has seen yet. Of several writers the earliest counts: files may differ.

    A file written before another value was seen contradicts that: both are reported, as a conflict.
    """
    lo = min(others) if written > max(others) else max(others)
    return piece(
        seen.place,
        "E1",
        "bound",
        lo=lo,
        hi=as_of,
        source=seen.source,
        observed_at=as_of,
        fingerprint=seen.fingerprint,
        text=f"another value was seen {instant_words(lo)}; this one was in place {instant_words(as_of)}",
    )


def _committed(seen: PresentValue, known: EvidenceInputs) -> Iterator[Row]:
    """E5: only if the committed file is the environment's source and HEAD holds the value."""
    brought = [
        row
        for row in known.commits.get(seen.fingerprint, [])
        if row["file"] == seen.source and row["name"] == seen.variable and row["on_head"] and row["at_head"]
    ]
    by_date = sorted(brought, key=lambda row: (row["committed_at"], row["commit"]))
    dated = [row for row in by_date if row["committed_at"] <= known.as_of]
    for row in by_date:
        role = "left out" if row not in dated else "bound" if row is dated[-1] else "return"
        yield of_commit(seen, row, role)


def _later(values: Iterable[PresentValue], ledger: Ledger) -> Iterator[Row]:
    """One row for each ledger entry dated after as_of that bears on a place; only counted."""
    wanted = {seen.place: seen for seen in values}
    for entry in ledger.later:
        bodies = (
            entry.body["secrets"]
            if entry.kind == "snapshot"
            else [entry.body]
            if entry.kind == "rotation"
            else []
        )
        for place in sorted(
            {SecretPlace(row["secret"], row["environment"], row["service"]) for row in bodies}
        ):
            if place in wanted:
                yield piece(
                    place,
                    "E2" if entry.kind == "snapshot" else "E8",
                    "left out",
                    lo=None,
                    hi=entry.at,
                    source=entry.place,
                    observed_at=entry.at,
                    text=f"dated {instant_words(entry.at)}",
                )


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
