"""What breaks for everyone: outages, the deploys around them, pairs of secrets that differ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident.case import APPLICATION, KNOWN_CLIENTS, Case
from audit_lib.leaks.tables import PRODUCTION
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.logins.detect.incidents import EVERYONE
from audit_lib.logins.requests import Window, succeeded, surely_within, within

PAUSE = timedelta(minutes=15)
# What platforms say set off a deploy that brought other variables and no other code.
_VARIABLES = re.compile(r"(?i)env[ _-]?(updated|changed|vars?)|variable|config")


@dataclass(frozen=True)
class Outage:
    """A stretch in which nearly all requests to protected routes failed, also of known addresses."""

    first_at: datetime
    last_at: datetime
    count: int
    addresses: int
    errors: bool = False  # they were not refused, but answered with server errors

    def __str__(self) -> str:
        how = "answered with server errors" if self.errors else "refused"
        return f"{self.count} requests of {self.addresses} addresses were {how}"

    @property
    def minutes(self) -> int:
        """How long it took, at least one."""
        return max(round((self.last_at - self.first_at).total_seconds() / 60), 1)

    def failed(self, requests: pd.DataFrame) -> pd.DataFrame:
        """The requests that failed in it."""
        bad = requests["status"].ge(500) if self.errors else requests["refused"]
        return requests[
            bad & requests["timed"] & requests["not_before_at"].between(self.first_at, self.last_at)
        ]


def find_outage(case: Case) -> Outage | None:
    """The outage with most refused requests; without one, that with most server errors of all clients."""
    return _worst(case, KNOWN_CLIENTS, errors=False) or _worst(case, APPLICATION, errors=True)


def _worst(case: Case, detection: str, *, errors: bool) -> Outage | None:
    found = [
        Outage(one.first_at, one.last_at, one.count, len(one.clients), errors)
        for one in case.found(detection)
        if one.first_at and one.last_at and one.severity == "high" and (one.subject == EVERYONE or not errors)
    ]
    return _core(case, max(found, key=lambda one: one.count)) if found else None


def _core(case: Case, outage: Outage) -> Outage:
    """The part of an outage in which most failures follow each other within `PAUSE`."""
    failed = outage.failed(case.here).sort_values("not_before_at")
    if failed.empty:
        return outage
    runs = failed["not_before_at"].diff().gt(PAUSE).cumsum()
    core = failed[runs == failed.groupby(runs)["count"].sum().idxmax()]
    first, last = (at.to_pydatetime() for at in (core["not_before_at"].min(), core["not_before_at"].max()))
    clients = core["client"].astype("str").nunique()
    return Outage(first, last, int(core["count"].sum()), int(clients), outage.errors)


# ---- Deploys ----


def deploys_around(case: Case, outage: Outage) -> tuple[Any, Any]:
    """The last deploy that may have taken effect before it and the first that began after it, or None.

    Each within the time that clients have to follow a deploy.
    """
    deploys, grace = case.read.deploys, timedelta(hours=case.rules.grace("deploy"))
    done = deploys[deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()]
    done = done.sort_values("began_at", kind="stable")
    before = done[done["began_at"].le(outage.first_at) & done["ended_at"].ge(outage.first_at - grace)]
    after = done[done["began_at"].between(outage.last_at, outage.last_at + grace)]
    return next(rows(before.tail(1)), None), next(rows(after.head(1)), None)


def is_of_variables(deploy: Any) -> bool:
    """Whether a change of variables set a deploy off."""
    return bool(_VARIABLES.search(deploy.trigger))


# ---- Pairs ----


@dataclass(frozen=True)
class PairApart:
    """Two variables that must hold one value, and when they are known to have held two."""

    secret: str
    other: str
    environment: str
    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"{self.secret} and {self.other} differ in {self.environment}"

    def within(self, window: Window) -> bool:
        """Whether they are known to have differed in a window."""
        return self.since <= window.until and self.until >= window.since


def pairs_apart(case: Case) -> tuple[PairApart, ...]:
    """The pairs of production, or of the secret that is asked for, the latest first."""
    held = list(_held(case))
    found: dict[Any, PairApart] = {}
    for mine, value, since, until in held:
        rule = case.policy.rule(mine.secret)
        twins = rule.equals if rule else ()
        for theirs, other, begin, end in held:
            if theirs.secret not in twins or theirs.environment != mine.environment or value == other:
                continue
            one, two = sorted((mine.secret, theirs.secret))
            wanted = case.secret in (one, two) if case.secret else mine.environment == PRODUCTION
            apart = max(since, begin), min(until, end)
            if wanted and apart[0] <= apart[1]:
                found[one, two, apart] = PairApart(one, two, mine.environment, *apart)
    return tuple(sorted(found.values(), key=lambda one: (one.until, one.since), reverse=True))


def _held(case: Case) -> Iterator[tuple[SecretPlace, str, datetime, datetime]]:
    """Which value was where, from when until when it was seen there: by the ledger, and by the review now."""
    inventory = case.read.inventory.dropna(subset="fingerprint")
    now = {(SecretPlace.of(row), row.fingerprint) for row in rows(inventory)}
    still = set()
    for one in case.tenures:
        is_there = one.gone is None and (one.home, one.fingerprint) in now
        still |= {(one.home, one.fingerprint)} if is_there else set()
        yield one.home, one.fingerprint, one.first.at, case.as_of if is_there else one.last.at
    for home, value in sorted(now - still):
        yield home, value, case.as_of, case.as_of


def answered_while_apart(case: Case, pair: PairApart, until: datetime) -> str:
    """How many requests were answered while a pair differed, until an instant; "" if none is known."""
    span = Window(pair.since, min(pair.until, until))
    asked = within(case.requests, span)
    good = asked[asked["timed"] & succeeded(asked) & surely_within(asked, span)]
    count = int(good["count"].sum())
    since, last = (briefly(at, case.as_of) for at in (span.since, span.until))
    return f"{pair} since {since}, and {count:,} requests were answered until {last}" if count else ""
