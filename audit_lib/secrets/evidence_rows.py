"""One piece of evidence as a row of the Evidence frame: kind, clock, role, widened bounds, place."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_lib.base.in_words import instant_words
from audit_lib.ledger.secret_place import SecretPlace
from audit_lib.secrets.age_interval import CONFIDENCE, EPS
from audit_lib.secrets.ledger_observations import Observations, ObservedSeries, Stint

Row = dict[str, Any]
WHOLE_SECOND = timedelta(
    seconds=1
)  # the ledger cuts an instant to its second: what it saw was up to so much later


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
class EvidenceInputs:
    """What every secret's evidence is drawn from."""

    as_of: datetime
    observations: Observations
    present: dict[str, list[PresentValue]]  # by fingerprint
    backups: dict[str, list[tuple[str, datetime]]]  # by fingerprint: source, its last write
    commits: dict[str, list[Row]]  # by fingerprint: rows of EnvHistory


def piece(
    place: SecretPlace, kind: str, role: str, *, lo: datetime | None, hi: datetime | None, **rest: Any
) -> Row:
    """A row of `Evidence`, with both bounds widened by the clock uncertainty of its kind."""
    return {
        **place._asdict(),
        "kind": kind,
        "clock": rest.pop("clock", "tenure" if role in ("bound", "claim") else "value"),
        "role": role,
        "lo_at": None if lo is None else lo - EPS[kind],
        "hi_at": None if hi is None else hi + EPS[kind],
        "confidence": CONFIDENCE[kind],
        "fingerprint": None,
        **rest,
    }


def of_stint(seen: PresentValue, stint: Stint, chain: ObservedSeries, role: str) -> Iterator[Row]:
    """E1, E2 or E8 for a run of the value, and E3 for the last write of its file, as recorded then."""
    lo = stint.before.at if stint.before else None
    kind = "E8" if stint.first.recorded else "E1" if lo else "E2"
    where = "" if chain.place == seen.place else f" as {chain.place}"
    before = ""
    if stint.before and lo:
        before = f"; another value was seen there {instant_words(lo)} ({stint.before.entry})"
    text = f"first seen{where} {instant_words(stint.first.at)}{before}"
    base = {"source": stint.first.entry, "observed_at": stint.first.at, "fingerprint": seen.fingerprint}
    yield piece(seen.place, kind, role, lo=lo, hi=stint.first.at + WHOLE_SECOND, text=text, **base)
    written = stint.modified_at
    if written is not None and written < stint.first.at and (lo is None or written > lo):
        text = f"its file{where} was last modified {instant_words(written)}, as seen then"
        yield piece(seen.place, "E3", role, lo=None, hi=written, text=text, **base)


def of_file_time(seen: PresentValue, written: datetime, source: str, role: str) -> Row:
    """E3: one-sided, since a copy or a touch only moves a file's time later."""
    text = f"last modified {instant_words(written)}, so the value was in place by then"
    return piece(
        seen.place,
        "E3",
        role,
        lo=None,
        hi=written,
        source=source,
        observed_at=written,
        fingerprint=seen.fingerprint,
        text=text,
    )


def of_commit(seen: PresentValue, row: Row, role: str) -> Row:
    """E5: a commit brought the value in; its parents, if they show another one, bound that from below."""
    lo: datetime | None = row["parents_at"]
    hi: datetime = row["committed_at"]
    if lo is not None and lo >= hi:
        # A child dated before its parent: one clock was wrong, so the later bounds and nothing more.
        hi, lo = lo, None
    return piece(
        seen.place,
        "E5",
        role,
        lo=lo,
        hi=hi,
        source=f"{row['file']} {row['commit'][:12]}",
        observed_at=hi,
        fingerprint=seen.fingerprint,
        text=f"commit {row['commit'][:12]} of {instant_words(hi)} added it to {row['file']}",
    )
