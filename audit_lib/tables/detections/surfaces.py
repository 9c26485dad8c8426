"""A15-A18: scanning, server and database errors, secrets in addresses, starts that failed."""

import pandas as pd

from audit_lib.tables.detections.crowds import evidence_of
from audit_lib.tables.detections.incidents import Incident, episodes, incident
from audit_lib.tables.detections.rules import DetectionPolicy, Rule
from audit_lib.tables.detections.traffic import BEGUN, Traffic, fits

PROBED = (400, 403, 404)
SECRET_IN_URL = "secret in a url"  # noqa: S105  a message's name in log_formats.toml
FAILED_STARTS = ("startup_failed", "secret_validation_failed")


def scanning(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> list[Incident]:
    """A15: one source asks for many routes that are not there, or for files that nobody has to see."""
    return _probing(traffic, rule) + _sensitive(traffic, rule, policy)


def _probing(traffic: Traffic, rule: Rule) -> list[Incident]:
    asked = traffic.requests[traffic.requests["status"].isin(PROBED) & traffic.requests["client"].ne("")]
    asked = asked.sort_values(["client", "seconds", "route"], kind="stable")
    span = rule.seconds("minutes")
    found = []
    for client, run in episodes(asked, "client", span, int(rule["routes"])):
        routes = run.groupby(run["seconds"] // span)["route"].nunique().max()
        if routes > rule["routes"]:
            text = f"{run['route'].nunique()} routes asked for that are not there or not allowed"
            found.append(_of(run, text, rule.severity, str(client)))
    return found


def _sensitive(traffic: Traffic, rule: Rule, policy: DetectionPolicy) -> list[Incident]:
    hits = traffic.requests[fits(traffic.requests["route"], policy.sensitive_routes)]
    hits = hits[hits["client"].ne("")].sort_values(["client", "seconds", "route"], kind="stable")
    found = []
    for client, run in episodes(hits, "client", 3600):
        answered = sorted(set(run.loc[run["succeeded"], "route"]))
        if answered:
            text = f"{answered[0]} was asked for and answered: it must not be served"
            found.append(_of(run, text, "critical", str(client)))
        elif run["count"].sum() >= rule["sensitive_hits"]:
            text = f"{run['count'].sum()} requests for files such as {run['route'].iloc[0]}, none answered"
            found.append(_of(run, text, rule.severity, str(client)))
    return found


def _of(run: pd.DataFrame, text: str, severity: str, client: str) -> Incident:
    """An incident of requests that are counted by the minute."""
    return Incident(
        text,
        severity,
        int(run["count"].sum()),
        client=client,
        clients=frozenset(run["client"]) - {""},
        first_at=run["at"].iloc[0],
        last_at=run["at"].iloc[-1],
        evidence=evidence_of(run),
    )


def errors(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A16: failures of the database, each run of them; server errors of one source in quick order."""
    database = _in_runs(
        traffic.events[traffic.events["kind"].eq("database_failure")], rule.seconds("gap_minutes")
    )
    found = [
        incident(run, "the database could not be used", rule.severity, subject="database") for run in database
    ]
    bad = traffic.requests[traffic.requests["status"].ge(500)]
    bad = bad.sort_values(["client", "seconds", "route"], kind="stable")
    for client, run in episodes(bad, "client", rule.seconds("minutes")):
        per_window = run.groupby(run["seconds"] // rule.seconds("minutes"))["count"].sum()
        if per_window.max() > rule["errors"]:
            found.append(_of(run, f"{run['count'].sum()} server errors", rule.severity, str(client)))
    return found


def secrets_in_addresses(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A17: a request whose query names a secret: the value stands in the log. One row for each parameter."""
    hits = traffic.events[traffic.events["message"].eq(SECRET_IN_URL)]
    return [
        incident(
            own,
            f"the query parameter {parameter} stands in the log with its value",
            rule.severity,
            subject=route,
        )
        for (route, parameter), own in hits.groupby(["route", "subject"], sort=True)
    ]


def starts(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A18: starts that failed, and starts again and again."""
    failed = traffic.events[traffic.events["kind"].isin(FAILED_STARTS)]
    found = [
        incident(run, "a start failed or was stopped by the validation", rule.severity, subject="start")
        for run in _in_runs(failed, rule.seconds("minutes"))
    ]
    begun = traffic.events[traffic.events["message"].isin(BEGUN) & traffic.events["at"].notna()]
    begun = begun.sort_values(["source", "seconds", "line"], kind="stable")
    for _, run in episodes(begun, "source", rule.seconds("minutes")):
        if len(run) >= rule["restarts"]:
            text = f"{len(run)} starts in short order"
            found.append(incident(run, text, rule.severity, subject="start"))
    return found


def _in_runs(events: pd.DataFrame, gap: float) -> list[pd.DataFrame]:
    """Events that carry a time in runs that no gap parts; those without one by file and day."""
    timed = events[events["at"].notna()].sort_values(["seconds", "source", "line"], kind="stable")
    runs = [run for _, run in episodes(timed.assign(all="all"), "all", gap)]
    untimed = events[events["at"].isna()].assign(day=lambda rows: rows["day"].fillna(""))
    return runs + [run for _, run in untimed.groupby(["source", "day"], sort=True)]
