"""A13, A20: hours that do not fit the hour-of-week baseline, on both sides, and failures out of hours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from audit_lib.tables.detections.crowds import evidence_of
from audit_lib.tables.detections.incidents import Incident, incident
from audit_lib.tables.detections.rules import Rule
from audit_lib.tables.detections.traffic import Traffic

HOUR, WEEK = 3600, 168
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expected:
    """What an hour was expected to hold, had it been like the same hours of other weeks."""

    mean: Numbers
    upper: Numbers  # the chance of so many or more
    lower: Numbers  # the chance of so few or fewer


def unusual_hours(traffic: Traffic, rule: Rule) -> list[Incident]:
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
    """The baseline of each hour from all others: its hour of the week, shrunk towards its hour of the day.

    A gamma prior with the weight of `shrink` weeks gives a negative binomial forecast; what the hours
    scatter beyond it enters as over-dispersion, estimated from the middle of the residuals so that the
    incident that is looked for does not hide itself.
    """
    slot = (np.arange(len(series)) + offset) % WEEK
    day_sum, day_weeks = _without_itself(series, slot % 24)
    week_sum, weeks = _without_itself(series, slot)
    overall = (series.sum() - series + 1.0) / len(series)
    prior = (day_sum + overall) / (day_weeks + 1.0)
    shape, rate = shrink * prior + week_sum, shrink + weeks
    mean = shape / rate
    size = 1.0 / (1.0 / shape + _dispersion(series, mean))
    p = size / (size + mean)
    return Expected(mean, stats.nbinom.sf(series - 1, size, p), stats.nbinom.cdf(series, size, p))


def _without_itself(series: Numbers, slot: npt.NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """For each hour the sum over the other hours of its slot, the highest of them left out, and their number.

    The highest is left out, and what it is above the mean of the rest with it: one burst in a slot must
    not make the next one look usual.
    """
    total, number = np.zeros(len(series)), np.zeros(len(series))
    for one in np.unique(slot):
        here = np.flatnonzero(slot == one)
        values = series[here]
        rest = values.sum() - values
        if len(here) > 3:
            order = np.sort(values)
            highest = np.where(values == order[-1], order[-2], order[-1])
            rest = rest - highest
            # The mean of what is left is too low by the highest: half of its excess is put back.
            rest = rest + rest / (len(here) - 2) + 0.5 * np.sqrt(np.maximum(rest / (len(here) - 2), 0.0))
        total[here], number[here] = rest, len(here) - 1
    return total, number


def _dispersion(series: Numbers, mean: Numbers) -> float:
    """How much the hours scatter beyond Poisson: variance = mean + dispersion * mean squared."""
    residual = (series - mean) ** 2 - mean
    busy = mean > 1.0
    if busy.sum() < 24:
        return 0.0
    ratio = residual[busy] / mean[busy] ** 2
    low, high = np.quantile(ratio, [0.0, 0.98])
    return float(max(0.0, np.clip(ratio, low, high).mean()))


def discoveries(p: Numbers, q: float) -> npt.NDArray[np.bool_]:
    """Which tests hold at a false discovery rate of `q` (Benjamini-Hochberg)."""
    order = np.argsort(p, kind="stable")
    holds = p[order] <= q * np.arange(1, len(p) + 1) / max(1, len(p))
    chosen = np.zeros(len(p), dtype=bool)
    if holds.any():
        chosen[order[: np.flatnonzero(holds)[-1] + 1]] = True
    return chosen


def marks(
    series: Numbers, offset: int, rule: Rule
) -> tuple[Expected, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The expectation, and the hours that lie above and below it."""
    usual = expected(series, offset, rule["shrink"])
    chosen = discoveries(np.concatenate([usual.upper, usual.lower]), rule["q"])
    above, below = chosen[: len(series)], chosen[len(series) :]
    return usual, above & (series >= rule["events"]), below & (usual.mean >= rule["events"])


def _above(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Incident]:
    usual, above, _ = marks(series, offset, rule)
    found = []
    for low, high in _runs(above):
        hours = traffic.failures["seconds"] // HOUR - first
        own = traffic.failures[hours.between(low, high)]
        count, mean = series[low : high + 1].sum(), usual.mean[low : high + 1].sum()
        text = f"{count:.0f} failed logins where {mean:.1f} are usual"
        found.append(incident(own, text, rule.severity, subject="failed logins"))
    return found


def _below(traffic: Traffic, series: Numbers, first: float, offset: int, rule: Rule) -> list[Incident]:
    usual, above, below = marks(series, offset, rule)
    found = []
    for marked, word in ((above, "many"), (below, "few")):
        for low, high in _runs(marked):
            hours = traffic.requests["seconds"] // HOUR - first
            own = traffic.requests[hours.between(low, high)]
            count, mean = series[low : high + 1].sum(), usual.mean[low : high + 1].sum()
            text = f"{count:.0f} requests where {mean:.0f} are usual"
            if word == "few":
                text += ": the application was silent, or its log has a gap" if not count else ""
            found.append(
                Incident(
                    text,
                    "low" if word == "many" else rule.severity,
                    int(count),
                    subject="requests",
                    first_at=_instant(first + low),
                    last_at=_instant(first + high + 1),
                    evidence=evidence_of(own if len(own) else traffic.requests),
                )
            )
    return found


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


def off_hours(traffic: Traffic, rule: Rule) -> list[Incident]:
    """A20: failures fall out of working hours (UTC) far more often than requests do."""
    failures, requests = traffic.failures, traffic.requests
    if len(failures) < rule["failures"]:
        return []
    late = _off(failures["at"], rule)
    usual = requests["count"].where(_off(requests["at"], rule), 0).sum() / requests["count"].sum()
    share, p = late.mean(), stats.binom.sf(late.sum() - 1, len(failures), min(usual, 1.0))
    if p >= rule["p"] or share < rule["ratio"] * usual:
        return []
    text = f"{share:.0%} of the failed logins are out of hours, and {usual:.0%} of all requests"
    return [incident(failures[late], text, rule.severity, subject="failed logins")]


def _off(at: "pd.Series[pd.Timestamp]", rule: Rule) -> "pd.Series[bool]":
    day = at.dt.hour.between(rule["first_hour"], rule["last_hour"] - 1)
    return ~(day & at.dt.day_of_week.lt(5))
