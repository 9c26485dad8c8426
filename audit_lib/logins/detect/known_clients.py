"""Known clients failing: those that were let in before fail from about the same time on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit_lib.base.in_words import counted, day_words, instant_words
from audit_lib.logins.changes import RecordedChange
from audit_lib.logins.detect.incidents import EVERYONE, Incident, in_windows, incident
from audit_lib.logins.traffic import Traffic

HOUR = 3600
HOURS = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Onset:
    """Known clients that begin to fail together, by a change on record or by none."""

    change: RecordedChange | None
    runs: pd.DataFrame  # client, first (seconds), last, recovered (seconds; null: never)
    failures: pd.DataFrame  # theirs, in order of time


def find_onsets(traffic: Traffic) -> tuple[Onset, ...]:
    """Each onset: after a change on record those that fail within the time to follow it, then the rest."""
    failures = _of_known(traffic)
    runs = _runs(traffic, failures)
    found = []
    for change in reversed(traffic.changes):  # the nearest change before it is the cause
        own = _after(traffic, change, runs)
        if _is_onset(traffic, change, own):
            found.append(_onset(change, own, failures))
            runs = runs.drop(own.index)
    rule, together = traffic.policy.known_clients_failing, runs.assign(all=EVERYONE, seconds=runs["first"])
    together = together.sort_values("seconds", kind="stable")
    least = 1 if traffic.collapsed else rule.clients
    marks = in_windows(together, "all", rule.onset_minutes, 1, label="client", labels=least)
    loose = together[marks]
    groups = loose["seconds"].diff().gt(rule.onset_minutes * 60).cumsum()
    for _, own in loose.groupby(groups):
        if _is_onset(traffic, None, own):
            found.append(_onset(None, own, failures))
    return tuple(sorted(found, key=lambda one: float(one.runs["first"].min())))


def _of_known(traffic: Traffic) -> pd.DataFrame:
    """The failures of clients on protected routes or logins that were let in before, but for mistypes."""
    failures = traffic.failures
    asked = failures["known"] & (failures["protected"] | failures["on_login"])
    return failures[asked & failures["client"].ne("") & ~failures["mistype"]]


def _runs(traffic: Traffic, failures: pd.DataFrame) -> pd.DataFrame:
    """The runs of failures of a client that no success parts, and that last; one row each."""
    groups = failures.groupby(["client", failures["success"].fillna(np.inf)], sort=False)
    runs = groups["seconds"].agg(first="min", last="max", count="size").reset_index()
    runs["recovered"] = runs.pop("success").replace(np.inf, np.nan)
    lasts = runs["recovered"].fillna(runs["last"]) - runs["first"]
    # A single failure with an answer hours later is a session that was over.
    lasting = lasts.gt(traffic.policy.known_clients_failing.minutes * 60) & runs["count"].ge(2)
    return runs[lasting].reset_index(drop=True)


def _after(traffic: Traffic, change: RecordedChange, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that begin within the time that clients have to follow a change, if it concerns them."""
    policy = traffic.policy
    concerns = not policy.caller_secrets or change.name in policy.caller_secrets
    if change.kind == "rotation" and not concerns:
        return runs.iloc[:0]
    hours = policy.grace(change.name if change.kind == "rotation" else "deploy")
    low, high = change.at.timestamp() - 60, (change.until + hours * HOURS).timestamp()
    return runs[runs["first"].between(low, high)]


def _is_onset(traffic: Traffic, change: RecordedChange | None, runs: pd.DataFrame) -> bool:
    """Whether many of the known clients fail, if nobody says that the change concerns them.

    Few explain nothing: an attack that shares a known address, such as an office's, looks so.
    """
    if change is not None and change.kind == "rotation":
        return len(runs) > 0
    rule, clients = traffic.policy.known_clients_failing, runs["client"].nunique()
    if runs.empty or clients < (1 if traffic.collapsed else rule.clients):
        return False
    good = traffic.requests[traffic.requests["let_in"] & traffic.requests["client"].ne("")]
    first, last = runs["first"].min(), runs["first"].max()
    known = set(good.loc[good["seconds"].lt(first), "client"].unique())
    near = traffic.requests["seconds"].between(first - 60, last + 2 * HOUR)
    asking = known & set(traffic.requests.loc[near, "client"].unique())
    return bool(clients >= rule.share * len(asking))


def _onset(change: RecordedChange | None, runs: pd.DataFrame, failures: pd.DataFrame) -> Onset:
    spans = runs.set_index("client")[["first", "last"]]
    own = failures[failures["client"].isin(spans.index)].join(spans, on="client")
    own = own[own["seconds"].between(own["first"], own["last"])]
    own = own[~own.index.duplicated()].drop(columns=["first", "last"])
    return Onset(change, runs, own.sort_values(["at", "file", "line"], kind="stable"))


def find_known_clients_failing(traffic: Traffic, onsets: tuple[Onset, ...]) -> list[Incident]:
    """An incident for each onset: how many fail, how many are let in again, and what is on record before."""
    return [_incident(traffic, one) for one in onsets]


def _incident(traffic: Traffic, onset: Onset) -> Incident:
    rule, runs = traffic.policy.known_clients_failing, onset.runs
    first, last = runs["first"].min(), runs["recovered"].fillna(runs["last"]).max()
    back = runs["recovered"].dropna() - runs["first"]
    number = runs["client"].nunique()
    words = [f"{counted(number, 'known client')} failed {_cause(onset)}"]
    if len(back):
        words.append(f"{len(back)} let in again, half of them within {back.median() / 60:.0f} minutes")
    if stuck := int(runs["recovered"].isna().sum()):
        words.append(f"{stuck} not until the last failure")
    share = _failing_share(traffic, first, float(runs["last"].max()))
    everyone = share >= rule.everyone
    if everyone:
        words.append(f"{share:.0%} of the requests failed")
    harmless = onset.change is not None and onset.change.kind == "rotation" and not stuck
    severity = "high" if everyone else "info" if harmless else rule.severity
    change = onset.change
    return incident(
        onset.failures,
        "; ".join(words),
        severity,
        subject=change.name if change and change.kind == "rotation" else EVERYONE,
        cause=change.kind if change else "",
        last_at=pd.Timestamp(last, unit="s", tz="UTC"),
    )


def _cause(onset: Onset) -> str:
    change = onset.change
    if change is None:
        return "from about the same time on, and no change is on record"
    of_day = change.until - change.at > 12 * HOURS
    when = day_words(change.at) if of_day else instant_words(change.at)
    what = f"the rotation of {change.name}" if change.kind == "rotation" else f"the {change.kind}"
    return f"after {what} ({when}; {change.place})"


def _failing_share(traffic: Traffic, first: float, last: float) -> float:
    """The share of the requests to protected routes that failed, of those that failed or were answered."""
    asked = traffic.requests[traffic.requests["seconds"].between(first - 59, last)]
    asked = asked[asked["protected"] & (asked["failed"] | asked["succeeded"])]
    failed = asked["count"].where(asked["failed"], 0).sum()
    return float(failed / asked["count"].sum()) if len(asked) else 0.0
