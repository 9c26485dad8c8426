"""What was rotated in a period, by whom, proved or only claimed; and what was recorded as revoked."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.frames import Field, Instant, Series
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import DAY, Links, SecretPlace, claim_interval, tenures
from audit_lib.secrets.inventory import OfSecret

TRIGGERS = ("scheduled", "compromised", "leaver", "provider")


class Rotations(OfSecret):
    """One row for each rotation of the period, in order: seen by the ledger, recorded, or both."""

    after_at: Series[Instant] = Field(nullable=True)  # it was done after this …
    by_at: Series[Instant] = Field(nullable=True)  # … and by this
    proof: Series[str] = Field(isin=("proved", "claimed", "not recorded"))
    by: Series[str]  # who did it; "" if nobody recorded it
    approved_by: Series[str]
    ticket: Series[str]
    trigger: Series[str]  # scheduled | compromised | leaver | provider; "" if it was not said
    triggered_at: Series[Instant] = Field(nullable=True)
    days_to_done_min: Series[float] = Field(nullable=True)  # from trigger to done
    days_to_done_max: Series[float] = Field(nullable=True)
    evidence: Series[str]


def tabulate_rotations(ledger: Ledger, start: datetime, end: datetime) -> pd.DataFrame:
    """`Rotations` that were done, or may have been, within a period.

    Proved: the ledger saw another value before and this one after. Claimed: only a record says so. Not
    recorded: it was seen, and nobody said who did it. Instants are the ledger's own clocks, not widened.
    """
    changed = [(stay, stay.absent) for stay in tenures(ledger) if stay.absent and stay.absent.fingerprint]
    proved, found = {stay.claim.place for stay, _ in changed if stay.claim}, list[dict[str, Any]]()
    for stay, before in changed:
        places = [seen.place for seen in (before, stay.first, stay.claim) if seen]
        proof, evidence = "proved" if stay.claim else "not recorded", ", ".join(dict.fromkeys(places))
        found.append(_row(stay.home, before.at, stay.first.at, stay.claim, proof=proof, evidence=evidence))
    found += [
        _row(SecretPlace.named_in(one.body), *claim_interval(one), one, proof="claimed", evidence=one.place)
        for one in ledger.of_kind("rotation")
        if one.place not in proved
    ]
    done = (row for row in found if row["by_at"] >= start and (row["after_at"] or row["by_at"]) < end)
    order = ["by_at", "environment", "service", "secret", "evidence"]
    return Rotations.checked(Rotations.of(done).sort_values(order, kind="stable"))


def _row(
    place: SecretPlace, after: datetime | None, by: datetime, entry: Entry | None, **columns: str
) -> dict[str, Any]:
    body = entry.body if entry else {}
    said = {name: body.get(name, "") for name in ("by", "approved_by", "ticket", "trigger")}
    days: dict[str, Any] = {}
    if entry and (at := body.get("triggered_at")):
        triggered = parse_instant(at, entry.place)
        least, most = (max(instant - triggered, timedelta(0)) / DAY for instant in (after or triggered, by))
        days = {  # rounded outwards to a tenth, so that no more is claimed than is known
            "triggered_at": triggered,
            "days_to_done_min": floor(least * 10) / 10,
            "days_to_done_max": ceil(most * 10) / 10,
        }
    return {**place._asdict(), "after_at": after, "by_at": by, **said, **days, **columns}


class Revocation(NamedTuple):
    """One record. That the value works no longer is what somebody says: no provider is asked."""

    home: SecretPlace
    fingerprint: str  # of the value that was revoked, under the present key (`Links.now`)
    claimed_at: datetime  # of a day alone its first instant
    until: datetime  # the last instant that the claim allows
    place: str
    by: str
    said: str  # who recorded it when, and with what proof


def revocations(ledger: Ledger) -> Iterator[Revocation]:
    """Every record of a revocation, in order of recording."""
    links = Links(ledger)
    for entry in ledger.of_kind("revocation"):
        body, at = entry.body, parse_instant(entry.body["claimed_at"], entry.place)
        yield Revocation(
            SecretPlace.named_in(body),
            links.now(body["fingerprint"], entry.key_id),
            claimed_at=at,
            until=at + timedelta(days=1, seconds=-1) if body["day_only"] else at,
            place=entry.place,
            by=body["by"],
            said=f"{entry.place}, recorded {iso(entry.at)} by {body['by'] or 'somebody'}; "
            f"proof: {body['proof'] or 'none given'}; the provider was not asked",
        )
