"""What was read for an incident, and what its window holds: requests, addresses, detections."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.in_words import POSSIBLE, Progress, quiet
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.tables import LeakAudit
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.logins import traffic as flow
from audit_lib.logins.coverage import cover
from audit_lib.logins.detect import FAMILIAR, MANY, QUICK, Incident, Verdict, in_windows, judge
from audit_lib.logins.parameters import DetectionPolicy, detection_policy, formats_of
from audit_lib.logs.read import cached_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import GivenValues, Policy, Project

GUESSING, LET_IN, URLS = ("guessing", "spraying"), "let-in", "secret-in-url"
KNOWN_CLIENTS, APPLICATION = "known-clients-failing", "application-failing"
MOST = 3  # addresses, pairs or routes that are few
LEARNT = timedelta(days=28)  # the longest that a detection looks back, new networks aside


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """What was read, and what is looked at. Holds no value: the keeper does.
    here, said  the requests and the events that may lie in the window; `is_seen`: any line may
    clients     who may have sent a request in it: known or new by those before it, however long ago
    judged      what each detection came to, by its name, in the order of DETECTIONS; `verdicts`: in it
    joined      who guessed, or is of a new network that got in, and was answered since without a login
    undecided   the answers of the window at logins that do not tell whether somebody got in
    """

    project: Project
    policy: Policy
    as_of: datetime
    rules: DetectionPolicy
    read: ProjectRead
    leaked: LeakAudit
    activity: flow.Activity  # requests and events of whatever time
    window: flow.Window
    secret: str = ""  # the one under suspicion; "" if none is named
    address: str = ""  # the one to look at; "" if none is named

    tenures = cached_property(lambda it: tenures(it.read.ledger))  # which value was in force where and when
    here = cached_property(lambda it: flow.within(it.activity.requests, it.window))
    said = cached_property(lambda it: flow.within(it.activity.events, it.window))
    is_seen = cached_property(lambda it: not (it.here.empty and it.said.empty))
    clients = cached_property(lambda it: flow.tabulate_clients(it.activity.requests, it.window, it.rules))

    @cached_property
    def traffic(self) -> flow.Traffic:
        """The traffic of the window and of the weeks before it, from which detections learn. It begins 28
        days earlier, more if `let-in` looks back further, but not before the first line."""
        requests, events = self.activity.requests, self.activity.events
        times = pd.concat([requests.loc[requests["timed"], "not_before_at"], events["at"]]).dropna()
        learnt = max(LEARNT, timedelta(days=self.rules.thresholds["let-in"].days + 1))  # a day to reach all
        begin = max(self.window.since - learnt, min([self.window.since, *times.nsmallest(1)]))
        span = flow.Window(begin, self.window.until)
        activity, declared = self.activity.within(span), self.project.log_sources
        recorded = flow.recorded_changes(self.read.ledger, activity.events, self.read.deploys, span)
        seen = sorted((*recorded, *map(_recorded, self.changes_seen)), key=lambda one: (one.at, one.name))
        return flow.Traffic(activity, self.rules, span, declared, tuple(seen), self.as_of)

    coverage = cached_property(lambda it: cover(it.traffic))  # the facts that earn a *none*
    judged = cached_property(lambda it: {one.detection: one for one in judge(it.traffic, it.coverage)})
    verdicts = cached_property(lambda it: {n: _in_window(one, it.window) for n, one in it.judged.items()})

    def found(self, *detections: str, accidents: bool = True) -> tuple[Incident, ...]:
        """What these detections found; without what they themselves explain as an accident, if asked."""
        every = (one for name in detections for one in self.verdicts[name].incidents)
        return tuple(one for one in every if accidents or one.severity != "info")

    def are_none(self, *detections: str) -> bool:
        """Whether each of these found nothing where the logs would have shown it."""
        return all(self.verdicts[name].verdict == "none" for name in detections)

    def may_have_missed(self, about: str, *detections: str) -> tuple[str, ...]:
        """Why these detections may have missed something: that never speaks against."""
        doubts = dict.fromkeys(self.verdicts[name].doubt for name in detections)
        return tuple(f"{about} may have been missed: {doubt}" for doubt in doubts if doubt)

    @property
    def lacks_history(self) -> str:
        """The logs without which nobody is known to be new; "" if they are there."""
        days = self.rules.thresholds["let-in"].days
        enough = self.activity.requests["not_before_at"].min() <= self.window.since - timedelta(days=days)
        return "" if enough else f"logs of {days:.0f} days before the window: without them nobody is new"

    @cached_property
    def new_addresses(self) -> pd.DataFrame:
        """One row for each address of a new network that was let in within the window, the busiest first. Its
        columns: client, network, successes (logins, and answers on protected routes), first_at (UTC), guessed
        (logins of its network had failed, or may have, as the detections count it)."""
        every, came = self.clients, [it.network for it in self.found(LET_IN) if it.seen_at]  # new then
        new = every.loc[every["classification"].eq("new network") | every["network"].isin(came), ["client"]]
        here = self.here.drop(self.undecided.index).query("timed and let_in").merge(new)
        found: pd.DataFrame = here.groupby(["client", "network"], as_index=False).agg(
            successes=("count", "sum"), first_at=("not_before_at", "min")
        )
        guessed = (*names_of(self.found(*GUESSING, LET_IN, accidents=False)), *self.many_tries.index)
        found["guessed"] = found["network"].isin({*map(flow.network_of, guessed)})
        return found.sort_values(["successes", "client"], ascending=[False, True], ignore_index=True)

    @cached_property
    def got_in(self) -> tuple[str, ...]:
        """Who was let in after failures and not for days before, then who joined, or is new and of a network
        that guessed, if any; of an address that is looked at that alone."""
        entered = names_of(it for it in self.found(LET_IN) if not it.cause)
        every = dict.fromkeys((*entered, *self.joined, *self.new_addresses.query("guessed")["client"]))
        return tuple(who for who in every if (entered or self.joined) and self.address in ("", who))

    @cached_property
    def returned(self) -> tuple[Incident, ...]:
        """The successes of who was let in for days before, after few and slow tries, and guesses beside them:
        an old token beside a new one looks so, or one that was renewed."""
        quick = {*in_windows(self.traffic.failures, "client", QUICK)["client"]}
        slow = [it for it in self.found(*GUESSING) if it.client not in quick and it.count < MANY]
        known = [it for it in self.found(LET_IN) if it.cause]
        pairs = ((it, pd.Series([own.first_at])) for it in slow for own in known if it.client == own.client)
        return *known, *(it for it, begun in pairs if it.cause or it.during(begun).all())

    joined = cached_property(lambda it: sorted({w for i in it.found(LET_IN, *GUESSING) for w in i.joined}))
    undecided = cached_property(lambda it: it.here[it.here["kind"].eq(POSSIBLE) | it.here["doubtful"]])

    @cached_property
    def many_tries(self) -> "pd.Series[int]":
        """So many of them as guessing takes, by address that is not known from before, the most first."""
        known = self.clients.query("classification in ('known', 'internal')")["client"]
        tries = self.undecided[~self.undecided["client"].isin(known)].dropna(subset="at")
        tries = tries.assign(seconds=tries["at"].astype("datetime64[s, UTC]").astype("int64"))
        tries = in_windows(tries, "client", self.rules.thresholds["guessing"].ladder)
        return tries.groupby("client")["count"].sum().sort_values(ascending=False, kind="stable")

    @cached_property
    def ended(self) -> pd.DataFrame:
        """Whose token or password has ended, by method and route: who was let in on three days and `answered`
        there is `refused` there alone, hardly answered `meanwhile`, slow, and near no guesser."""
        keys, ladder = ["client", "method", "route"], self.rules.thresholds["guessing"].ladder
        failed = self.traffic.failures.query("at >= @self.window.since and client != ''")
        tries = (it for name in (*GUESSING, LET_IN, KNOWN_CLIENTS) for it in self.judged[name].incidents)
        others = {
            *self.clients.query("classification == 'internal'")["network"],
            *map(flow.network_of, names_of(it for it in tries if it.severity != "low")),
            *in_windows(failed, "client", QUICK)["network"],
            *in_windows(failed.query("on_login and not mistype"), "client", ladder)["network"],
        }
        own = failed.assign(
            callers=failed.groupby(["method", "route"])["client"].transform("nunique"),
            routes=failed.groupby("client")["route"].transform("nunique"),
        )[~failed["network"].isin(others)]
        runs = (
            own.query(f"used and not on_login and callers == 1 and routes <= {MOST} and days >= {FAMILIAR}")
            .groupby(keys, as_index=False)
            .agg(first=("at", "min"), last=("at", "max"), refused=("at", "size"))
        )
        good = self.traffic.requests.query("200 <= status < 300").merge(runs, on=keys)
        sums = good.assign(
            answered=good["count"] * good["at"].lt(good["first"]),
            meanwhile=good["count"] * good["at"].between(good["first"], good["last"]),
        ).groupby(keys, as_index=False)
        return runs.merge(sums[["answered", "meanwhile"]].sum()).query(
            "answered > 0 and refused >= @ladder[-1][0] and meanwhile <= refused / 10"
        )

    callers_send = cached_property(lambda it: it.secret in ("", *(it.rules.caller_secrets or (it.secret,))))
    shows_who_is_new = cached_property(lambda it: not (it.lacks_history or it.verdicts[LET_IN].doubt))

    @cached_property
    def changes_seen(self) -> tuple[Tenure, ...]:
        """The values that changed between two snapshots, close enough together to say who failed after it. A
        change that is known less exactly than callers have time to follow says nothing about them."""
        every = ((one, timedelta(hours=self.rules.grace(one.home.secret))) for one in self.tenures)
        return tuple(
            one
            for one, grace in every
            if one.absent is not None and one.absent.fingerprint is not None
            if one.first.at >= self.window.since - grace and one.absent.at <= self.window.until
            if one.first.at - one.absent.at <= grace
        )

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
    """What there is to look at, of whatever time; its window is the last week. No log is read until something
    asks for it. Raises `BadInput` for a file that cannot be used."""
    rules = detection_policy(policy)
    logs = partial(cached_logs, project, keeper, formats=formats_of(project, policy), progress=progress)
    read = ProjectRead(
        project=project, policy=policy, keeper=keeper, as_of=as_of, given=given, read_logs=logs
    )
    options, stays = LeakOptions(cache=user_cache(), progress=progress), tenures(read.ledger)
    leaked = find_leaks(project, keeper, policy, read.entries, read.inventory, stays=stays, options=options)
    window = flow.Window(as_of - timedelta(days=7), as_of)
    return Case(project, policy, as_of, rules, read, leaked, flow.tabulate_activity(read.logs, rules), window)


def names_of(incidents: Iterable[Incident]) -> tuple[str, ...]:
    """The addresses that incidents name: the largest count of each decides, then the address itself."""
    counts = [(-it.count, name) for it in incidents for name in ([it.client] if it.client else it.clients)]
    return tuple(dict.fromkeys(name for _, name in sorted(counts)))


def _recorded(tenure: Tenure) -> flow.RecordedChange:
    assert tenure.absent is not None
    bounds = pd.Timestamp(tenure.absent.at), pd.Timestamp(tenure.first.at)
    return flow.RecordedChange(tenure.home.secret, *bounds, f"{tenure.absent.place}; {tenure.first.place}")


def _in_window(one: Verdict, window: flow.Window) -> Verdict:
    """What a detection found that may lie in the window; one without times may lie anywhere."""
    since, until, every = window.since, window.until, ((it, it.seen_at or it.last_at) for it in one.incidents)
    inside = tuple(it for it, last in every if (it.first_at or until) <= until and (last or since) >= since)
    return replace(one, incidents=inside, verdict="found" if inside else "unknown" if one.doubt else "none")
