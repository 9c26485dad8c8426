"""Pairs that must hold the same value and do not, and whether requests were answered all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.outages import worst_outage
from audit_lib.incident.secret_values import held_throughout
from audit_lib.ledger.tenures import SecretPlace, Tenure
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
    """Pairs of the secret that is asked for, or of any, that differ now or did in the window, in words."""
    apart = _paired(investigation)
    apart = apart[apart["relation"] == "different"]
    now = [f"{row.secret} and {row.other_secret} differ in {row.environment}" for row in rows(apart)]
    window = investigation.window
    then = [
        f"{one.secret} and {one.other} differed in {one.environment} by "
        f"{briefly(one.since, investigation.as_of)}"
        for one in pairs_apart(investigation)
        if one.since <= window.until and one.until >= window.since
    ]
    return tuple(dict.fromkeys([*now, *then]))


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
    halves = [
        (
            SecretPlace.of(row),
            SecretPlace(row.other_secret, row.other_environment, row.other_service),
        )
        for row in rows(_paired(investigation))
    ]
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
    return tuple(sorted(_apart(investigation), key=lambda one: (one.secret, one.environment != "production")))


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
