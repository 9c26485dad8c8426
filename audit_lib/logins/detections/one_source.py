"""A1-A4, A6: failed logins of one source, quick, slow, over days, and over many routes."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit_lib.logins.detections.address_and_network import by_both, in_order, named
from audit_lib.logins.detections.alarm import Alarm, alarm, dense, earliest, levels, runs, with_many_routes
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic
from audit_lib.logs.logins import FAILED_LOGIN

LATE = 60.0  # seconds that a quiet source still belongs to its episode, beyond the window


def bursts(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A1: fail2ban's window and CrowdSec's bucket, by source; what the application tells beside."""
    found = by_both(traffic.failures, lambda failures, key: _bursts(failures, key, rule))
    return found + [one for one in _told(traffic, rule) if not any(_meet(one, other) for other in found)]


def _told(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """Failed logins in the application's own words, which carry a time where the requests may have none."""
    events = traffic.events
    said = events[events["kind"].eq(FAILED_LOGIN) & events["at"].notna() & events["client"].eq("")]
    said = said.assign(all="all").sort_values(["seconds", "file", "line"], kind="stable")
    seconds = rule.seconds("told_minutes")
    loud = said[dense(said, "all", int(rule["told_failures"]), seconds)]
    text = "failed logins within a short time, as the application reported without an address"
    return earliest(
        loud,
        runs(loud, "all", seconds + LATE),
        lambda _, run: alarm(run, text, rule.severity, subject="all sources"),
    )


def _meet(one: Alarm, other: Alarm) -> bool:
    """Whether two incidents have an instant in common; one that is only counted is let be."""
    if one.first_at is None or one.last_at is None or other.first_at is None or other.last_at is None:
        return False
    return one.first_at <= other.last_at and other.first_at <= one.last_at


def _bursts(failures: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    events = in_order(failures, key)
    window = dense(events, key, int(rule["failures"]), rule.seconds("minutes"))
    bucket = levels(events, key, rule["leak_seconds"]).gt(rule["capacity"])
    loud = events.assign(window=window, bucket=bucket)[window | bucket]
    gap = rule.seconds("minutes") + LATE
    return earliest(loud, runs(loud, key, gap), lambda name, run: _burst(run, rule, **named(key, name)))


def _kind(run: pd.DataFrame) -> str:
    """What failed: only who fails on a login route, or in words about a login, may be guessing one."""
    return "failed logins" if run["on_login"].any() else "refused requests"


def _burst(run: pd.DataFrame, rule: Rule, **named: str) -> Alarm:
    methods = " and ".join(word for word in ("window", "bucket") if run[word].any())
    peak = int(run.groupby(run["seconds"] // 60).size().max())
    severity = "high" if peak >= rule["high_per_minute"] else rule.severity
    text = f"burst of {_kind(run)} ({methods}; at most {peak} in a minute)"
    return alarm(run, text, severity, **named)


def slow(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A2: the slow bucket of one source, an address or a network, overflows."""
    return by_both(traffic.failures, lambda failures, key: _slow(failures, key, rule))


def _slow(failures: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    events = in_order(failures, key)
    over = events[levels(events, key, rule["leak_seconds"]).gt(rule["capacity"])]
    hour = rule["capacity"] * rule["leak_seconds"]

    def build(name: str, run: pd.DataFrame) -> Alarm:
        whole = _whole(events, run, key, hour)
        text = f"{_kind(whole)} faster than the slow bucket leaks"
        return alarm(whole, text, rule.severity, **named(key, name))

    return earliest(over, runs(over, key, hour), build)


def _whole(events: pd.DataFrame, over: pd.DataFrame, key: str, before: float) -> pd.DataFrame:
    """The overflow with the events that filled the bucket."""
    first, last, name = over["seconds"].iloc[0], over["seconds"].iloc[-1], over[key].iloc[0]
    near = events[key].eq(name) & events["seconds"].between(first - before, last)
    return events[near]


def spaced(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A3: failures of one source, an address or a network, with long pauses, none longer than the queue, and
    no success between."""
    guarded = traffic.failures[traffic.failures["protected"] | traffic.failures["on_login"]]
    good = traffic.requests[traffic.requests["let_in"]]
    return by_both(guarded, lambda failures, key: _spaced(failures, good, key, rule))


def _spaced(failures: pd.DataFrame, good: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    own = good.loc[good[key].isin(set(failures[key])), ["client", "network", "seconds", "at", "file"]]
    steps = in_order(pd.concat([failures.assign(failed=True), own.assign(failed=False)]), key)
    steps["run"] = (~steps["failed"].astype(bool)).groupby(steps[key], sort=False).cumsum()
    steps = steps[steps["failed"].astype(bool)].astype({"line": "int64"})
    steps["who"] = steps[key] + "\0" + steps["run"].astype("str")
    seconds = steps["seconds"].to_numpy()
    found = [
        run
        for run in runs(steps, "who", rule.seconds("gap_minutes"), int(rule["failures"]))
        if _pause(run.of(seconds)) > rule.seconds("median_minutes")
    ]
    return earliest(steps, found, lambda _, run: _patient(run, key, rule))


def _pause(seconds: npt.NDArray[np.float64]) -> float:
    """The median pause."""
    return float(np.median(np.diff(seconds)))


def _patient(run: pd.DataFrame, key: str, rule: Rule) -> Alarm:
    pause = _pause(run["seconds"].to_numpy()) / 60
    text = f"{_kind(run)} with pauses of {pause:.0f} minutes and no success between them"
    return alarm(run, text, rule.severity, **named(key, run[key].iloc[0]))


def over_days(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A4: failures of one source, an address or a network, on several days, never many at once."""
    good = traffic.requests[traffic.requests["succeeded"] & traffic.requests["protected"]]
    return by_both(traffic.failures, lambda failures, key: _over_days(failures, good, key, rule))


def _over_days(failures: pd.DataFrame, good: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    events = in_order(failures, key)
    crowded = dense(events, key, int(rule["most_in_window"]) + 1, rule.seconds("minutes"))
    days = events["at"].dt.floor("D").groupby(events[key]).nunique()
    sums = events.groupby(key).size()
    successes = good.groupby(key)["count"].sum()
    chosen = set(sums[(sums >= rule["failures"]) & (days >= rule["days"])].index) - set(
        events.loc[crowded, key]
    )

    def build(name: str, own: pd.DataFrame) -> Alarm:
        text, severity = f"few {_kind(own)} at a time on {days[name]} days", rule.severity
        if successes.get(name, 0) > len(own):
            text, severity = f"{text}, but more successes, as of a user whose sessions expire", "info"
        return alarm(own, text, severity, **named(key, name))

    patient = events[events[key].isin(chosen)]
    return earliest(patient, runs(patient, key), build)


def many_routes(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A6: one source, an address or a network, is refused on many protected routes: a token is guessed, or
    an old one is in use."""
    guarded = traffic.failures[traffic.failures["protected"]]
    return by_both(guarded, lambda failures, key: _many_routes(failures, key, rule))


def _many_routes(failures: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    events = in_order(failures, key)
    # A route counts anew once it lies outside the window, so each event asks for the routes before it.
    fresh = events[~events.duplicated([key, "route", "seconds"])]
    wide = fresh[with_many_routes(fresh, key, rule["routes"], rule.seconds("minutes"))]
    return earliest(
        wide,
        runs(wide, key, rule.seconds("minutes")),
        lambda name, run: alarm(
            run, f"refused on {run['route'].nunique()} protected routes", rule.severity, **named(key, name)
        ),
    )
