"""What was read for an incident, and what its window holds: requests, addresses, detections."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.progress import Progress, quiet
from audit_lib.leaks.find_leaks import LeakAudit, LeakOptions, find_leaks
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.logins.changes import RecordedChange
from audit_lib.logins.coverage import Coverage, cover
from audit_lib.logins.detect import Verdict, judge
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.parameters import DetectionPolicy, detection_policy, formats_of
from audit_lib.logins.requests import (
    Window,
    bounded,
    network_of,
    reaches_back,
    tabulate_clients,
    tabulate_requests,
    unanswered,
    within,
)
from audit_lib.logins.traffic import Traffic, gather
from audit_lib.logs.project_logs import cached_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import ProjectRead, read_project
from audit_lib.settings import GivenValues, Policy, Project

GUESSING = ("guessing", "spraying")
LET_IN, KNOWN_CLIENTS, APPLICATION = "let-in", "known-clients-failing", "application-failing"
URLS = "secret-in-url"
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
    read: ProjectRead  # logs of whatever time
    leaked: LeakAudit
    requests: pd.DataFrame  # Requests, all that were read
    events: pd.DataFrame  # LogEvents, all that were read, `bounded`
    window: Window
    secret: str = ""  # the one under suspicion; "" if none is named
    address: str = ""  # the one to look at; "" if none is named

    @cached_property
    def rules(self) -> DetectionPolicy:
        """What the detections go by: the policy's [detections], the only thresholds there are."""
        return detection_policy(self.policy)

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
        days, all_real = self.rules.let_in.days, bool(self.rules.clients)
        return tabulate_clients(self.requests, self.window, days, all_real=all_real)

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

    def may_have_missed(self, about: str, *detections: str) -> tuple[str, ...]:
        """Why these detections may have missed something: that never speaks against."""
        doubts = dict.fromkeys(self.verdicts[name].doubt for name in detections)
        return tuple(f"{about} may have been missed: {doubt}" for doubt in doubts if doubt)

    # ---- Who is new, and what changed ----

    @property
    def lacks_history(self) -> str:
        """The logs without which nobody is known to be new; "" if they are there."""
        days = self.rules.let_in.days
        enough = reaches_back(self.requests, self.window, days)
        return "" if enough else f"logs of {days:.0f} days before the window: without them nobody is new"

    @cached_property
    def new_addresses(self) -> tuple[NewAddress, ...]:
        """The new addresses that were answered in the window, the busiest first."""
        here = self.here[self.here["timed"] & lets_in(self.here)]
        new = set(self.clients.loc[self.clients["classification"].eq("new network"), "client"])
        guessed = {network_of(name) for name in names_of(self.threats(*GUESSING, LET_IN))}
        found = [
            NewAddress(
                name, int(mine["count"].sum()), mine["not_before_at"].min(), network_of(name) in guessed
            )
            for name, mine in here.astype({"client": "str"}).groupby("client")
            if name in new
        ]
        return tuple(sorted(found, key=lambda one: (-one.successes, one.name)))

    @property
    def shows_who_is_new(self) -> bool:
        """Whether the logs would have shown a new address that was answered."""
        return not (self.lacks_history or self.verdicts[LET_IN].doubt)

    @cached_property
    def changes_seen(self) -> tuple[Tenure, ...]:
        """The values that changed between two snapshots, close enough together to say who failed after it.

        A change that is known less exactly than callers have time to follow says nothing about them.
        """
        found = []
        for one in self.tenures:
            if one.absent is not None and one.absent.fingerprint is not None:
                grace = timedelta(hours=self.rules.grace(one.home.secret))
                near = one.first.at >= self.window.since - grace and one.absent.at <= self.window.until
                found += [one] if near and one.first.at - one.absent.at <= grace else []
        return tuple(found)

    def coupled(self, secret: str) -> tuple[str, ...]:
        """The variables that must change with a secret, by the policy."""
        rule = self.policy.rule(secret) if secret else None
        return (*rule.equals, *rule.rotates_with) if rule else ()


def read_case(  # noqa: PLR0917
    project: Project,
    policy: Policy,
    keeper: Keeper,
    as_of: datetime,
    given: tuple[GivenValues, ...] = (),
    progress: Progress = quiet,
) -> Case:
    """What there is to look at, of whatever time; its window is the last week."""
    rules = detection_policy(policy)
    logs = partial(cached_logs, project, keeper, formats=formats_of(project, policy), progress=progress)
    read = read_project(project, policy, keeper, as_of, logs, given=given)
    options = LeakOptions(cache=user_cache(), patterns=False, progress=progress)
    stays, parts = tenures(read.ledger), (read.entries, read.inventory)
    leaked = find_leaks(project, keeper, policy, *parts, stays=stays, options=options)
    frames = read.logs.minutes, read.logs.counts, rules.access, rules.refused_statuses
    events, window = bounded(read.logs.events), Window(as_of - timedelta(days=7), as_of)
    return Case(project, policy, as_of, read, leaked, tabulate_requests(*frames), events, window)


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
    window, logs = case.window, case.read.logs
    times = (case.requests.loc[case.requests["timed"], "not_before_at"].min(), case.events["at"].min())
    # Days before the first line are not a gap in what was kept: they are left out.
    first = min([window.since, *(at for at in times if not pd.isna(at))])
    # A network is new by the days before its first request: one more than the number, to reach them all.
    learnt = max(LEARNT, timedelta(days=case.rules.let_in.days + 1))
    span = Window(max(window.since - learnt, first), window.until)
    requests = within(case.requests, span)
    minutes = requests[requests["timed"]].rename(columns={"not_before_at": "minute_at"})
    days = logs.counts["day"].astype("str")
    dated = logs.counts["day"].isna() | days.between(f"{span.since:%Y-%m-%d}", f"{span.until:%Y-%m-%d}")
    traffic = gather(
        logs.sources,
        _as_texts(logs.counts[dated]),
        _as_texts(within(case.events, span)),
        minutes.reset_index(drop=True),
        case.read.ledger,
        case.rules,
        span.since,
        span.until,
        case.read.deploys,
        log_sources=case.project.log_sources,
        as_of=case.as_of,
    )
    changes = (*traffic.changes, *map(_recorded, case.changes_seen))
    return replace(traffic, changes=tuple(sorted(changes, key=lambda one: (one.at, one.name, one.place))))


def _recorded(tenure: Tenure) -> RecordedChange:
    assert tenure.absent is not None
    bounds = pd.Timestamp(tenure.absent.at), pd.Timestamp(tenure.first.at)
    place = f"{tenure.absent.place}; {tenure.first.place}"
    return RecordedChange(tenure.home.secret, *bounds, place, tenure.home.environment)


def _as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    coded = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(coded, "str")).reset_index(drop=True)


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
