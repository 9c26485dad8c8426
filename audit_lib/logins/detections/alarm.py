"""What an incident is, and how events of one source are gathered into windows, buckets and runs."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

MOST = 200  # incidents of one detection that are rows; the last row counts the others
PLACES = 8  # pieces of evidence of one incident; its count says how many there are


@dataclass(frozen=True)
class Alarm:
    """One incident. `client` is named, or masked, where the subject is shown."""

    classification: str
    severity: str
    count: int
    subject: str = ""
    client: str = ""
    clients: frozenset[str] = frozenset()  # all that took part
    routes: frozenset[str] = frozenset()
    first_at: datetime | None = None
    last_at: datetime | None = None
    evidence: tuple[str, ...] = ()


def seconds_of(at: "pd.Series[pd.Timestamp]") -> "pd.Series[float]":
    """The times as seconds since 1970; null where there is none."""
    micro = at.astype("datetime64[us, UTC]").astype("int64")
    return (micro / 1e6).where(at.notna())


def alarm(events: pd.DataFrame, classification: str, severity: str, **more: Any) -> Alarm:
    """The incident of events in order, with their first and last instant and their places."""
    sources = frozenset(events["client"]) - {""} if "client" in events else frozenset()
    times = events["at"].dropna()
    return Alarm(
        **{
            "classification": classification,
            "severity": severity,
            "count": len(events),
            "clients": sources,
            "routes": frozenset(events["route"]) if "route" in events else frozenset(),
            "first_at": times.min() if len(times) else None,
            "last_at": times.max() if len(times) else None,
            "evidence": places(events),
            **more,
        }
    )


def places(events: pd.DataFrame) -> tuple[str, ...]:
    """`file:line` of the first events and of the last; of requests in a minute that of the first."""
    if len(events) > PLACES:
        events = pd.concat([events.head(PLACES - 1), events.tail(1)])
    pairs = zip(events["file"], events["line"], strict=True)
    return tuple(dict.fromkeys(f"{source}:{line}" for source, line in pairs))


def dense(events: pd.DataFrame, key: str, count: int, seconds: float) -> "pd.Series[bool]":
    """Which events are in a window of `seconds` that holds at least `count` of the same key.

    `events` are in the order of key, then time.
    """
    groups = events.groupby(key, sort=False)["seconds"]
    closing = (events["seconds"] - groups.shift(count - 1)).le(seconds)
    member = closing.copy()
    by_key = closing.groupby(events[key], sort=False)
    for back in range(1, count):
        member |= by_key.shift(-back, fill_value=False)
    return member.astype(bool)


def most_within(events: pd.DataFrame, sums: str, span: float) -> int:
    """The largest sum of a column in any window of so many seconds; `events` are in the order of time."""
    at, counts = events["seconds"].to_numpy(), events[sums].to_numpy()
    total = np.concatenate([[0], np.cumsum(counts)])
    return int((total[1:] - total[np.searchsorted(at, at - span, side="left")]).max())


def with_many_routes(events: pd.DataFrame, key: str, routes: float, seconds: float) -> list[bool]:
    """Which events are in a window of `seconds` that holds so many routes of the same key.

    `events` are in the order of key, then time; each enters and leaves the window once.
    """
    at, names, keys = (events[column].to_numpy() for column in ("seconds", "route", key))
    marked, held = [False] * len(events), Counter[str]()
    low = done = 0
    for high in range(len(events)):
        held[names[high]] += 1
        while keys[low] != keys[high] or at[high] - at[low] > seconds:
            held[names[low]] -= 1
            if not held[names[low]]:
                del held[names[low]]
            low += 1
        if len(held) >= routes:
            done = max(done, low)
            marked[done : high + 1] = [True] * (high + 1 - done)
            done = high + 1
    return marked


def levels(events: pd.DataFrame, key: str, leak_seconds: float) -> "pd.Series[float]":
    """How full the leaky bucket of the key is after each event: one in each event, one out each leak.

    Lindley's recursion, max(0, level - elapsed / leak) + 1, by its running minimum.
    """
    elapsed = events.groupby(key, sort=False)["seconds"].diff().fillna(0.0)
    walk = (1.0 - elapsed / leak_seconds).groupby(events[key], sort=False).cumsum()
    before = walk - 1.0  # the level rests on the lowest point of the walk before the event
    lowest = pd.concat([before, walk], axis=1).min(axis=1)
    floor = lowest.groupby(events[key], sort=False).cummin()
    return walk - floor


@dataclass(frozen=True)
class Run:
    """Events of one key that no gap parts: the rows from `low` until `high` of a frame in that order."""

    key: str
    first: float  # seconds since 1970
    low: int
    high: int

    def of(self, values: Any) -> Any:
        """The run's part of a frame, or of one of its columns as an array."""
        return values.iloc[self.low : self.high] if hasattr(values, "iloc") else values[self.low : self.high]


def runs(events: pd.DataFrame, key: str, gap_seconds: float = math.inf, least: int = 1) -> list[Run]:
    """Each run of at least so many events; `events` are in the order of key, then time, and so are runs."""
    if events.empty:
        return []
    fresh = events[key].ne(events[key].shift()) | events["seconds"].diff().gt(gap_seconds)
    starts = [*np.flatnonzero(fresh.to_numpy()).tolist(), len(events)]
    keys, seconds = events[key].to_numpy(), events["seconds"].to_numpy()
    pairs = ((low, high) for low, high in pairwise(starts) if high - low >= least)
    return [Run(str(keys[low]), float(seconds[low]), low, high) for low, high in pairs]


def earliest(
    events: pd.DataFrame, found: Iterable[Run], build: Callable[[str, pd.DataFrame], Alarm]
) -> list[Alarm]:
    """An incident for each run; beyond the MOST earliest they are only counted, so a flood is no work."""
    ordered = sorted(found, key=lambda run: (run.first, run.key))
    whole = [build(run.key, run.of(events)) for run in ordered[:MOST]]
    return whole + [counted(run.key, run.first, run.high - run.low) for run in ordered[MOST:]]


def counted(name: str, seconds: float, count: int) -> Alarm:
    """An incident that no row shows: its time puts it behind those that are shown."""
    return Alarm("", "info", count, subject=name, first_at=pd.Timestamp(seconds, unit="s", tz="UTC"))
