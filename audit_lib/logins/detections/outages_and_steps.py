"""A10, A11: a break of all sources at once, and a step in the failures that no change on record explains."""

import numpy as np
import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.logins.detections.alarm import Alarm, alarm
from audit_lib.logins.detections.chances import binomial_at_least
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic

HOUR = 3600
LEAST_HOURS = 3  # with fewer nothing lasts


def breaks(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A10: nearly all requests to protected routes fail, for minutes, also of known sources."""
    guarded = traffic.requests[traffic.requests["protected"]]
    guarded = guarded[guarded["failed"] | guarded["succeeded"]]
    failed = guarded["count"].where(guarded["failed"], 0)
    minutes = guarded.assign(bad=failed).groupby("seconds", as_index=False)[["bad", "count"]].sum()
    # A quiet minute interrupts nothing; one with an answer does.
    broken = minutes["bad"] >= rule["share"] * minutes["count"]
    minutes["run"] = (broken != broken.shift()).cumsum()
    sums = {
        "first": ("seconds", "first"),
        "last": ("seconds", "last"),
        "bad": ("bad", "sum"),
        "asked": ("count", "sum"),
    }
    runs = minutes[broken].groupby("run", as_index=False).agg(**sums)
    long = (runs["last"] + 60 - runs["first"]).gt(rule.seconds("minutes")) & runs["asked"].ge(
        rule["requests"]
    )
    good = guarded[guarded["succeeded"]].groupby("client")["seconds"].min()
    found = []
    for run in rows(runs[long]):
        first, last = run.first, run.last + 60
        own = traffic.failures[
            traffic.failures["seconds"].between(first, last) & traffic.failures["protected"]
        ]
        clients = own["client"].drop_duplicates()
        known = clients[clients.map(good).lt(first)]
        if len(known) < (1 if traffic.collapsed else rule["clients"]):
            continue
        text = f"{run.bad / run.asked:.0%} of the requests fail, also of {len(known)} addresses "
        text += "that succeeded before, as after a broken configuration rather than in an attack"
        found.append(alarm(own, text, rule.severity, subject="all sources"))
    return found


def unrecorded(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A11: from one hour on known sources fail much more often, and no change is on record near it."""
    known = _known_failures(traffic)
    found = []
    for hour in _steps(_hours(traffic, known), rule):
        start = hour * HOUR
        if _recorded(traffic, start, rule):
            continue
        own = known[known["seconds"].between(start, start + rule["hours"] * HOUR)]
        text = "addresses that succeeded before fail more often from here on, and no change is recorded"
        found.append(alarm(own, text, rule.severity, subject="all sources"))
    return found


def _known_failures(traffic: Traffic) -> pd.DataFrame:
    """Failures of sources that succeeded on a protected route before."""
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    first = good.groupby("client")["seconds"].min()
    own = traffic.failures[traffic.failures["protected"] & traffic.failures["client"].ne("")]
    return own[own["client"].map(first).lt(own["seconds"])]


def _hours(traffic: Traffic, bad: pd.DataFrame) -> pd.DataFrame:
    """One row for each hour with such requests: `bad` and `all`."""
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    frame = pd.DataFrame(
        {
            "bad": bad.groupby(bad["seconds"] // HOUR).size(),
            "good": good.groupby(good["seconds"] // HOUR)["count"].sum(),
        }
    )
    frame = frame.fillna(0).sort_index()
    return frame.assign(all=frame["bad"] + frame["good"])


def _steps(hours: pd.DataFrame, rule: Rule) -> list[float]:
    """The hours from which the share of failures is surely higher, for most of the hours after.

    Of hours near each other the least likely one is the step: what follows it is its own aftermath.
    """
    chances = {hour: _chance(hours, hour, rule) for hour in _candidates(hours, rule)}
    chances = {hour: chance for hour, chance in chances.items() if chance < rule["p"]}
    steps: list[float] = []
    for hour in sorted(chances, key=lambda hour: (chances[hour], hour)):
        if all(abs(hour - other) > rule["hours_before"] for other in steps):
            steps.append(hour)
    return sorted(steps)


def _candidates(hours: pd.DataFrame, rule: Rule) -> list[float]:
    """The hours with a failure after which the share of failures is by the ratio higher than before."""
    index = hours.index.to_numpy(dtype=float)
    low = np.searchsorted(index, index - rule["hours_before"])
    high = np.searchsorted(index, index + rule["hours"])
    bad, asked = (np.concatenate([[0.0], hours[name].cumsum()]) for name in ("bad", "all"))
    here = np.arange(len(index))
    was, now = bad[here] - bad[low], bad[high] - bad[here]
    before, after = asked[here] - asked[low], asked[high] - asked[here]
    rises = now * before >= rule["ratio"] * was * after
    found: list[float] = index[rises & (before > 0) & hours["bad"].gt(0).to_numpy()].tolist()
    return found


def _chance(hours: pd.DataFrame, hour: float, rule: Rule) -> float:
    """How likely so many of the failures around an hour fall after it if nothing changed; 1 for no step."""
    before = hours.loc[hour - rule["hours_before"] : hour - 1]
    after = hours.loc[hour : hour + rule["hours"] - 1]
    (was, asked), (now, asks) = (part[["bad", "all"]].sum() for part in (before, after))
    if not asked or len(after) < LEAST_HOURS or now / asks < rule["ratio"] * was / asked:
        return 1.0
    raised = (after["bad"] / after["all"]).gt(2 * was / asked)
    # A step begins in the hour itself, and lasts.
    if not raised.iloc[0] or raised.mean() < rule["active_share"]:
        return 1.0
    return binomial_at_least(now, now + was, asks / (asks + asked))


def _recorded(traffic: Traffic, start: float, rule: Rule) -> bool:
    """Whether a rotation or a start is within the slack around the hour."""
    slack = rule.seconds("slack_minutes")
    low, high = start - slack, start + HOUR + slack
    return any(c.at.timestamp() <= high and c.until.timestamp() >= low for c in traffic.changes)
