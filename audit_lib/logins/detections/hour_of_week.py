"""A13, A20: hours that do not fit the hour-of-week baseline, on both sides, and failures out of hours."""

import numpy as np
import pandas as pd

from audit_lib.logins.detections.alarm import Alarm, alarm, places
from audit_lib.logins.detections.chances import binomial_at_least
from audit_lib.logins.detections.hour_baseline import Numbers, Truths, marks, usual_without
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic

HOUR = 3600


def unusual_hours(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A13: failures far above their baseline, requests far above or below theirs.

    The false discovery rate over all hours and both sides is `q` (Benjamini and Hochberg 1995).
    """
    first, hours = _span(traffic)
    if hours < rule["days"] * 24:
        return []
    failures = _series(traffic.failures.assign(count=1), first, hours)
    requests = _series(traffic.requests, first, hours)
    offset = int(first) + 72  # hour 0 of 1970 was a Thursday's
    found = _above(traffic, failures, first, offset, rule)
    return found + _below(traffic, requests, first, offset, rule)


def _span(traffic: Traffic) -> tuple[float, int]:
    """The first hour with a request, and how many hours until the last one; both whole."""
    if traffic.requests.empty:
        return 0.0, 0
    seconds = traffic.requests["seconds"]
    first, last = seconds.min() // HOUR, seconds.max() // HOUR
    return float(first), int(last - first) + 1


def _series(events: pd.DataFrame, first: float, hours: int) -> Numbers:
    sums = np.zeros(hours)
    np.add.at(sums, (events["seconds"] // HOUR - first).astype(int), events["count"].to_numpy())
    return sums


def _above(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Alarm]:
    usual, above, below = marks(series, offset, rule)
    told, found = usual_without(series, usual, above | below, offset, rule), []
    for low, high in _runs(above):
        hours = traffic.failures["seconds"] // HOUR - first
        own = traffic.failures[hours.between(low, high)]
        count, mean = series[low : high + 1].sum(), told[low : high + 1].sum()
        text = f"{count:.0f} failed logins; usual at this time: {mean:.1f}"
        found.append(alarm(own, text, rule.severity, subject="failed logins"))
    return found


def _below(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Alarm]:
    usual, above, below = marks(series, offset, rule)
    busy, told = _busy(series, offset), usual_without(series, usual, above | below, offset, rule)
    found = []
    for marked, word in ((above, "many"), (below, "few")):
        for low, high in _runs(marked):
            if word == "few" and busy[low : high + 1].mean() < rule["busy_share"]:
                continue  # a night is silent as ever, whatever one attack in another night makes of the mean
            hours = traffic.requests["seconds"] // HOUR - first
            own = traffic.requests[hours.between(low, high)]
            count, mean = series[low : high + 1].sum(), told[low : high + 1].sum()
            text = f"{count:.0f} requests; usual at this time: {mean:.0f}"
            if word == "few":
                text += "; the application was silent, or its log has a gap" if not count else ""
            found.append(
                Alarm(
                    text,
                    "low" if word == "many" else rule.severity,
                    int(count),
                    subject="requests",
                    first_at=_instant(first + low),
                    last_at=_instant(first + high + 1),
                    evidence=places(own if len(own) else _around(traffic.requests, hours, low, high)),
                )
            )
    return found


def _busy(series: Numbers, offset: int) -> Numbers:
    """For each hour on which share of the days the same hour has a request."""
    hour = (np.arange(len(series)) + offset) % 24
    share: Numbers = (np.bincount(hour, series > 0, minlength=24) / np.bincount(hour, minlength=24))[hour]
    return share


def _around(requests: pd.DataFrame, hours: "pd.Series[float]", low: int, high: int) -> pd.DataFrame:
    """The last request before some hours of silence, and the first after them."""
    return pd.concat([requests[hours < low].tail(1), requests[hours > high].head(1)])


def _runs(marked: Truths) -> list[tuple[int, int]]:
    """First and last of each run of marked hours; one hour between two runs does not part them."""
    found: list[tuple[int, int]] = []
    for hour in np.flatnonzero(marked).tolist():
        if found and hour - found[-1][1] <= 2:
            found[-1] = (found[-1][0], hour)
        else:
            found.append((hour, hour))
    return found


def _instant(hour: float) -> pd.Timestamp:
    return pd.Timestamp(hour * HOUR, unit="s", tz="UTC")


def off_hours(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A20: failures fall out of working hours (UTC) far more often than requests do.

    Sources that are answered around the clock say nothing of hours, neither by requests nor by failures.
    """
    steady = _around_the_clock(traffic, rule)
    failures, requests = (rows[~rows["client"].isin(steady)] for rows in (traffic.failures, traffic.requests))
    if len(failures) < rule["failures"]:
        return []
    late = _off(failures["at"], rule)
    usual = requests["count"].where(_off(requests["at"], rule), 0).sum() / requests["count"].sum()
    share, p = late.mean(), binomial_at_least(late.sum(), len(failures), min(usual, 1.0))
    # Odds, not shares: of a share above a half there is no double.
    if p >= rule["p"] or share * (1 - usual) < rule["ratio"] * usual * (1 - share):
        return []
    text = f"{share:.0%} of the failed logins are out of hours, and {usual:.0%} of the requests"
    text += ", without steady addresses" if steady else ""
    return [alarm(failures[late], text, rule.severity, subject="failed logins")]


def _around_the_clock(traffic: Traffic, rule: Rule) -> set[str]:
    """The sources that succeed in so many hours of a day of theirs on average: machines.

    None if all are, or if one address stands for many.
    """
    named = traffic.requests[traffic.requests["client"].ne("")]
    good = named[named["succeeded"]]
    hours = good[["client"]].assign(hour=good["seconds"] // HOUR, day=good["seconds"] // (24 * HOUR))
    number = hours.groupby("client")[["hour", "day"]].nunique()
    steady = set(number.index[number["hour"] >= rule["steady_hours"] * number["day"]])
    return set() if traffic.collapsed or steady >= set(named["client"].unique()) else steady


def _off(at: "pd.Series[pd.Timestamp]", rule: Rule) -> "pd.Series[bool]":
    day = at.dt.hour.between(rule["first_hour"], rule["last_hour"] - 1)
    return ~(day & at.dt.day_of_week.lt(5))
