"""A9: what a rotation or a deploy did to each source that fails after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from audit_lib.contracts import rows
from audit_lib.tables.detections.incidents import Incident, incident
from audit_lib.tables.detections.rules import DetectionPolicy, Rule
from audit_lib.tables.detections.traffic import Change, Traffic

HOUR, DAY = 3600, 86400
HOURS = pd.Timedelta(hours=1)
UNRECORDED = "unrecorded change"
STALE = ("recovered", "stuck", "stale client")


@dataclass(frozen=True)
class Causes:
    """What explains failures that are no attack: sources with an old secret, and breaks of all sources."""

    after: tuple["After", ...] = ()
    breaks: tuple[Incident, ...] = ()
    steps: tuple[Incident, ...] = ()  # A11: changes on no record
    after_steps: tuple["After", ...] = ()

    def explanation(self, found: Incident) -> str:
        """Why the failures of an incident are an accident; "" where nothing on record explains them."""
        if found.first_at is None or found.last_at is None or not found.clients:
            return ""
        for one in self.breaks:
            if one.first_at is not None and one.last_at is not None and found.clients <= one.clients:
                early = found.first_at >= one.first_at - pd.Timedelta(minutes=10)
                if early and found.last_at <= one.last_at + pd.Timedelta(minutes=10):
                    return "within a break of the configuration (A10)"
        for after in (*self.after, *self.after_steps):
            # A client that is stuck goes on failing after the time to follow is over.
            within = found.last_at <= after.until or found.clients <= after.stuck
            if after.change.at <= found.first_at and within and found.clients <= after.stale:
                return after.told
        return ""


@dataclass(frozen=True)
class After:
    """The sources that failed after one change, each with its class."""

    change: Change
    until: pd.Timestamp  # the end of the time that clients have to follow
    sources: pd.DataFrame  # client, kind, first_at, last_at, recovered_at, count, failures (a frame each)

    @property
    def told(self) -> str:
        """What its clients are, for the incidents that they explain."""
        if self.change.name == UNRECORDED:
            return "clients that succeeded until a change on no record (A11)"
        return f"clients that still use the old {self.change.name} (A9)"

    @property
    def stale(self) -> frozenset[str]:
        """The clients that had a right secret before."""
        return frozenset(self.sources.loc[self.sources["kind"].isin(STALE), "client"])

    @property
    def stuck(self) -> frozenset[str]:
        """Those of them that still fail after the time to follow."""
        return frozenset(self.sources.loc[self.sources["kind"].eq("stuck"), "client"])


def after_changes(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> tuple[After, ...]:
    """Each rotation of a secret that callers use, and each start after which known callers fail."""
    found = []
    for change in traffic.changes:
        if change.name != "start" and policy.caller_secrets and change.name not in policy.caller_secrets:
            continue
        hours = policy.grace("deploy" if change.name == "start" else change.name)
        after = After(
            change, change.until + pd.Timedelta(hours=hours), _sources(traffic, change, hours, rule)
        )
        if change.name != "start" or len(after.stale) >= rule["deploy_clients"]:
            found.append(after)
    return tuple(found)


def after_steps(
    traffic: Traffic, steps: Iterable[Incident], rule: Rule, policy: DetectionPolicy
) -> tuple[After, ...]:
    """The sources that fail after each step in the failures (A11), whose instant is known to the hour.

    A step of which only few of the known sources are part explains nothing: an attack that shares a known
    address, such as an office's, looks so.
    """
    found = []
    hours = policy.grace(UNRECORDED)
    for at in (step.first_at for step in steps if step.first_at is not None):
        hour = pd.Timestamp(at).floor("h")
        change = Change(UNRECORDED, hour - HOURS, hour + HOURS, "")
        after = After(change, change.until + hours * HOURS, _sources(traffic, change, hours, rule))
        known = _known(traffic, change, rule)
        if len(after.stale) >= max(rule["deploy_clients"], rule["step_share"] * len(known)):
            found.append(after)
    return tuple(found)


def _known(traffic: Traffic, change: Change, rule: Rule) -> set[str]:
    """The sources that succeeded before a change and ask in the hours after it."""
    asked = traffic.requests[traffic.requests["protected"] & traffic.requests["client"].ne("")]
    start = change.at.timestamp()
    before = asked["succeeded"] & asked["seconds"].between(start - rule["days_before"] * DAY, start, "left")
    near = asked["seconds"].between(change.until.timestamp() - HOUR, change.until.timestamp() + 2 * HOUR)
    return set(asked.loc[before, "client"]) & set(asked.loc[near, "client"])


def _sources(traffic: Traffic, change: Change, hours: float, rule: Rule) -> pd.DataFrame:
    """One row for each source that failed within the time that clients have to follow."""
    start, end = change.at.timestamp(), change.until.timestamp() + hours * HOUR
    failures = traffic.failures[traffic.failures["protected"] & traffic.failures["client"].ne("")]
    if change.environment:
        failures = failures[failures["environment"].isin(("", change.environment))]
    window = failures[failures["seconds"].between(start, end)]
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    good = good[good["client"].isin(set(window["client"]))]
    found = []
    for client, own in window.groupby("client", sort=True):
        mine = good[good["client"].eq(client)]
        earlier = failures[failures["client"].eq(client) & failures["seconds"].lt(start)]
        found.append(_class(str(client), own, mine, earlier, change, end, rule, traffic))
    columns = ["client", "kind", "first_at", "last_at", "recovered_at", "count", "failures"]
    return pd.DataFrame(found, columns=columns)


def _class(  # noqa: PLR0917  the facts about one source
    client: str,
    own: pd.DataFrame,
    good: pd.DataFrame,
    earlier: pd.DataFrame,
    change: Change,
    end: float,
    rule: Rule,
    traffic: Traffic,
) -> dict[str, Any]:
    start = change.at.timestamp()
    before = good[good["seconds"].between(start - rule["days_before"] * DAY, start, "left")]
    known = own[own["route"].isin(set(before["route"]))]
    row = {
        "client": client,
        "kind": "unrelated",
        "first_at": own["at"].iloc[0],
        "last_at": own["at"].iloc[-1],
        "recovered_at": None,
        "count": len(own),
        "failures": own,
    }
    if len(known) and _fails_first(known, good, change):
        later = good[good["seconds"].gt(known["seconds"].iloc[-1]) & good["route"].isin(set(known["route"]))]
        if len(later):
            return {**row, "kind": "recovered", "recovered_at": later["at"].iloc[0]}
        still = traffic.failures[traffic.failures["client"].eq(client) & traffic.failures["seconds"].gt(end)]
        return {**row, "kind": "stuck" if len(still) else "stale client"}
    if before.empty and earlier.empty and _replays(own, good, rule):
        return {**row, "kind": "may replay the old value"}
    return row


def _fails_first(known: pd.DataFrame, good: pd.DataFrame, change: Change) -> bool:
    """Whether the source fails on the route before it succeeds there again.

    Where only the day or the hour of the change is known, two failures in a row are asked for instead.
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


def _replays(own: pd.DataFrame, good: pd.DataFrame, rule: Rule) -> bool:
    """A steady retry: many failures, no success, pauses of about the same length."""
    pauses = own["seconds"].diff().dropna()
    if len(own) < rule["replay_failures"] or len(good) or pauses.mean() == 0:
        return False
    return bool(pauses.std(ddof=0) / pauses.mean() <= rule["replay_spread"])


def classified(after: tuple[After, ...], rule: Rule) -> list[Incident]:
    """A9: one row for each change that known sources failed after, and one for each of these sources."""
    found = []
    for one in after:
        if not one.stale and not one.sources["kind"].eq("may replay the old value").any():
            continue
        found.append(_summary(one, rule))
        for row in rows(one.sources[one.sources["kind"].ne("unrelated")]):
            severity = {"recovered": "info", "stale client": "low", "stuck": rule.severity}.get(
                row.kind, "high"
            )
            text = f"{row.kind} after {_named(one.change)}"
            found.append(incident(row.failures, text, severity, client=row.client))
    return found


def _named(change: Change) -> str:
    when = f"{change.at:%Y-%m-%d}" if change.until > change.at else f"{change.at:%Y-%m-%d %H:%M}"
    return f"the start of {when}" if change.name == "start" else f"the rotation of {change.name} ({when})"


def _summary(one: After, rule: Rule) -> Incident:
    """Numbers by class, how long clients took, and what failed on after the grace time."""
    kinds = one.sources["kind"].value_counts()
    parts = [
        f"{kinds[kind]} {kind}" for kind in (*STALE, "may replay the old value", "unrelated") if kind in kinds
    ]
    back = one.sources.dropna(subset=["recovered_at"])
    text = f"after {_named(one.change)}: {', '.join(parts)}"
    if len(back):
        waits = pd.to_datetime(back["recovered_at"], utc=True) - pd.to_datetime(back["first_at"], utc=True)
        text += f"; half of those back within {waits.median().total_seconds() / 60:.0f} minutes"
    return Incident(
        text,
        rule.severity if "stuck" in kinds else "info",
        int(one.sources.loc[one.sources["kind"].isin(STALE), "count"].sum()),
        subject=one.change.name,
        first_at=one.change.at,
        last_at=one.sources["last_at"].max(),
        evidence=(one.change.place,),
    )
