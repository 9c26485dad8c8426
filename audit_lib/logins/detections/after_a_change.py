"""What a change did to each source that fails after it: recovered, stuck, stale, unrelated, or a replay."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from audit_lib.logins.detections.alarm import Alarm
from audit_lib.logins.detections.recorded_changes import RecordedChange
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule
from audit_lib.logins.detections.traffic import Traffic

HOUR, DAY = 3600, 86400
HOURS = pd.Timedelta(hours=1)
UNRECORDED = "unrecorded change"
BEGUN = ("start", "deploy")
STALE = ("recovered", "stuck", "stale client")
REPLAY = "may replay the old value"


@dataclass(frozen=True)
class FailedAfterChange:
    """The sources that failed after one change, each with its class."""

    change: RecordedChange
    until: pd.Timestamp  # the end of the time that clients have to follow
    sources: pd.DataFrame  # client, kind, first_at, last_at, recovered_at, count
    failures: pd.DataFrame  # theirs, within that time

    @property
    def told(self) -> str:
        """What its clients are, for the incidents that they explain."""
        if self.change.name == UNRECORDED:
            return "clients that succeeded until an unrecorded change (A11)"
        if self.change.name in BEGUN:
            return f"clients that succeeded until a recorded {self.change.name} (A9)"
        return f"clients that still use the old {self.change.name} (A9)"

    @property
    def stale(self) -> frozenset[str]:
        """The clients that had a right secret before."""
        return frozenset(self.sources.loc[self.sources["kind"].isin(STALE), "client"])

    @property
    def stuck(self) -> frozenset[str]:
        """Those of them that still fail after the time to follow."""
        return frozenset(self.sources.loc[self.sources["kind"].eq("stuck"), "client"])


def after_changes(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> tuple[FailedAfterChange, ...]:
    """Each rotation of a secret that callers use; each start or deploy after which known callers fail."""
    found = []
    for change in traffic.changes:
        start = change.name in BEGUN
        if not start and policy.caller_secrets and change.name not in policy.caller_secrets:
            continue
        hours = policy.grace("deploy" if start else change.name)
        if start and _failing(traffic, change, hours) < rule["deploy_clients"]:
            continue
        after = _after(traffic, change, hours, rule)
        if not start or _shared(traffic, after, rule):
            found.append(after)
    return tuple(found)


def _failing(traffic: Traffic, change: RecordedChange, hours: float) -> int:
    """How many sources fail within the time to follow: most of many deploys need no closer look."""
    seconds = traffic.failures["seconds"].to_numpy()
    low, high = change.at.timestamp(), (change.until + hours * HOURS).timestamp()
    near = traffic.failures.iloc[seconds.searchsorted(low) : seconds.searchsorted(high, "right")]
    return int(near.loc[near["protected"], "client"].nunique())


def after_steps(
    traffic: Traffic, steps: Iterable[Alarm], rule: Rule, policy: DetectionPolicy
) -> tuple[FailedAfterChange, ...]:
    """The sources that fail after each step in the failures (A11), whose instant is known to the hour."""
    found = []
    for at in (step.first_at for step in steps if step.first_at is not None):
        hour = pd.Timestamp(at).floor("h")
        change = RecordedChange(UNRECORDED, hour - HOURS, hour + HOURS, "")
        found.append(_after(traffic, change, policy.grace(UNRECORDED), rule))
    return tuple(after for after in found if _shared(traffic, after, rule))


def _shared(traffic: Traffic, after: FailedAfterChange, rule: Rule) -> bool:
    """Whether many of the known sources fail after a change that nobody says to concern them.

    Few explain nothing: an attack that shares a known address, such as an office's, looks so.
    """
    if len(after.stale) < rule["deploy_clients"]:
        return False
    asked = traffic.requests[traffic.requests["protected"] & traffic.requests["client"].ne("")]
    start, end = after.change.at.timestamp(), after.change.until.timestamp()
    before = asked["succeeded"] & asked["seconds"].between(start - rule["days_before"] * DAY, start, "left")
    near = asked["seconds"].between(max(start, end - HOUR), end + 2 * HOUR)
    known = set(asked.loc[before, "client"].unique()) & set(asked.loc[near, "client"].unique())
    return len(after.stale) >= rule["share"] * len(known)


def _after(traffic: Traffic, change: RecordedChange, hours: float, rule: Rule) -> FailedAfterChange:
    """Each source that failed within the time that clients have to follow, with its class.

    Only sources that a class other than unrelated can hold are looked at one by one: a flood is not.
    """
    start, until = change.at.timestamp(), change.until + hours * HOURS
    failures = traffic.failures[traffic.failures["protected"] & traffic.failures["client"].ne("")]
    if change.environment:
        failures = failures[failures["environment"].isin(("", change.environment))]
    window = failures[failures["seconds"].between(start, until.timestamp())]
    table = window.groupby("client", sort=True, as_index=False).agg(
        first_at=("at", "first"), last_at=("at", "last"), count=("at", "size")
    )
    good = traffic.answered[traffic.answered["client"].isin(set(table["client"]))]
    before = good[good["seconds"].between(start - rule["days_before"] * DAY, start, "left")]
    tried = failures.loc[failures["seconds"].lt(start), "client"]
    strange = ~window["client"].isin({*good["client"].unique(), *tried.unique()})
    kinds: dict[str, tuple[str, pd.Timestamp | None]] = {}
    kinds |= dict.fromkeys(_steady(window[strange], rule), (REPLAY, None))
    still = set(traffic.failures.loc[traffic.failures["seconds"].gt(until.timestamp()), "client"].unique())
    answers = good.groupby("client")
    routes = before[["client", "route"]].drop_duplicates().groupby("client")["route"].agg(set)
    for client, own in window[window["client"].isin(routes.index)].groupby("client", sort=True):
        known = own[own["route"].isin(routes[client])]
        if len(known) and _fails_first(known, answered := answers.get_group(client), change):
            kinds[str(client)] = _kind(known, answered, stuck=client in still)
    given = [kinds.get(client, ("unrelated", None)) for client in table["client"]]
    table["kind"], table["recovered_at"] = ([one[place] for one in given] for place in (0, 1))
    return FailedAfterChange(change, until, table, window)


def _kind(known: pd.DataFrame, good: pd.DataFrame, *, stuck: bool) -> tuple[str, pd.Timestamp | None]:
    """The class of a source that had the old value, and when it was answered again, on whatever route."""
    later = good[good["seconds"].gt(known["seconds"].iloc[-1])]
    if len(later):
        return "recovered", later["at"].iloc[0]
    return "stuck" if stuck else "stale client", None


def _fails_first(known: pd.DataFrame, good: pd.DataFrame, change: RecordedChange) -> bool:
    """Whether the source fails on the route before it succeeds there again.

    If only the day or the hour of the change is known, two failures in a row are asked for instead.
    """
    if change.until > change.at:
        return _twice_in_a_row(known, good)
    first = known.iloc[0]
    again = good.loc[good["route"].eq(first["route"]), "seconds"]
    return not again.between(change.at.timestamp() + 60, first["seconds"] - 60).any()


def _twice_in_a_row(known: pd.DataFrame, good: pd.DataFrame) -> bool:
    """Whether two failures follow each other with no success between on either of their routes."""
    steps = list(zip(known["seconds"], known["route"], strict=True))
    for (first, one), (second, other) in pairwise(steps):
        between = good["seconds"].between(first, second) & good["route"].isin((one, other))
        if not between.any():
            return True
    return False


def _steady(strange: pd.DataFrame, rule: Rule) -> list[str]:
    """The sources that retry steadily: many failures, pauses of about the same length."""
    ordered = strange.sort_values(["client", "seconds"], kind="stable")
    pauses = ordered.groupby("client")["seconds"].diff().groupby(ordered["client"])
    mean, spread, count = pauses.mean(), pauses.std(ddof=0), pauses.size()
    steady = count.ge(rule["replay_failures"]) & mean.gt(0) & spread.le(rule["replay_spread"] * mean)
    return list(mean.index[steady])
