"""One piece of evidence as a row of the Evidence frame: kind, clock, role, widened bounds, place."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit_lib.base.in_words import instant_words
from audit_lib.ledger.tenures import SecretPlace
from audit_lib.secrets.age_interval import CONFIDENCE, EPS, SAME_TIME
from audit_lib.secrets.ledger_observations import Observation, Observations, ObservedSeries, Stint

Row = dict[str, Any]
# Env files came with dotenv and the twelve-factor app. What is dated before is no write: tools that pack
# images and archives set fixed times (1970, 1980-01-01, npm's 1985-10-26, Bazel's 2010-01-01).
FIRST_ENV_FILES = datetime(2011, 1, 1, tzinfo=UTC)


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
    place: SecretPlace, kind: str, role: str, *, lo: datetime | None = None, hi: datetime | None, **rest: Any
) -> Row:
    """A row of `Evidence`, with both bounds widened by the clock uncertainty of its kind.

    It was observed at its upper bound, unless `observed_at` says when.
    """
    return {
        **place._asdict(),
        "kind": kind,
        "clock": rest.pop("clock", "tenure" if role in ("bound", "claim") else "value"),
        "role": role,
        "lo_at": None if lo is None else lo - EPS[kind],
        "hi_at": None if hi is None else hi + EPS[kind],
        "confidence": CONFIDENCE[kind],
        "fingerprint": None,
        "observed_at": hi,
        **rest,
    }


def value_piece(seen: PresentValue, kind: str, role: str, **told: Any) -> Row:
    """A `piece` about the value that a place has."""
    return piece(seen.place, kind, role, fingerprint=seen.fingerprint, **told)


def of_stint(
    seen: PresentValue, stint: Stint, chain: ObservedSeries, role: str, returned: bool = False
) -> Iterator[Row]:
    """E1, E2 or E8 for a run of the value, and E3 for the last write of its file, as recorded then.

    E2 may have a lower bound: the file held no value before. E1 and E8 with one were preceded by another.
    """
    before = stint.before
    lo = before.at if before else None
    rotated = before is not None and before.fingerprint is not None
    kind = "E8" if stint.first.recorded else "E1" if rotated else "E2"
    where = "" if chain.place == seen.place else f" as {chain.place}"
    earlier = f"; {_seen_before(before)}" if before else ""
    text = f"first seen{where} {instant_words(stint.first.at)}{earlier}"
    base = {"source": stint.first.entry, "observed_at": stint.first.at}
    yield value_piece(seen, kind, role, lo=lo, hi=stint.first.at, text=text, **base)
    written = stint.modified_at
    if written is not None and FIRST_ENV_FILES <= written < stint.first.at:
        told = role_of_file_time(written, lo, returned) if role == "bound" else role
        since = None if told == "bound" else _in_file_before(before, written)
        text = f"its file{where} was last modified {instant_words(written)}, as seen then"
        text += f"; {_seen_before(since)}" if since else ""
        yield value_piece(seen, "E3", told, lo=since.at if since else None, hi=written, text=text, **base)


def _in_file_before(before: Observation | None, written: datetime) -> Observation | None:
    """The sight of another value in a file, if the file was written after it."""
    return before if before and before.at < written else None


def _seen_before(before: Observation) -> str:
    what = "no value" if before.fingerprint is None else "another value"
    return f"{what} was seen there {instant_words(before.at)} ({before.entry})"


def role_of_file_time(written: datetime, lo: datetime | None, returned: bool) -> str:
    """What a file's time is, beside the last sight of another value in the file.

    A file that is older than that was restored or moved in. The value was there before, if it was seen
    so; else, beyond what clocks err, the two exclude each other.
    """
    if lo is None or written > lo or not (returned or written + SAME_TIME > lo):
        return "bound"
    return "sighting"


def of_file_time(
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
    return value_piece(seen, "E3", role, lo=since.at if since else None, hi=written, source=source, text=text)


def of_commit(seen: PresentValue, row: Row, role: str) -> Row:
    """E5: a commit holds the value, so it was there by then; nothing bounds it from below.

    That its parents show another value says nothing of the file in use, which may have held this one for
    long; and after a rebase, a squash or an amend they are of another day than the change, which no date
    need show. A child dated before its parent has one wrong clock: the later of the two counts.
    """
    hi: datetime = row["committed_at"]
    if row["parents_at"] is not None:
        hi = max(hi, row["parents_at"])
    commit, file = row["commit"][:12], row["file"]
    text = f"commit {commit} of {instant_words(hi)} added it to {file}"
    return value_piece(seen, "E5", role, hi=hi, source=f"{file} {commit}", text=text)
