"""What each hour of a series is expected to hold, by all the others, and which hours do not fit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit_lib.logins.detections.chances import negative_binomial_tails
from audit_lib.logins.detections.thresholds import Rule

WEEK = 168
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


def usual_without(series: Numbers, usual: Expected, marked: Truths, offset: int, rule: Rule) -> Numbers:
    """What is usual, to be told: what is out of the way is taken as usual until it raises nothing more."""
    mean = usual.mean
    for _ in range(PASSES):
        mean = expected(np.where(marked, mean, series), offset, rule["shrink"]).mean
    return mean
