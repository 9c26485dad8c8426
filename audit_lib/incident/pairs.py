"""Pairs that must hold the same value and do not, and whether requests were answered all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.outages import worst_outage
from audit_lib.incident.secret_values import held_throughout
from audit_lib.leaks.tables import PRODUCTION
from audit_lib.ledger.timeline import SecretPlace, Tenure
from audit_lib.logins.requests import Window, succeeded, surely_within, within


@dataclass(frozen=True)
class PairApart:
    """Two halves of a pair that snapshots saw apart, from one instant until another."""

    secret: str
    other: str
    environment: str
    since: datetime
    until: datetime


def unequal_pairs(investigation: Investigation) -> tuple[str, ...]:
    """Pairs of production, or of the secret that is asked for, that differed in the window, in words."""
    window, halves = investigation.window, _unequal_now(investigation)
    now = [_differ(row) for row in rows(halves) if _apart_since(investigation, row) <= window.until]
    then = [
        f"{one.secret} and {one.other} differed in {one.environment} by "
        f"{briefly(one.since, investigation.as_of)}"
        for one in pairs_apart(investigation)
        if one.since <= window.until
        and one.until >= window.since
        and (investigation.secret or one.environment == PRODUCTION)
    ]
    return tuple(dict.fromkeys([*now, *then]))


def unequal_since(investigation: Investigation) -> tuple[str, ...]:
    """Pairs that differ now, and of which nothing shows that they did in the window."""
    halves = rows(_unequal_now(investigation))
    late = [row for row in halves if _apart_since(investigation, row) > investigation.window.until]
    return tuple(f"{row.secret} and {row.other_secret}" for row in late)


def unequal_now(investigation: Investigation) -> tuple[str, ...]:
    """Pairs of production, or of the secret that is asked for, that differ now, in words."""
    return tuple(_differ(row) for row in rows(_unequal_now(investigation)))


def _unequal_now(investigation: Investigation) -> pd.DataFrame:
    paired = _paired(investigation)
    mine = paired["environment"].eq(PRODUCTION) | bool(investigation.secret)
    return paired[mine & paired["relation"].eq("different")]


def _differ(row: Any) -> str:
    return f"{row.secret} and {row.other_secret} differ in {row.environment}"


def _apart_since(investigation: Investigation, row: Any) -> datetime:
    """Since when both halves are seen to hold what they hold now; without a snapshot since the review."""
    inventory, since = investigation.inventory, []
    for home in _halves(row):
        here = inventory["secret"].eq(home.secret) & inventory["environment"].eq(home.environment)
        held = set(inventory.loc[here & inventory["service"].eq(home.service), "fingerprint"].dropna())
        seen = [
            one.first.at
            for one in investigation.tenures
            if one.home == home and one.fingerprint in held and one.gone is None
        ]
        since.append(max(seen, default=investigation.as_of))
    return max(since)


def _halves(row: Any) -> tuple[SecretPlace, SecretPlace]:
    return SecretPlace.of(row), SecretPlace(row.other_secret, row.other_environment, row.other_service)


def has_equal_pairs(investigation: Investigation) -> bool:
    """Whether pairs were compared and all are equal; one that could not be compared shows nothing."""
    paired = _paired(investigation)
    return len(paired) > 0 and bool(paired["relation"].eq("same").all())


def equal_throughout(investigation: Investigation) -> bool:
    """Whether each compared pair is equal now, and was before and after the outage, or else the window."""
    outage = worst_outage(investigation)
    window = Window(outage.first_at, outage.last_at) if outage else investigation.window
    held = {
        one.home: one.fingerprint
        for one in investigation.tenures
        if held_throughout(investigation, one, window)
    }
    halves = [_halves(row) for row in rows(_paired(investigation))]
    same = all(mine in held and held[mine] == held.get(theirs) for mine, theirs in halves)
    return has_equal_pairs(investigation) and same


def answered_while_apart(investigation: Investigation) -> str:
    """How many requests were answered while a pair was apart, before an outage; "" if none is known."""
    outage = worst_outage(investigation)
    until = outage.first_at if outage else investigation.window.until
    for one in pairs_apart(investigation):
        span = Window(one.since, min(one.until, until))
        if span.since >= span.until:
            continue
        asked = within(investigation.requests, span)
        good = asked[asked["timed"] & succeeded(asked) & surely_within(asked, span)]
        if count := int(good["count"].sum()):
            since, last = (briefly(at, investigation.as_of) for at in (span.since, span.until))
            return (
                f"{one.secret} and {one.other} have differed in {one.environment} since {since}, "
                f"and {count:,} requests were answered until {last}"
            )
    return ""


def pairs_apart(investigation: Investigation) -> tuple[PairApart, ...]:
    """The pairs that snapshots saw apart, by the ledger alone."""
    return tuple(sorted(_apart(investigation), key=lambda one: (one.secret, one.environment != PRODUCTION)))


def _apart(investigation: Investigation) -> Iterator[PairApart]:
    for name in sorted({tenure.home.secret for tenure in investigation.tenures}):
        rule = investigation.policy.rule(name)
        for other in rule.equals if rule else ():
            if investigation.secret and investigation.secret not in (name, other):
                continue
            for mine, theirs in _together(investigation, name, other):
                since = max(mine.first.at, theirs.first.at)
                until = min(mine.last.at, theirs.last.at)
                if mine.fingerprint != theirs.fingerprint and since <= until:
                    yield PairApart(name, other, mine.home.environment, since, until)


def _together(investigation: Investigation, name: str, other: str) -> Iterator[tuple[Tenure, Tenure]]:
    for mine in investigation.tenures:
        for theirs in investigation.tenures:
            same_place = mine.home.environment == theirs.home.environment
            if mine.home.secret == name and theirs.home.secret == other and same_place:
                yield mine, theirs


def _paired(investigation: Investigation) -> pd.DataFrame:
    drift = investigation.drift
    paired = drift[(drift["expected"] == "same") & (drift["why"] == "pairing")]
    if investigation.secret:
        named = (paired["secret"] == investigation.secret) | (paired["other_secret"] == investigation.secret)
        paired = paired[named]
    return paired
