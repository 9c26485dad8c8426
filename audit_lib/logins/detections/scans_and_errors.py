"""A15-A18: scanning, server and database errors, secrets in addresses, starts that failed."""

import re
from dataclasses import replace
from typing import Any

import pandas as pd

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.detections.address_and_network import by_both, named
from audit_lib.logins.detections.alarm import (
    Alarm,
    alarm,
    dense,
    earliest,
    most_within,
    places,
    runs,
    with_many_routes,
)
from audit_lib.logins.detections.recorded_changes import FAILED_STARTS, START_MESSAGES
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule
from audit_lib.logins.detections.traffic import Traffic, fits
from audit_lib.logs.formats import SECRET_IN_URL

PROBED = (400, 403, 404)
ALL = "all sources"
# An outage of all: so many that were answered before, and such a share of the requests.
LEAST_KNOWN, MOST_FAIL = 2, 0.5
# A file or folder whose name begins with a dot, but for that of RFC 8615.
_DOTFILE = re.compile(r"/\.(?!well-known(?:/|$))[^/.]")


def scanning(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> list[Alarm]:
    """A15: one source asks for many routes that are not there, or for files that nobody has to see."""
    return _probing(traffic, rule) + _sensitive(traffic, rule, policy)


def _probing(traffic: Traffic, rule: Rule) -> list[Alarm]:
    asked = traffic.requests[traffic.requests["status"].isin(PROBED) & traffic.requests["client"].ne("")]
    return by_both(asked, lambda rows, key: _probes(rows, key, rule), people=False)


def _probes(asked: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    asked = asked.sort_values([key, "seconds", "route"], kind="stable")
    span = rule.seconds("minutes")
    many = pd.Series(with_many_routes(asked, key, rule["routes"] + 1, span), index=asked.index)
    found = [run for run in runs(asked, key, span, int(rule["routes"])) if run.of(many).any()]

    def build(name: str, run: pd.DataFrame) -> Alarm:
        least = "at least " if run["route"].eq(OTHER_ROUTES).any() else ""
        text = f"{least}{run['route'].nunique()} requested routes that do not exist or are not allowed"
        return _of(run, text, rule.severity, named(key, name))

    return earliest(asked, found, build)


def _sensitive(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> list[Alarm]:
    route = traffic.requests["route"]
    dotted = {name: bool(_DOTFILE.search(name)) for name in route.unique()}
    hidden = route.map(dotted).astype(bool) & ~fits(route, policy.access.open)
    hits = traffic.requests[fits(route, policy.sensitive_routes) | hidden]
    return by_both(
        hits[hits["client"].ne("")], lambda rows, key: _sensitive_of(rows, key, rule), people=False
    )


def _sensitive_of(hits: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    hits = hits.sort_values([key, "seconds", "route"], kind="stable")
    answered, count = hits["succeeded"].to_numpy(), hits["count"].to_numpy()
    found = [
        run
        for run in runs(hits, key, 3600)
        if run.of(answered).any() or run.of(count).sum() >= rule["sensitive_hits"]
    ]
    return earliest(hits, found, lambda name, run: _asked(run, rule, named(key, name)))


def _asked(run: pd.DataFrame, rule: Rule, source: dict[str, str]) -> Alarm:
    answered = sorted(set(run.loc[run["succeeded"], "route"]))
    if answered:
        text = f"{answered[0]} was requested and answered, but must not be served"
        return _of(run, text, "critical", source)
    text = f"{run['count'].sum()} requests for files such as {run['route'].iloc[0]}, none answered"
    return _of(run, text, rule.severity, source)


def _of(run: pd.DataFrame, text: str, severity: str, source: dict[str, Any]) -> Alarm:
    """An incident of requests that are counted by the minute."""
    return Alarm(
        text,
        severity,
        int(run["count"].sum()),
        **source,
        clients=frozenset(run["client"]) - {""},
        first_at=run["at"].iloc[0],
        last_at=run["at"].iloc[-1],
        evidence=places(run),
    )


def errors(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A16: failures of the database, each run of them; server errors of one source in quick order."""
    database = _in_runs(
        traffic.events[traffic.events["kind"].eq("database_failure")], rule.seconds("gap_minutes")
    )
    found = [
        alarm(run, "the database could not be used", rule.severity, subject="database") for run in database
    ]
    bad = traffic.requests[traffic.requests["status"].ge(500)]
    every = _of_everyone(traffic.requests, bad, rule)
    for whole in every:
        bad = bad[~_during(bad["at"], whole)]
    return found + every + by_both(bad, lambda rows, key: _surges(rows, key, rule), people=False)


def _of_everyone(requests: pd.DataFrame, bad: pd.DataFrame, rule: Rule) -> list[Alarm]:
    """Surges of all sources together, in which most requests fail, also of those that were answered before.

    Each source may see few errors of it.
    """
    found = []
    good = requests[requests["succeeded"]].groupby("client")["at"].min()
    for one in _surges(bad.assign(all=ALL), "all", rule):
        share = one.count / max(int(requests.loc[_during(requests["at"], one), "count"].sum()), 1)
        known = sum(name in good and good[name] < one.first_at for name in one.clients)
        if known >= LEAST_KNOWN and share >= MOST_FAIL:
            text = f"{one.count} server errors, {share:.0%} of the requests of that time"
            found.append(replace(one, classification=text))
    return found


def _during(at: "pd.Series[pd.Timestamp]", one: Alarm) -> "pd.Series[bool]":
    known = one.first_at is not None and one.last_at is not None
    return at.between(one.first_at, one.last_at) & known  # type: ignore[arg-type]  # of one that is only counted: none


def _surges(bad: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    bad = bad.sort_values([key, "seconds", "route"], kind="stable")
    span = rule.seconds("minutes")
    surges = [run for run in runs(bad, key, span) if most_within(run.of(bad), "count", span) > rule["errors"]]
    return earliest(
        bad,
        surges,
        lambda name, run: _of(run, f"{run['count'].sum()} server errors", rule.severity, named(key, name)),
    )


def secrets_in_addresses(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A17: a request whose query names a secret: the value is in the log. One row for each parameter."""
    hits = traffic.events[traffic.events["message"].eq(SECRET_IN_URL)]
    return [
        alarm(
            own, f"the query parameter {parameter} is in the log with its value", rule.severity, subject=route
        )
        for (route, parameter), own in hits.groupby(["route", "subject"], sort=True)
    ]


def starts(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A18: starts that failed, and starts again and again."""
    failed = traffic.events[traffic.events["kind"].isin(FAILED_STARTS)]
    found = [
        alarm(run, "a start failed, or the validation stopped it", rule.severity, subject="start")
        for run in _in_runs(failed, rule.seconds("minutes"))
    ]
    begun = traffic.events[traffic.events["message"].isin(START_MESSAGES) & traffic.events["at"].notna()]
    begun = begun.sort_values(["file", "seconds", "line"], kind="stable")
    begun = begun[dense(begun, "file", int(rule["restarts"]), rule.seconds("minutes"))]
    often = runs(begun, "file", rule.seconds("minutes"), int(rule["restarts"]))
    return found + earliest(
        begun,
        often,
        lambda _, run: alarm(run, f"{len(run)} starts within a short time", rule.severity, subject="start"),
    )


def _in_runs(events: pd.DataFrame, gap: float) -> list[pd.DataFrame]:
    """Events that carry a time in runs that no gap parts; those without one by file and day."""
    timed = events[events["at"].notna()].sort_values(["seconds", "file", "line"], kind="stable")
    parts = [run.of(timed) for run in runs(timed.assign(all="all"), "all", gap)]
    untimed = events[events["at"].isna()].assign(day=lambda rows: rows["day"].fillna(""))
    return parts + [run for _, run in untimed.groupby(["file", "day"], sort=True)]
