"""Intervals of time: which pieces of evidence agree, and what an age's two bounds decide."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# How far a machine's clock may be off, either way. A clock that keeps local time and is read as UTC, the
# ordinary fault of virtual machines, containers and dual boots, is off by its zone: at most UTC+14 or UTC-12.
# Nothing on one machine can show that its clock is wrong, so every bound is widened by it
# (docs/evidence.md#combining-evidence). It covers what a file system rounds (2 s) and the ledger cuts (1 s).
CLOCK_SLACK = timedelta(hours=14)
# A provider that dates a value keeps its servers' clocks by NTP.
PROVIDER_SLACK = timedelta(minutes=5)
EPS = {
    "E1": CLOCK_SLACK,  # a snapshot's machine
    "E2": CLOCK_SLACK,
    "E3": CLOCK_SLACK,  # the machine that wrote the file, or the one that it was copied from
    "E4": CLOCK_SLACK,
    "E5": CLOCK_SLACK,  # the committer's machine
    "E8": CLOCK_SLACK,  # the machine of a record
    "E9": CLOCK_SLACK,
    "E10": CLOCK_SLACK,
    "E13": PROVIDER_SLACK,
    "E14": PROVIDER_SLACK,
    "E15": PROVIDER_SLACK,
    "E19": PROVIDER_SLACK,
    "E20": CLOCK_SLACK,  # a log's machine
    "E21": CLOCK_SLACK,
}
# Two instants closer than the widest clocks can tell apart: one snapshot sees a value there and another here.
SAME_TIME = 2 * CLOCK_SLACK

# docs/evidence.md#combining-evidence: provider log > own chain > store version > git > ledger with
# fingerprint > platform's "updated at" > file time > ledger without one > a human's claim.
CONFIDENCE = {
    "E1": 8,
    "E2": 8,
    "E19": 7,
    "E13": 7,
    "E5": 6,
    "E8": 5,
    "E9": 5,
    "E14": 4,
    "E3": 3,
    "E4": 3,
    "E20": 2,
    "E21": 2,
    "E15": 2,
    "E10": 1,
}


@dataclass(frozen=True)
class Bounds:
    """The true instant R satisfies lo < R <= hi. None means no bound."""

    lo_at: datetime | None = None
    hi_at: datetime | None = None
    confidence: int = 0
    label: str = ""  # what a reader sees as the binding evidence


@dataclass(frozen=True)
class Agreement:
    """The intersection of the bounds that agree, the binding one on each side, and what was dropped."""

    lo_at: datetime | None = None
    hi_at: datetime | None = None
    lo_label: str = ""
    hi_label: str = ""
    dropped: tuple[Bounds, ...] = ()


def agreement(bounds: Iterable[Bounds]) -> Agreement:
    """The intersection of the maximal consistent subset by confidence.

    The most confident come first; one that would leave nothing of the interval is dropped and kept as such.
    """
    result = Agreement()
    for one in sorted(bounds, key=_rank):
        joined = _joined(result, one)
        if joined.lo_at is not None and joined.hi_at is not None and joined.lo_at >= joined.hi_at:
            result = Agreement(
                result.lo_at, result.hi_at, result.lo_label, result.hi_label, (*result.dropped, one)
            )
        else:
            result = joined
    return result


def status_of(
    lo_at: datetime | None, hi_at: datetime | None, as_of: datetime, max_age_days: int, warn_days: int
) -> str:
    """fresh, due, overdue or unknown, by both bounds; exactly the period is due (docs/evidence.md#status)."""
    period, warning = timedelta(days=max_age_days), timedelta(days=warn_days)
    if hi_at is not None and as_of - hi_at > period:
        return "overdue"
    if lo_at is None or as_of - lo_at > period:
        return "unknown"
    return "fresh" if as_of - lo_at <= period - warning else "due"


def _joined(result: Agreement, one: Bounds) -> Agreement:
    lo_at, lo_label, hi_at, hi_label = result.lo_at, result.lo_label, result.hi_at, result.hi_label
    if one.lo_at is not None and (lo_at is None or one.lo_at > lo_at):
        lo_at, lo_label = one.lo_at, one.label
    if one.hi_at is not None and (hi_at is None or one.hi_at < hi_at):
        hi_at, hi_label = one.hi_at, one.label
    return Agreement(lo_at, hi_at, lo_label, hi_label, result.dropped)


def _rank(one: Bounds) -> tuple[int, float, float, str]:
    lo = -one.lo_at.timestamp() if one.lo_at is not None else float("inf")
    hi = one.hi_at.timestamp() if one.hi_at is not None else float("inf")
    return -one.confidence, lo, hi, one.label
