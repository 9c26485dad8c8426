"""What breaks for everyone: outages, the deploys around them, pairs of secrets that differ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import SEVERITIES, counted, instant_words
from audit_lib.incident.case import APPLICATION, KNOWN_CLIENTS, Case
from audit_lib.leaks.tables import PRODUCTION
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.logins.detect import EVERYONE, Incident
from audit_lib.logins.traffic import Window

PAUSE = timedelta(minutes=15)
_VARIABLES = re.compile(r"(?i)env[ _-]?(updated|changed|vars?)|variable|config")  # the causes of deploys


@dataclass(frozen=True)
class Outage:
    """A stretch in which many requests failed, also of known addresses, or of which messages tell."""

    first_at: datetime
    last_at: datetime
    failed: pd.DataFrame  # the requests that did
    errors: bool  # they were not refused, but answered with server errors
    told: Incident | None = None  # what messages tell, if requests do not
    also: tuple[Incident, ...] = ()  # what messages tell beside requests
    named = property(lambda it: next((one.classification for one in (it.told, *it.also) if one), ""))

    def __str__(self) -> str:
        how, failed = "answered with server errors" if self.errors else "refused", self.failed
        who = f"{failed['count'].sum()} requests of {failed['client'].nunique()} addresses"
        what = f"{who} were {how}{''.join(f', and {it.classification},' for it in self.also)}"
        told = f"{self.told.classification} ({counted(self.told.count, 'message')})" if self.told else what
        return f"{told} from {instant_words(self.first_at)} to {instant_words(self.last_at)}"


def find_outage(case: Case) -> Outage | None:
    """The outage with most refused requests, else server errors of all clients, else what messages tell."""
    refused = [one for one in case.found(KNOWN_CLIENTS) if one.severity == "high"]
    broken = refused or [
        one for one in case.found(APPLICATION) if one.subject in (EVERYONE, "database", "connection")
    ]
    shown = case.here.query("timed and refused" if refused else "timed and status >= 500")
    worst = max(broken, key=lambda one: (SEVERITIES.index(one.severity), one.count), default=None)
    failed = shown[worst.during(shown["not_before_at"])] if worst else shown[:0]
    if worst and worst.first_at and worst.last_at and not (refused or worst.subject == EVERYONE):
        return Outage(worst.first_at, worst.last_at, failed, errors=True, told=worst)
    if failed.empty or not worst:
        return None
    first, last = (at.to_pydatetime() for at in failed["not_before_at"].agg(["min", "max"]))
    down = (one for one in broken if one.subject == "database" and one.during(failed["not_before_at"]).any())
    return Outage(first, last, failed, errors=not refused, also=tuple(down)[:1])


def deploys_around(case: Case, outage: Outage) -> tuple[Any, Any]:
    """The rows of `Deploys` of the last that may have taken effect before it, and the first that began after.
    Each within the time that clients have to follow a deploy; None if there is none."""
    grace, deploys = timedelta(hours=case.rules.grace("deploy")), case.read.deploys
    done = deploys[deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()]
    every = list(rows(done.sort_values("began_at", kind="stable")))
    before = [one for one in every if one.began_at <= outage.first_at <= one.ended_at + grace]
    after = [one for one in every if outage.last_at <= one.began_at <= outage.last_at + grace]
    return before[-1] if before else None, after[0] if after else None


def is_of_variables(deploy: Any) -> bool:
    """Whether a change of variables set a deploy off, by what the platform calls its cause."""
    return bool(_VARIABLES.search(deploy.trigger))


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
    """The pairs of production, or of the secret that is asked for, the latest first. Each from when until
    when both values are known to have been there, by ledger and inventory."""
    held, found = list(_held(case)), set()
    for mine, value, since, until in held:
        equals = rule.equals if (rule := case.policy.rule(mine.secret)) else ()
        for theirs, other, begin, end in held:
            one, two = sorted((mine.secret, theirs.secret))
            pair = PairApart(one, two, mine.environment, max(since, begin), min(until, end))
            paired = theirs.secret in equals and theirs.environment == mine.environment
            wanted = case.secret in (one, two) if case.secret else mine.environment == PRODUCTION
            if paired and wanted and value != other and pair.since <= pair.until:
                found.add(pair)
    return tuple(sorted(found, key=lambda one: (one.until, one.since, one.secret, one.other), reverse=True))


def _held(case: Case) -> Iterator[tuple[SecretPlace, str, datetime, datetime]]:
    inventory = case.read.inventory.dropna(subset="fingerprint")
    now = {(SecretPlace.of(row), row.fingerprint) for row in rows(inventory)}
    still = {(one.home, one.fingerprint) for one in case.tenures if one.gone is None} & now
    for one in case.tenures:
        there = one.gone is None and (one.home, one.fingerprint) in still
        yield one.home, one.fingerprint, one.first.at, case.as_of if there else one.last.at
    yield from ((home, value, case.as_of, case.as_of) for home, value in sorted(now - still))
