"""Application failing: server errors, failures that messages report, starts that fail or recur, silence."""

from collections.abc import Iterator
from itertools import chain

import pandas as pd

from audit_lib.logins.changes import FAILED_STARTS, START_MESSAGES
from audit_lib.logins.coverage import silences
from audit_lib.logins.detect.incidents import (
    EVERYONE,
    Incident,
    by_episode,
    in_order,
    in_windows,
    incident,
    of_source,
)
from audit_lib.logins.traffic import Traffic

HOUR = 60
SILENCE = "requests"  # the subject of what was not logged, or did not happen
# What the subject of messages of a kind is, what they say, and how many of them within a while are failing.
REPORTED = {
    "database_failure": ("database", "the database could not be used", 1),
    "connection_failed": ("connection", "connections failed, as messages report", 3),
    "process_ended": ("process", "processes ended, as messages report", 1),
}


def find_application_failing(traffic: Traffic) -> list[Incident]:
    """Each kind of failure, in runs of its own."""
    return list(chain(_reported(traffic), _starts(traffic), _errors(traffic), _silence(traffic)))


def _reported(traffic: Traffic) -> Iterator[Incident]:
    severity = traffic.policy.application_failing.severity
    for kind, (subject, text, least) in REPORTED.items():
        found = _in_runs(traffic.events[traffic.events["kind"].eq(kind)], HOUR, subject, text, severity)
        yield from (one for one in found if one.count >= least)


def _in_runs(events: pd.DataFrame, pause: float, subject: str, text: str, severity: str) -> list[Incident]:
    """Messages that carry a time in runs that no pause parts; those without one by file and day."""
    timed = in_order(events[events["at"].notna()].assign(all=EVERYONE), "all")
    found = by_episode(timed, "all", pause, lambda _, run: incident(run, text, severity, subject=subject))
    untimed = events[events["at"].isna()]
    runs = untimed.assign(day=untimed["day"].fillna("")).groupby(["file", "day"], sort=True)
    return found + [incident(run, text, severity, subject=subject) for _, run in runs]


def _starts(traffic: Traffic) -> list[Incident]:
    """Starts that failed, and starts again and again."""
    rule, events = traffic.policy.application_failing, traffic.events
    failed = events[events["kind"].isin(FAILED_STARTS)]
    text = "a start failed, or the validation stopped it"
    found = _in_runs(failed, rule.minutes, "start", text, rule.severity)
    begun = in_order(events[events["message"].isin(START_MESSAGES) & events["at"].notna()], "file")
    often = begun[in_windows(begun, "file", rule.minutes, rule.restarts)]

    def build(_: str, run: pd.DataFrame) -> Incident:
        return incident(run, f"{len(run)} starts within a short time", rule.severity, subject="start")

    return found + by_episode(often, "file", rule.minutes, build)


def _errors(traffic: Traffic) -> list[Incident]:
    """Server errors: of most requests of a time, else of one address."""
    rule = traffic.policy.application_failing
    bad = traffic.requests[traffic.requests["status"].ge(500)].assign(all=EVERYONE)
    ordered = in_order(bad, "all")
    dense = ordered[in_windows(ordered, "all", rule.minutes, rule.errors + 1)]
    every = by_episode(dense, "all", rule.minutes, lambda _, run: _of_everyone(traffic, run))
    every = [one for one in every if one.classification]
    for one in every:
        bad = bad[~one.during(bad["at"])]
    alone = in_order(bad, "client")
    dense = alone[in_windows(alone, "client", rule.minutes, rule.errors + 1)]

    def build(name: str, run: pd.DataFrame) -> Incident:
        return incident(
            run, f"{run['count'].sum()} server errors", rule.severity, **of_source("client", name)
        )

    return every + by_episode(dense, "client", rule.minutes, build)


def _of_everyone(traffic: Traffic, run: pd.DataFrame) -> Incident:
    """The incident of errors that are such a share of the requests of their time; else one without words."""
    rule, requests = traffic.policy.application_failing, traffic.requests
    meanwhile = requests[requests["at"].between(run["at"].iloc[0], run["at"].iloc[-1])]
    share = run["count"].sum() / max(meanwhile["count"].sum(), 1)
    if share < rule.share or run["client"].nunique() < 2:
        return incident(run, "", "info")
    text = f"{run['count'].sum()} server errors, {share:.0%} of the requests of that time"
    return incident(run, text, "high", subject=EVERYONE)


def _silence(traffic: Traffic) -> Iterator[Incident]:
    """Silence in which requests were to be expected: an outage, or lines that are missing."""
    requests, severity = traffic.requests, traffic.policy.application_failing.severity
    for first, last, missed in silences(traffic):
        edges = requests[requests["minute"].isin((first, last))]
        edges = edges.sort_values(["minute", "file", "line"]).drop_duplicates(["minute", "file"])
        text = f"no request for {(last - first) / 60:.1f} hours, in which {missed:.0f} are usual"
        yield incident(edges, text, severity, subject=SILENCE, count=0)
