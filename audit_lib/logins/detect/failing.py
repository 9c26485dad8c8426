"""What fails without an attack: known clients from about the same time on, and the application itself."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from audit_lib.base.in_words import counted, day_words, instant_words
from audit_lib.logins.coverage import silences
from audit_lib.logins.detect.incidents import EVERYONE, Incident, find_episodes, in_windows, incident
from audit_lib.logins.parameters import Rule
from audit_lib.logins.traffic import FAILED_STARTS, START_MESSAGES, RecordedChange, Traffic

MINUTE, HOUR = 60, 3600
PAUSE = 60  # minutes: after a longer one messages are of another failure
SILENCE = "requests"  # the subject of what was not logged, or did not happen
# Of kinds of messages their subject, what they say, and how many within a while are failing.
REPORTED = {
    ("database_failure",): ("database", "the database could not be used", 1),
    ("connection_failed",): ("connection", "connections failed, as messages report", 3),
    ("process_ended",): ("process", "processes ended, as messages report", 1),
    FAILED_STARTS: ("start", "a start failed, or the validation stopped it", 1),
}
# The change on record, or None; the runs of failures of clients (first, last, recovered); these failures.
Onset = tuple[RecordedChange | None, pd.DataFrame, pd.DataFrame]


def find_onsets(traffic: Traffic) -> list[Onset]:
    """Known clients that begin to fail together: after each change on record, then after none."""
    rule, failures = traffic.policy.thresholds["known-clients-failing"], traffic.failures
    known = failures["known"] & failures["client"].ne("") & ~failures["mistype"]
    failures = failures[known & (failures["protected"] | failures["on_login"])]
    groups = failures.groupby(["client", failures["success"].fillna(np.inf)], sort=False)["seconds"]
    runs = groups.agg(first="min", last="max", count="size").reset_index()
    runs["recovered"] = runs.pop("success").replace(np.inf, np.nan)
    lasting = (runs["recovered"].fillna(runs["last"]) - runs["first"]).gt(rule.minutes * MINUTE)
    # A single failure with an answer hours later is a session that was over.
    runs = runs[lasting & runs["count"].ge(2)].drop(columns="count")
    onsets: list[Onset] = []

    def take(change: RecordedChange | None, own: pd.DataFrame) -> pd.Index:
        if not _is_onset(traffic, change, own):
            return own.index[:0]
        theirs = (
            failures.reset_index().merge(own[["client", "first", "last"]], on="client").set_index("index")
        )
        theirs = theirs[theirs["seconds"].between(theirs["first"], theirs["last"])]
        onsets.append((change, own, failures.loc[theirs.index.unique().sort_values()]))
        return own.index

    for change in reversed(traffic.changes):  # the nearest change before it is the cause
        runs = runs.drop(take(change, runs[_concerns(traffic, change, runs["first"])]))
    least = 1 if traffic.collapsed else rule.clients
    together = runs.assign(all=EVERYONE, seconds=runs["first"])
    together = in_windows(together, "all", [(1, least, rule.onset_minutes)], label="client")
    for _, own in together.groupby(together["seconds"].diff().gt(rule.onset_minutes * MINUTE).cumsum()):
        take(None, own)
    return sorted(onsets, key=lambda onset: float(onset[1]["first"].min()))


def _concerns(traffic: Traffic, change: RecordedChange, first: "pd.Series[float]") -> "pd.Series[bool]":
    """Which runs begin within the time that clients have to follow a change, if it concerns them."""
    policy, rotated = traffic.policy, change.kind == "rotation"
    concerned = not rotated or not policy.caller_secrets or change.name in policy.caller_secrets
    hours = policy.grace(change.name if rotated else "deploy")
    return first.between(change.at.timestamp() - MINUTE, change.until.timestamp() + hours * HOUR) & concerned


def _is_onset(traffic: Traffic, change: RecordedChange | None, runs: pd.DataFrame) -> bool:
    """Whether many of the known clients fail, if nobody says that the change concerns them.

    Few explain nothing: an attack that shares a known address, such as an office's, looks so.
    """
    if runs.empty or (change is not None and change.kind == "rotation"):
        return len(runs) > 0
    rule, good, failing = (
        traffic.policy.thresholds["known-clients-failing"],
        traffic.let_in,
        runs["client"].nunique(),
    )
    first, last = runs["first"].min(), runs["first"].max()
    near = traffic.requests["seconds"].between(first - MINUTE, last + 2 * HOUR)
    asking = traffic.requests.loc[near, "client"].unique()
    known = {*good.loc[good["seconds"].lt(first), "client"].unique()} & {*asking}
    return bool(failing >= (1 if traffic.collapsed else rule.clients) and failing >= rule.share * len(known))


def find_known_clients_failing(traffic: Traffic, onsets: list[Onset]) -> Iterator[Incident]:
    """An incident for each onset: how many fail, how many are let in again, and what is on record before."""
    rule, protected = traffic.policy.thresholds["known-clients-failing"], traffic.requests["protected"]
    for change, runs, failures in onsets:
        cause, subject, rotated = "from about the same time on, and no change is on record", EVERYONE, False
        if change is not None:
            rotated = change.kind == "rotation"
            of_day = change.until - change.at > pd.Timedelta(hours=12)
            when = day_words(change.at) if of_day else instant_words(change.at)
            what = f"the rotation of {change.name}" if rotated else f"the {change.kind}"
            cause, subject = f"after {what} ({when}; {change.place})", change.name if rotated else EVERYONE
        meanwhile = traffic.requests["seconds"].between(runs["first"].min() - 59, runs["last"].max())
        requests = traffic.requests[protected & meanwhile]
        judged = requests[requests["refused"] | requests["status"].between(200, 299)]
        share = judged.loc[judged["refused"], "count"].sum() / max(judged["count"].sum(), 1)
        stuck = int(runs["recovered"].isna().sum())
        back = (runs["recovered"] - runs["first"]).dropna()
        clauses = {
            f"{counted(runs['client'].nunique(), 'known client')} failed {cause}": True,
            f"{len(back)} let in again, half of them within {back.median() / 60:.0f} minutes": len(back),
            f"{stuck} not until the last failure": stuck,
            f"{share:.0%} of the requests failed": share >= rule.everyone,
        }
        severity = "high" if share >= rule.everyone else "info" if rotated and not stuck else rule.severity
        last = pd.Timestamp(runs["recovered"].fillna(runs["last"]).max(), unit="s", tz="UTC")
        kind = change.kind if change else ""
        yield incident(failures, clauses, severity, subject=subject, cause=kind, last_at=last)


def find_application_failing(traffic: Traffic) -> list[Incident]:
    """Failures that messages report, starts that recur, server errors, silence, each in episodes."""
    rule, events, requests = (
        traffic.policy.thresholds["application-failing"],
        traffic.events,
        traffic.requests,
    )
    incidents: list[Incident] = []
    for kinds, (subject, text, least) in REPORTED.items():
        own = events[events["kind"].isin(kinds)].assign(all=subject)
        build = partial(incident, text=text, severity=rule.severity, subject=subject)
        incidents += find_episodes(own[own["at"].notna()], "all", [(least, PAUSE)], PAUSE, build)[0]
        incidents += [build(run) for _, run in own[own["at"].isna()].groupby("file") if len(run) >= least]
    starts = events[events["message"].isin(START_MESSAGES) & events["at"].notna()]
    text = "starts again and again within a short time"
    build = partial(incident, text=text, severity=rule.severity, subject="start")
    incidents += find_episodes(starts, "file", [(rule.restarts, rule.minutes)], rule.minutes, build)[0]
    incidents += _server_errors(requests, rule)
    for first, last, missed in silences(traffic):
        edges = requests[requests["seconds"].isin((first, last))].drop_duplicates(["seconds", "file"])
        text = f"no request for {(last - first) / HOUR:.1f} hours, in which {missed:.0f} are usual"
        incidents.append(incident(edges, text, rule.severity, subject=SILENCE, count=0))
    return incidents


def _server_errors(requests: pd.DataFrame, rule: Rule) -> list[Incident]:
    """Server errors: of most requests of a time, else of one address."""

    def of_everyone(run: pd.DataFrame) -> Incident:
        meanwhile = requests[requests["at"].between(run["at"].iloc[0], run["at"].iloc[-1])]
        share = run["count"].sum() / meanwhile["count"].sum()
        text = f"{run['count'].sum()} server errors, {share:.0%} of the requests of that time"
        many = share >= rule.share and run["client"].nunique() > 1
        return incident(run, text if many else "", "high")

    def of_client(run: pd.DataFrame) -> Incident:
        return incident(run, f"{run['count'].sum()} server errors", rule.severity)

    errors, ladder = (
        requests[requests["status"].ge(500)].assign(all=EVERYONE),
        [(rule.errors + 1, rule.minutes)],
    )
    runs, _ = find_episodes(errors, "all", ladder, rule.minutes, of_everyone)
    outages = [run for run in runs if run.classification]
    for outage in outages:
        errors = errors[~outage.during(errors["at"])]
    return outages + find_episodes(errors, "client", ladder, rule.minutes, of_client)[0]
