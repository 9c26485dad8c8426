"""The rotations of a period as a table: what, when, by whom, approved by whom, proved or only claimed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.rotation.contracts import Rotations
from audit_lib.secrets.evidence import claim_interval

TRIGGERS = ("scheduled", "compromised", "leaver", "provider")
_SAID = ("by", "approved_by", "ticket", "trigger")
_DAY = timedelta(days=1)
_ORDER = ["by_at", "environment", "service", "secret", "evidence"]


def tabulate_rotations(ledger: Ledger, start: datetime, end: datetime) -> pd.DataFrame:
    """`Rotations` that were done, or may have been, within a period.

    Proved: the ledger saw another value before and this one after. Claimed: only a record says so. Not
    recorded: it was seen, and nobody said who did it. Instants are the ledger's own clocks, not widened.
    """
    seen = [stay for stay in tenures(ledger) if stay.absent and stay.absent.fingerprint]
    proved = {stay.claim.place for stay in seen if stay.claim}
    found = [_seen(stay) for stay in seen]
    found += [_claimed(entry) for entry in ledger.of_kind("rotation") if entry.place not in proved]
    table = Rotations.of(
        row for row in found if row["by_at"] >= start and (row["after_at"] or row["by_at"]) < end
    )
    return Rotations.checked(table.sort_values(_ORDER, kind="stable"))


def _seen(stay: Tenure) -> dict[str, Any]:
    assert stay.absent is not None
    entry = stay.claim
    after, by = stay.absent.at, stay.first.at
    told = dict.fromkeys((stay.absent.place, stay.first.place, *((entry.place,) if entry else ())))
    return {
        **stay.home._asdict(),
        "after_at": after,
        "by_at": by,
        "proof": "proved" if entry else "not recorded",
        **_said(entry, after, by),
        "evidence": ", ".join(told),
    }


def _claimed(entry: Entry) -> dict[str, Any]:
    after, by = claim_interval(entry)
    return {
        **{name: entry.body[name] for name in ("secret", "environment", "service")},
        "after_at": after,
        "by_at": by,
        "proof": "claimed",
        **_said(entry, after, by),
        "evidence": entry.place,
    }


def _said(entry: Entry | None, after: datetime | None, by: datetime) -> dict[str, Any]:
    """What the record says, and from its trigger the days until it was done."""
    body = entry.body if entry else {}
    said: dict[str, Any] = {name: body.get(name, "") for name in _SAID}
    at = body.get("triggered_at")
    triggered = parse_instant(at, entry.place) if at and entry else None
    days = dict(_days(triggered, after, by)) if triggered else {}
    return said | {"triggered_at": triggered} | days


def _days(triggered: datetime, after: datetime | None, by: datetime) -> Iterator[tuple[str, float]]:
    """Rounded outwards to a tenth, so that no more is claimed than is known."""
    least = max(after - triggered, timedelta(0)) if after else timedelta(0)
    yield "days_to_done_min", floor(least / _DAY * 10) / 10
    yield "days_to_done_max", ceil(max(by - triggered, timedelta(0)) / _DAY * 10) / 10
