"""What was read for an incident, and what its window holds: requests, addresses, detections."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import pandas as pd

from audit_lib.leaks.find_leaks import LeakAudit
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.logins.coverage import Coverage, cover
from audit_lib.logins.detect import Verdict, judge
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.requests import (
    Activity,
    Window,
    network_of,
    reaches_back,
    tabulate_clients,
    unanswered,
    within,
)
from audit_lib.logins.traffic import RecordedChange, Traffic, gather, recorded_changes
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import GivenValues, Policy, Project

GUESSING = ("guessing", "spraying")
LET_IN, KNOWN_CLIENTS, APPLICATION = "let-in", "known-clients-failing", "application-failing"
LEARNT = timedelta(days=28)  # the longest that a detection looks back, new networks aside


@dataclass(frozen=True)
class NewAddress:
    """An address of a network that is new, and was let in or answered on a protected route."""

    name: str
    successes: int
    first_at: datetime
    guessed: bool  # logins of its network had failed, as the detections count it


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """What was read, and what is looked at. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    as_of: datetime
    given: tuple[GivenValues, ...]
    read: ProjectRead  # logs of whatever time
    leaked: LeakAudit
    activity: Activity  # requests and events, all that were read
    window: Window
    secret: str = ""  # the one under suspicion; "" if none is named
    address: str = ""  # the one to look at; "" if none is named

    @cached_property
    def rules(self) -> DetectionPolicy:
        """What the detections go by: the policy's [detections], the only thresholds there are."""
        return detection_policy(self.policy)

    @property
    def requests(self) -> pd.DataFrame:
        """`Requests`, all that were read."""
        return self.activity.requests

    @property
    def events(self) -> pd.DataFrame:
        """`LogEvents`, all that were read; one with a time has it as both bounds."""
        return self.activity.events

    @cached_property
    def tenures(self) -> tuple[Tenure, ...]:
        """Which value was in force where and when, by the ledger."""
        return tenures(self.read.ledger)

    @cached_property
    def here(self) -> pd.DataFrame:
        """The requests that may lie in the window."""
        return within(self.requests, self.window)

    @cached_property
    def said(self) -> pd.DataFrame:
        """The events that may lie in the window."""
        return within(self.events, self.window)

    @property
    def is_seen(self) -> bool:
        """Whether any line that was read may lie in the window; if none, what happened is not known."""
        return not (self.here.empty and self.said.empty)

    @cached_property
    def clients(self) -> pd.DataFrame:
        """`Clients`: everyone who may have sent a request in the window."""
        return tabulate_clients(self.requests, self.window, self.rules)

    # ---- Detections ----

    @cached_property
    def traffic(self) -> Traffic:
        """The traffic of the window and of the weeks before it, from which detections learn."""
        return _traffic(self)

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """What each detection came to in the window."""
        judged = judge(self.traffic, self.coverage)
        return {one.detection: _in_window(one, self.window) for one in judged}

    @cached_property
    def coverage(self) -> Coverage:
        """The facts that earn a *none*."""
        return cover(self.traffic)

    @property
    def hidden_callers(self) -> str:
        """Why addresses are, or may be, a proxy's and not the callers'; "" if they are theirs."""
        return self.traffic.collapsed or self.coverage.reason(["clients are callers"])

    def found(self, *detections: str) -> tuple[Incident, ...]:
        """What these detections found."""
        return tuple(one for name in detections for one in self.verdicts[name].incidents)

    def threats(self, *detections: str) -> tuple[Incident, ...]:
        """What these found and do not themselves explain as an accident."""
        return tuple(one for one in self.found(*detections) if one.severity != "info")

    def are_none(self, *detections: str) -> bool:
        """Whether each of these found nothing where the logs would have shown it."""
        return all(self.verdicts[name].verdict == "none" for name in detections)

    def doubts(self, *detections: str) -> tuple[str, ...]:
        """Each reason why one of these may have missed something."""
        doubts = (self.verdicts[name].doubt for name in detections)
        return tuple(dict.fromkeys(doubt for doubt in doubts if doubt))

    # ---- Who is new ----

    @property
    def lacks_history(self) -> bool:
        """Whether the logs reach too little back for anybody to be known as new."""
        return not reaches_back(self.requests, self.window, self.rules.thresholds["let-in"].days)

    @cached_property
    def new_addresses(self) -> tuple[NewAddress, ...]:
        """The new addresses that were answered in the window, the busiest first."""
        return _new_addresses(self)

    @property
    def shows_nobody_new(self) -> bool:
        """Whether logs that would have shown a new address show none."""
        return not (self.lacks_history or self.doubts(LET_IN) or self.new_addresses)

    @cached_property
    def changes_seen(self) -> tuple[Tenure, ...]:
        """The values that changed between two snapshots, close enough together to say who failed after it.

        A change that is known less exactly than callers have time to follow says nothing about them.
        """
        found = []
        for tenure in self.tenures:
            if tenure.absent is None or tenure.absent.fingerprint is None:
                continue
            grace = timedelta(hours=self.rules.grace(tenure.home.secret))
            near = tenure.first.at >= self.window.since - grace and tenure.absent.at <= self.window.until
            if near and tenure.first.at - tenure.absent.at <= grace:
                found.append(tenure)
        return tuple(found)


def lets_in(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which answers are those of somebody who is in, or gets in: on a protected route, or to a POST."""
    asked = requests["protected"] | requests["method"].eq("POST")
    return asked & ~unanswered(requests) & requests["status"].lt(400)


def names_of(incidents: Iterable[Incident]) -> tuple[str, ...]:
    """The addresses that incidents name, the most failures first."""
    counts: dict[str, int] = {}
    for one in incidents:
        for name in [one.client] if one.client else sorted(one.clients):
            counts[name] = max(counts.get(name, 0), one.count)
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))


def _traffic(case: Case) -> Traffic:
    window = case.window
    times = (case.requests.loc[case.requests["timed"], "not_before_at"].min(), case.events["at"].min())
    # Days before the first line are not a gap in what was kept: they are left out.
    first = min([window.since, *(at for at in times if not pd.isna(at))])
    # A network is new by the days before its first request: one more than the number, to reach them all.
    learnt = max(LEARNT, timedelta(days=case.rules.thresholds["let-in"].days + 1))
    span = Window(max(window.since - learnt, first), window.until)
    activity = case.activity.within(span)
    recorded = recorded_changes(case.read.ledger, activity.events, case.read.deploys, span)
    seen = (*recorded, *map(_recorded, case.changes_seen))
    changes = tuple(sorted(seen, key=lambda one: (one.at, one.name, one.place)))
    declared = case.project.log_sources
    return gather(activity, case.rules, span, changes=changes, log_sources=declared, as_of=case.as_of)


def _recorded(tenure: Tenure) -> RecordedChange:
    assert tenure.absent is not None
    bounds = pd.Timestamp(tenure.absent.at), pd.Timestamp(tenure.first.at)
    place = f"{tenure.absent.place}; {tenure.first.place}"
    return RecordedChange(tenure.home.secret, *bounds, place, tenure.home.environment)


def _in_window(one: Verdict, window: Window) -> Verdict:
    """What a detection found that may lie in the window; one without times may lie anywhere."""
    inside = tuple(
        found
        for found in one.incidents
        if (found.first_at is None or found.first_at <= window.until)
        and (found.last_at is None or found.last_at >= window.since)
    )
    if inside or not one.incidents:
        return replace(one, incidents=inside)
    return replace(one, verdict="unknown" if one.doubt else "none", incidents=())


def _new_addresses(case: Case) -> tuple[NewAddress, ...]:
    clients, here = case.clients, case.here[case.here["timed"] & lets_in(case.here)]
    new = set(clients.loc[clients["classification"].eq("new network"), "client"])
    guessed = {network_of(name) for name in names_of(case.threats(*GUESSING, LET_IN))}
    found = [
        NewAddress(
            str(name), int(mine["count"].sum()), mine["not_before_at"].min(), network_of(str(name)) in guessed
        )
        for name, mine in here.groupby("client", observed=True)
        if name in new
    ]
    return tuple(sorted(found, key=lambda one: (-one.successes, one.name)))
