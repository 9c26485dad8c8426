"""What breaks for everyone: outages, the deploys around them, pairs of secrets that differ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """A stretch in which nearly all requests failed, also of known addresses."""

    failed: pd.DataFrame  # the requests that did, in order of time
    errors: bool  # they were not refused, but answered with server errors

    @property
    def first_at(self) -> datetime:
        """When the first of them failed."""
        return self.failed["not_before_at"].iloc[0].to_pydatetime()

    @property
    def last_at(self) -> datetime:
        """When the last of them failed."""
        return self.failed["not_before_at"].iloc[-1].to_pydatetime()

    def __str__(self) -> str:
        how = "answered with server errors" if self.errors else "refused"
        whom = f"{self.failed['count'].sum()} requests of {self.failed['client'].nunique()} addresses"
        when = f"from {briefly(self.first_at, self.first_at)} to {briefly(self.last_at, self.first_at)}"
        return f"{whom} were {how} {when}"


def find_outage(case: Case) -> Outage | None:
    """The outage with most refused requests; without one, that with most server errors of all clients.

    It is the part of what was detected in which most failures follow each other within `PAUSE`.
    """
    here, errors = case.here[case.here["timed"]], False
    found = [one for one in case.found(KNOWN_CLIENTS) if one.severity == "high"]
    if not found:
        found, errors = [one for one in case.found(APPLICATION) if one.subject == EVERYONE], True
    if not found:
        return None
    worst = max(found, key=lambda one: one.count)
    failed = here[
        (here["status"].ge(500) if errors else here["refused"]) & worst.during(here["not_before_at"])
    ]
    failed = failed.sort_values("not_before_at", kind="stable")
    runs = failed["not_before_at"].diff().gt(PAUSE).cumsum()
    core = failed[runs == failed.groupby(runs)["count"].sum().idxmax()] if len(failed) else failed
    return Outage(core.astype({"client": "str"}), errors) if len(core) else None


@dataclass(frozen=True)
class Deploy:
    """A deploy near an outage."""

    began_at: datetime
    ended_at: datetime
    trigger: str
    evidence: str

    @property
    def of_variables(self) -> bool:
        """Whether a change of variables set it off."""
        return bool(_VARIABLES.search(self.trigger))


def deploys_around(case: Case, outage: Outage) -> tuple[Deploy | None, Deploy | None]:
    """The last deploy that may have taken effect before it, and the first that began after it.

    Each within the time that clients have to follow a deploy.
    """
    grace, deploys = timedelta(hours=case.rules.grace("deploy")), case.read.deploys
    done = deploys[deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()]
    every = [Deploy(one.began_at, one.ended_at, one.trigger, one.evidence) for one in rows(done)]
    every.sort(key=lambda one: one.began_at)
    before = [one for one in every if one.began_at <= outage.first_at <= one.ended_at + grace]
    after = [one for one in every if outage.last_at <= one.began_at <= outage.last_at + grace]
    return before[-1] if before else None, after[0] if after else None


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
    held, found = list(_held(case)), set()
    for mine, value, since, until in held:
        rule = case.policy.rule(mine.secret)
        for theirs, other, begin, end in held if rule and rule.equals else ():
            one, two = sorted((mine.secret, theirs.secret))
            pair = PairApart(one, two, mine.environment, max(since, begin), min(until, end))
            equals = theirs.secret in rule.equals and theirs.environment == mine.environment
            wanted = case.secret in (one, two) if case.secret else mine.environment == PRODUCTION
            if equals and wanted and value != other and pair.since <= pair.until:
                found.add(pair)
    return tuple(sorted(found, key=lambda one: (one.until, one.since, one.secret, one.other), reverse=True))


def _held(case: Case) -> Iterator[tuple[SecretPlace, str, datetime, datetime]]:
    """Which value was where, from when until when it was seen there: by the ledger, and by the review now."""
    inventory = case.read.inventory.dropna(subset="fingerprint")
    now = {(SecretPlace.of(row), row.fingerprint) for row in rows(inventory)}
    still = {(one.home, one.fingerprint) for one in case.tenures if one.gone is None} & now
    for one in case.tenures:
        there = one.gone is None and (one.home, one.fingerprint) in still
        yield one.home, one.fingerprint, one.first.at, case.as_of if there else one.last.at
    yield from ((home, value, case.as_of, case.as_of) for home, value in sorted(now - still))


def answered_while_apart(case: Case, pair: PairApart, until: datetime) -> list[str]:
    """How many requests were answered while a pair differed, until an instant, if any were."""
    span = Window(pair.since, min(pair.until, until))
    asked = within(case.requests, span)
    count = int(asked.loc[asked["timed"] & succeeded(asked) & surely_within(asked, span), "count"].sum())
    since, last = (briefly(at, case.as_of) for at in (span.since, span.until))
    return [f"{pair} since {since}, and {count:,} requests were answered until {last}"] if count else []
