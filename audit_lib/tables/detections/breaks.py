"""A10, A11: a break of all sources at once, and a step in the failures that no change on record explains."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from audit_lib.tables.detections.incidents import Incident, incident
from audit_lib.tables.detections.rules import Rule
from audit_lib.tables.detections.traffic import Traffic

HOUR = 3600


def breaks(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A10: nearly all requests to protected routes fail, for minutes, also of known sources."""
    guarded = traffic.requests[traffic.requests["protected"]]
    guarded = guarded[guarded["failed"] | guarded["succeeded"]]
    failed = guarded["count"].where(guarded["failed"], 0)
    minutes = guarded.assign(bad=failed).groupby("seconds", as_index=False)[["bad", "count"]].sum()
    # A quiet minute interrupts nothing; one with an answer does.
    broken = minutes["bad"] >= rule["share"] * minutes["count"]
    runs = (broken != broken.shift()).cumsum()
    good = guarded[guarded["succeeded"]].groupby("client")["seconds"].min()
    found = []
    for _, run in minutes[broken].groupby(runs[broken], sort=True):
        first, last = run["seconds"].iloc[0], run["seconds"].iloc[-1] + 60
        if last - first <= rule.seconds("minutes") or run["count"].sum() < rule["requests"]:
            continue
        own = traffic.failures[
            traffic.failures["seconds"].between(first, last) & traffic.failures["protected"]
        ]
        clients = own["client"].drop_duplicates()
        known = clients[clients.map(good).lt(first)]
        if len(known) < (1 if traffic.collapsed else rule["clients"]):
            continue
        text = (
            f"{run['bad'].sum() / run['count'].sum():.0%} of the requests fail, also of {len(known)} sources "
        )
        text += "that succeeded before: the configuration broke, this is no attack"
        found.append(incident(own, text, rule.severity, subject="all sources"))
    return found


def unrecorded(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A11: from one hour on known sources fail much more often, and no change is on record near it."""
    hours = _hours(traffic)
    found, last = [], -np.inf
    for hour in _steps(hours, rule):
        known = _known_failures(traffic)
        start = float(hour) * HOUR
        span = known["seconds"].between(start, start + rule["hours"] * HOUR)
        if start - last < rule["hours"] * HOUR or _recorded(traffic, start, rule):
            continue
        last = start
        text = "sources that succeeded before fail more often from here on, and no change is on record"
        found.append(incident(known[span], text, rule.severity, subject="all sources"))
    return found


def _known_failures(traffic: Traffic) -> pd.DataFrame:
    """Failures of sources that succeeded on a protected route before."""
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    first = good.groupby("client")["seconds"].min()
    own = traffic.failures[traffic.failures["protected"] & traffic.failures["client"].ne("")]
    return own[own["client"].map(first).lt(own["seconds"])]


def _hours(traffic: Traffic) -> pd.DataFrame:
    """One row for each hour with such requests: `bad` and `all`."""
    bad = _known_failures(traffic)
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    frame = pd.DataFrame(
        {
            "bad": bad.groupby(bad["seconds"] // HOUR).size(),
            "good": good.groupby(good["seconds"] // HOUR)["count"].sum(),
        }
    )
    frame = frame.fillna(0).sort_index()
    return frame.assign(all=frame["bad"] + frame["good"])


def _steps(hours: pd.DataFrame, rule: Rule) -> Iterator[float]:
    """The hours from which the share of failures is surely higher, for most of the hours after."""
    index = hours.index.to_numpy(dtype=float)
    bad, all_ = hours["bad"].to_numpy(), hours["all"].to_numpy()
    sums = np.concatenate([[0.0], bad.cumsum()]), np.concatenate([[0.0], all_.cumsum()])
    for place in np.flatnonzero(bad > 0):
        low = np.searchsorted(index, index[place] - rule["hours_before"])
        high = np.searchsorted(index, index[place] + rule["hours"])
        was, now = (sums[0][place] - sums[0][low], sums[0][high] - sums[0][place])
        asked, asks = (sums[1][place] - sums[1][low], sums[1][high] - sums[1][place])
        if asked < 1 or asks < 1 or now / asks < rule["ratio"] * was / asked:
            continue
        usual = was / asked
        after = bad[place:high] / np.maximum(all_[place:high], 1)
        if high - place < 3 or (after > 2 * usual).mean() < rule["active_share"]:
            continue
        # Given all failures, how many would fall into the later part if nothing had changed.
        p = stats.binom.sf(now - 1, now + was, asks / (asks + asked))
        if p < rule["p"]:
            yield index[place]


def _recorded(traffic: Traffic, start: float, rule: Rule) -> bool:
    """Whether a rotation or a start lies within the slack around the hour."""
    slack = rule.seconds("slack_minutes")
    low, high = start - slack, start + HOUR + slack
    return any(c.at.timestamp() <= high and c.until.timestamp() >= low for c in traffic.changes)
