"""A13, A20: hours that do not fit the hour-of-week baseline, on both sides, and failures out of hours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit_lib.logins.detections.alarm import Alarm, alarm, places
from audit_lib.logins.detections.chances import binomial_at_least, negative_binomial_tails
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic

HOUR, WEEK = 3600, 168
WIDTHS = (1, 2, 4, 6)
OWN_CHANCE = 0.1
STEADY = 5.0  # events that a day of the week needs before it moves the forecast much
PASSES = 3  # each leaves a seventh of what a day out of the way adds to its own hours
Numbers = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Expected:
    """What an hour was expected to hold, had it been like the same hours of other weeks."""

    mean: Numbers
    size: Numbers  # of a negative binomial: variance = mean + mean squared / size


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


def expected(series: Numbers, offset: int, shrink: float) -> Expected:
    """The forecast of each hour from all others, itself left out.

    What is usual at the hour of the day, times a factor for the day of the week, is a gamma prior with the
    weight of `shrink` weeks; the same hour of other weeks updates it. Hours scatter beyond that by one
    dispersion, taken from residuals whose highest are cut, so that an incident does not hide itself.
    """
    slot = (np.arange(len(series)) + offset) % WEEK
    usual = _others(series, slot % 24, series.mean() + 0.1)
    weekday = slot // 24
    seen, forecast = (np.bincount(weekday, values, minlength=7)[weekday] for values in (series, usual))
    prior = usual * (seen - series + STEADY) / (forecast - usual + STEADY)
    weeks = np.bincount(slot, minlength=WEEK)[slot] - 1.0
    total = np.bincount(slot, series, minlength=WEEK)[slot] - series
    shape = shrink * prior + total
    mean = shape / (shrink + weeks)
    return Expected(mean, 1.0 / (1.0 / shape + _dispersion(series, mean)))


def _others(series: Numbers, slot: npt.NDArray[np.int64], prior: float) -> Numbers:
    """For each hour the mean of the other hours of its slot, with one more at the prior's mean."""
    total, number = np.bincount(slot, series)[slot] - series, np.bincount(slot)[slot] - 1.0
    mean: Numbers = (total + prior) / (number + 1.0)
    return mean


def _dispersion(series: Numbers, mean: Numbers) -> float:
    """How much the hours scatter beyond Poisson: variance = mean + dispersion * mean squared."""
    residual = (series - mean) ** 2 - mean
    busy = mean > 1.0
    if busy.sum() < 24:
        return 0.0
    ratio = residual[busy] / mean[busy] ** 2
    low, high = np.quantile(ratio, [0.0, 0.98])
    return float(max(0.0, np.clip(ratio, low, high).mean()))


def discoveries(p: Numbers, q: float) -> Truths:
    """Which tests hold at a false discovery rate of `q` (Benjamini-Hochberg)."""
    order = np.argsort(p, kind="stable")
    holds = p[order] <= q * np.arange(1, len(p) + 1) / max(1, len(p))
    chosen = np.zeros(len(p), dtype=bool)
    if holds.any():
        chosen[order[: np.flatnonzero(holds)[-1] + 1]] = True
    return chosen


def marks(series: Numbers, offset: int, rule: Rule) -> tuple[Expected, Truths, Truths]:
    """The expectation, and the hours that are above and below it.

    An hour is judged alone and within the windows of WIDTHS hours, since six silent hours say more than one.
    """
    usual = expected(series, offset, rule["shrink"])
    tests = [(width, *_tails(series, usual, width)) for width in WIDTHS if width <= len(series)]
    p = np.concatenate([tail for _, upper, lower in tests for tail in (upper, lower)])
    chosen, place = discoveries(p, rule["q"]), 0
    marked = [np.zeros(len(series), dtype=bool), np.zeros(len(series), dtype=bool)]
    for width, upper, lower in tests:
        for side, tail in enumerate((upper, lower)):
            hits = np.flatnonzero(chosen[place : place + len(tail)])
            for start in hits[_sum(series if not side else usual.mean, width)[hits] >= rule["events"]]:
                marked[side][start : start + width] = True
            place += len(tail)
    # Of a window the hours that are themselves out of the way on its side.
    upper, lower = _tails(series, usual, 1)
    return usual, marked[0] & (upper < OWN_CHANCE), marked[1] & (lower < OWN_CHANCE)


def _tails(series: Numbers, usual: Expected, width: int) -> tuple[Numbers, Numbers]:
    """The chance of so many or more, and of so few or fewer, in each window of some hours."""
    count, mean = _sum(series, width), _sum(usual.mean, width)
    size = mean**2 / _sum(usual.mean**2 / usual.size, width)
    return negative_binomial_tails(count, size, mean)


def _sum(values: Numbers, width: int) -> Numbers:
    sums: Numbers = np.lib.stride_tricks.sliding_window_view(values, width).sum(axis=1)
    return sums


def _above(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Alarm]:
    usual, above, below = marks(series, offset, rule)
    told, found = _told(series, usual, above | below, offset, rule), []
    for low, high in _runs(above):
        hours = traffic.failures["seconds"] // HOUR - first
        own = traffic.failures[hours.between(low, high)]
        count, mean = series[low : high + 1].sum(), told[low : high + 1].sum()
        text = f"{count:.0f} failed logins; usual at this time: {mean:.1f}"
        found.append(alarm(own, text, rule.severity, subject="failed logins"))
    return found


def _below(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Alarm]:
    usual, above, below = marks(series, offset, rule)
    busy, told = _busy(series, offset), _told(series, usual, above | below, offset, rule)
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


def _told(series: Numbers, usual: Expected, marked: Truths, offset: int, rule: Rule) -> Numbers:
    """What is usual, to be told: what is out of the way is taken as usual until it raises nothing more."""
    mean = usual.mean
    for _ in range(PASSES):
        mean = expected(np.where(marked, mean, series), offset, rule["shrink"]).mean
    return mean


def _busy(series: Numbers, offset: int) -> Numbers:
    """For each hour on which share of the days the same hour has a request."""
    hour = (np.arange(len(series)) + offset) % 24
    share: Numbers = (np.bincount(hour, series > 0, minlength=24) / np.bincount(hour, minlength=24))[hour]
    return share


def _around(requests: pd.DataFrame, hours: "pd.Series[float]", low: int, high: int) -> pd.DataFrame:
    """The last request before some hours of silence, and the first after them."""
    return pd.concat([requests[hours < low].tail(1), requests[hours > high].head(1)])


def _runs(marked: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
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
