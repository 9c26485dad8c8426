"""Probing for routes and files that are not there or not for everybody, and secrets in URLs."""

import re
from typing import Any

import pandas as pd

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.detect.incidents import Incident, by_episode, in_order, in_windows, incident, of_source
from audit_lib.logins.traffic import Traffic, fits
from audit_lib.logs.formats import SECRET_IN_URL

PROBED = (400, 403, 404)
HOUR = 60
# A file or folder whose name begins with a dot, but for that of RFC 8615.
_DOTFILE = re.compile(r"/\.(?!well-known(?:/|$))[^/.]")


def find_probing(traffic: Traffic) -> list[Incident]:
    """One address or network that asks for many routes that are not there, or for sensitive files."""
    asked = traffic.requests[traffic.requests["status"].isin(PROBED)]
    return _by_both(traffic, asked, _probes) + _by_both(traffic, _sensitive(traffic), _of_files)


def _by_both(traffic: Traffic, rows: pd.DataFrame, find: Any) -> list[Incident]:
    """The incidents by address, then by network of the requests that are part of none."""
    found, loud = find(traffic, in_order(rows, "client"), "client")
    rest = rows.drop(loud)
    several = rest.groupby("network")["client"].transform("nunique").gt(1)
    by_network, _ = find(traffic, in_order(rest[several], "network"), "network")
    return [*found, *by_network]


def _probes(traffic: Traffic, rows: pd.DataFrame, key: str) -> tuple[list[Incident], pd.Index]:
    rule = traffic.policy.probing
    loud = rows[in_windows(rows, key, rule.minutes, 1, label="route", labels=rule.routes + 1)]

    def build(name: str, run: pd.DataFrame) -> Incident:
        least = "at least " if run["route"].eq(OTHER_ROUTES).any() else ""
        text = f"{least}{run['route'].nunique()} requested routes that do not exist or are not allowed"
        return incident(run, text, rule.severity, **of_source(key, name))

    return by_episode(loud, key, HOUR, build), loud.index


def _sensitive(traffic: Traffic) -> pd.DataFrame:
    route = traffic.requests["route"]
    dotted = {name: bool(_DOTFILE.search(name)) for name in route.unique()}
    hidden = route.map(dotted).astype(bool) & ~fits(route, traffic.policy.access.open)
    return traffic.requests[fits(route, traffic.policy.sensitive_routes) | hidden]


def _of_files(traffic: Traffic, rows: pd.DataFrame, key: str) -> tuple[list[Incident], pd.Index]:
    """Requests for sensitive files: many within an hour, or any that was answered, which is critical."""
    rule = traffic.policy.probing
    many = in_windows(rows, key, HOUR, rule.sensitive)
    loud = rows[many | rows["succeeded"].to_numpy()]

    def build(name: str, run: pd.DataFrame) -> Incident:
        if answered := sorted(set(run.loc[run["succeeded"], "route"])):
            text, severity = f"{answered[0]} was requested and answered, but must not be served", "critical"
        else:
            text, severity = (
                f"requests for files such as {run['route'].iloc[0]}, none answered",
                rule.severity,
            )
        return incident(run, text, severity, **of_source(key, name))

    return by_episode(loud, key, HOUR, build), loud.index


def find_secrets_in_urls(traffic: Traffic) -> list[Incident]:
    """Requests whose query names a secret: one for each route and parameter. The log has the value."""
    hits = traffic.events[traffic.events["message"].eq(SECRET_IN_URL)]
    severity = traffic.policy.secret_in_url.severity
    return [
        incident(own, f"the query parameter {name} is in the log with its value", severity, subject=route)
        for (route, name), own in hits.groupby(["route", "subject"], sort=True)
    ]
