"""A5, A12, A14: failures of many sources at once, requests over the limit, and who fails most."""

import numpy as np
import pandas as pd

from audit_lib.base.log_kinds import DECLARED
from audit_lib.logins.detections.address_and_network import by_both, named
from audit_lib.logins.detections.alarm import Alarm, alarm, dense, earliest, most_within, runs
from audit_lib.logins.detections.callers import networks_of
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic

HOP = 300  # seconds between the windows that are looked at
HOUR = 3600


def distributed(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A5: on one route addresses of many networks fail a few times each, in one window."""
    events = traffic.failures[traffic.failures["client"].ne("")]
    marked = set[int]()
    for _, own in events.groupby("route", sort=True):
        marked.update(_crowded(own, rule))
    wide = events.loc[sorted(marked)].sort_values(["route", "seconds", "file", "line"], kind="stable")
    return earliest(
        wide,
        runs(wide, "route", rule.seconds("minutes")),
        lambda route, run: alarm(run, _spread(run), rule.severity, subject=route),
    )


def _spread(run: pd.DataFrame) -> str:
    addresses, networks = run["client"].nunique(), run["network"].nunique()
    return f"{addresses} addresses of {networks} networks fail a few times each"


def _crowded(own: pd.DataFrame, rule: Rule) -> list[int]:
    """The events of one route that are in a window of many sources; windows start every five minutes.

    An address that fails often is left out. A network is one source, whatever addresses it hops through,
    and counts no more than an address may: else a /64 and a few bystanders would be a crowd.
    """
    found: list[int] = []
    hops = int(rule.seconds("minutes") // HOP)
    bins = (own["seconds"] // HOP).to_numpy().astype("int64")
    starts = np.unique(np.concatenate([bins - back for back in range(hops)]))
    low, high = np.searchsorted(bins, starts), np.searchsorted(bins, starts + hops)
    for place in np.flatnonzero(high - low >= rule["failures"]):
        window = own.iloc[low[place] : high[place]]
        sums = window.groupby("client").size()
        few = window[window["client"].isin(sums.index[sums <= rule["most_per_source"]])]
        shares = few.groupby("network").size().clip(upper=rule["most_per_source"])
        if len(shares) >= rule["sources"] and shares.sum() >= rule["failures"]:
            found += few.index.tolist()
    return found


def limited(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A12: requests answered 429, by source, within an hour; of all sources if a proxy hides them."""
    hits = traffic.events[traffic.events["status"].eq(429).fillna(False) & traffic.events["at"].notna()]
    hits = hits.assign(network=networks_of(hits["client"]), all="all", hits=1)
    if traffic.collapsed:
        return _over_limit(hits, "all", traffic, rule)
    known = hits[hits["client"].ne("")]
    return by_both(known, lambda rows, key: _over_limit(rows, key, traffic, rule), people=False)


def _over_limit(hits: pd.DataFrame, key: str, traffic: Traffic, rule: Rule) -> list[Alarm]:
    hits = hits.sort_values([key, "seconds", "file", "line"], kind="stable")
    loud = hits[dense(hits, key, int(rule["hits"]), HOUR)]
    return earliest(
        loud, runs(loud, key, HOUR), lambda name, run: _limited(traffic, rule, named(key, name), run)
    )


def _limited(traffic: Traffic, rule: Rule, source: dict[str, str], run: pd.DataFrame) -> Alarm:
    peak = most_within(run, "hits", HOUR)
    severity = "critical" if peak >= rule["critical_hits"] else rule.severity
    text = f"{peak} requests over the limit in an hour"
    if traffic.collapsed:
        return alarm(run, f"{text}; the limiter may count the proxy as one client", severity)
    return alarm(run, text, severity, **source)


def top_talkers(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A14: the sources that hold a large share of all failures. Exact also if lines carry no time."""
    refused = _failed(traffic.counts, traffic)
    total = int(refused["count"].sum())
    return by_both(refused, lambda rows, key: _loudest(rows, key, total, traffic, rule), people=False)


def _loudest(refused: pd.DataFrame, key: str, total: int, traffic: Traffic, rule: Rule) -> list[Alarm]:
    sums = refused[refused["client"].ne("")].groupby(key)["count"].sum().sort_index()
    loud = sums[(sums >= rule["failures"]) & (sums >= rule["share"] * total)]
    events, quiet = _failed(traffic.events, traffic), set(refused["client"])
    found = []
    for name, count in loud.sort_values(ascending=False, kind="stable").items():
        own = events[events[key].eq(str(name)) & events["client"].isin(quiet)]
        text = f"{count / total:.0%} of all refused requests"
        found.append(alarm(own, text, rule.severity, **named(key, str(name)), count=int(count)))
    return found


def _failed(rows: pd.DataFrame, traffic: Traffic) -> pd.DataFrame:
    """The failed logins among counts or events, each with its network."""
    failed = rows[
        rows["status"].isin(traffic.failed_statuses).fillna(False).astype(bool) | rows["kind"].eq(DECLARED)
    ]
    return failed.assign(network=networks_of(failed["client"]))
