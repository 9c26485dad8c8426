"""A19: stretches of which no line is kept, and clocks that jump back."""

import numpy as np
import pandas as pd

from audit_lib.logins.detections.alarm import Alarm, alarm, places
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic
from audit_lib.logs.formats import CLOCK_SET_BACK

DAY_MINUTES = 1440


def gaps_and_jumps(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A19: gaps in which many requests were to be expected, and times older than those before them."""
    return gaps(traffic, rule) + _jumps(traffic, rule)


def gaps(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """Stretches without a request in which many were to be expected."""
    minutes = traffic.requests["minute"].drop_duplicates().sort_values()
    pauses = minutes.diff()
    usual = _usual(traffic)
    found = []
    for place in pauses[pauses > rule["minutes"]].index:
        last = int(minutes[place])
        first = last - int(pauses[place])
        missed = _expected(usual, first, last)
        if missed < rule["expected"]:
            continue
        edges = traffic.requests[traffic.requests["minute"].isin((first, last))]
        edges = edges.sort_values(["minute", "file", "line"]).drop_duplicates(["minute", "file"])
        hours = (last - first) / 60
        text = f"no request for {hours:.1f} hours, in which {missed:.0f} are usual: silence or a log gap"
        times = [pd.Timestamp(minute * 60, unit="s", tz="UTC") for minute in (first, last)]
        found.append(
            Alarm(
                text,
                rule.severity,
                0,
                subject="requests",
                first_at=times[0],
                last_at=times[1],
                evidence=places(edges),
            )
        )
    return found


def _usual(traffic: Traffic) -> "pd.Series[float]":
    """Requests a minute by the hour of the day, over the days that have any."""
    frame = traffic.requests
    days = max(1, frame["at"].dt.floor("D").nunique())
    sums = frame.groupby(frame["at"].dt.hour)["count"].sum().reindex(range(24), fill_value=0)
    rates: pd.Series[float] = sums / (days * 60)
    return rates


def _expected(usual: "pd.Series[float]", first: int, last: int) -> float:
    """Requests that a gap would hold by the usual rates."""
    hours = (np.arange(first, min(last, first + 7 * DAY_MINUTES)) // 60) % 24
    return float(usual.to_numpy()[hours].sum())


def _jumps(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """In each file the lines that are much older than the one before them."""
    steps = traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    back = (steps["not_after_at"] - steps["at"]).dt.total_seconds()
    jumped = steps[back > rule.seconds("jump_minutes")]
    found = []
    for file, own in jumped.groupby("file", sort=True):
        text = f"times go back by up to {back[own.index].max() / 60:.0f} minutes within one file"
        found.append(alarm(own, text, rule.severity, subject=str(file)))
    return found
