"""What an incident is, and how events of one source are gathered into windows, buckets and episodes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

PLACES = 8  # pieces of evidence of one incident; its count says how many there are


@dataclass(frozen=True)
class Incident:
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


def incident(events: pd.DataFrame, classification: str, severity: str, **more: Any) -> Incident:
    """The incident of events in order, with their first and last instant and their places."""
    sources = frozenset(events["client"]) - {""} if "client" in events else frozenset()
    times = events["at"].dropna()
    return Incident(
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
    """`file:line` of the first events and of the last; a file alone where lines are not kept."""
    if "line" not in events:
        return tuple(sorted(set(events["source"])))[:PLACES]
    if len(events) > PLACES:
        events = pd.concat([events.head(PLACES - 1), events.tail(1)])
    pairs = zip(events["source"], events["line"], strict=True)
    return tuple(dict.fromkeys(f"{source}:{line}" for source, line in pairs))


def dense(events: pd.DataFrame, key: str, count: int, seconds: float) -> "pd.Series[bool]":
    """Which events lie in a window of `seconds` that holds at least `count` of the same key.

    `events` are in the order of key, then time.
    """
    groups = events.groupby(key, sort=False)["seconds"]
    closing = (events["seconds"] - groups.shift(count - 1)).le(seconds)
    member = closing.copy()
    by_key = closing.groupby(events[key], sort=False)
    for back in range(1, count):
        member |= by_key.shift(-back, fill_value=False)
    return member.astype(bool)


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


def episodes(
    events: pd.DataFrame, key: str, gap_seconds: float, least: int = 1
) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Each run of at least so many events of one key that no gap parts; in order of key, then time."""
    if events.empty:
        return
    fresh = events[key].ne(events[key].shift()) | events["seconds"].diff().gt(gap_seconds)
    number = fresh.cumsum()
    long = number.map(number.value_counts()).ge(least)
    for _, run in events[long].groupby(number[long], sort=True):
        yield run[key].iloc[0], run
