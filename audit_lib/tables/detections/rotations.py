"""A9: what a rotation or a deploy did to each source that fails after it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit_lib.contracts import rows
from audit_lib.tables.detections.incidents import Incident, incident
from audit_lib.tables.detections.rules import DetectionPolicy, Rule
from audit_lib.tables.detections.traffic import Change, Traffic

HOUR, DAY = 3600, 86400
STALE = ("recovered", "stuck", "stale client")


@dataclass(frozen=True)
class Causes:
    """What explains failures that are no attack: sources with an old secret, and breaks of all sources."""

    after: tuple["After", ...] = ()
    breaks: tuple[Incident, ...] = ()

    def explanation(self, found: Incident) -> str:
        """Why the failures of an incident are an accident; "" where nothing on record explains them."""
        if found.first_at is None or found.last_at is None or not found.clients:
            return ""
        for one in self.breaks:
            if one.first_at is not None and one.last_at is not None and found.clients <= one.clients:
                early = found.first_at >= one.first_at - pd.Timedelta(minutes=10)
                if early and found.last_at <= one.last_at + pd.Timedelta(minutes=10):
                    return "within a break of the configuration (A10)"
        for after in self.after:
            # A client that is stuck goes on failing after the time to follow is over.
            within = found.last_at <= after.until or found.clients <= after.stuck
            if after.change.at <= found.first_at and within and found.clients <= after.stale:
                return f"clients that still use the old {after.change.name} (A9)"
        return ""


@dataclass(frozen=True)
class After:
    """The sources that failed after one change, each with its class."""

    change: Change
    until: pd.Timestamp  # the end of the time that clients have to follow
    sources: pd.DataFrame  # client, kind, first_at, last_at, recovered_at, count, failures (a frame each)

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

    Where only the day of the change is known, two failures in a row are asked for instead.
    """
    first = known.iloc[0]
    again = good.loc[good["route"].eq(first["route"]), "seconds"]
    if change.until > change.at:
        second = known.loc[known["route"].eq(first["route"]), "seconds"].iloc[1:2]
        return bool(len(second)) and not again.between(first["seconds"], second.iloc[0]).any()
    return not again.between(change.at.timestamp() + 60, first["seconds"] - 60).any()


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
