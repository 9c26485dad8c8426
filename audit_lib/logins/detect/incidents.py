"""What an incident is, and how events are gathered into sliding windows and episodes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

MOST = 200  # incidents of one detection that are rows; the last row counts the others
PLACES = 8  # pieces of evidence of one incident; its count says how many there are
EVERYONE = "all sources"
Marks = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Incident:
    """Something that a detection found. A `client` is named, or masked, where the subject is shown."""

    classification: str
    severity: str
    count: int
    subject: str = ""
    client: str = ""
    cause: str = ""  # of known clients failing: rotation, deploy, start; "" for nothing on record
    clients: frozenset[str] = frozenset()  # all that took part
    first_at: datetime | None = None
    last_at: datetime | None = None
    evidence: tuple[str, ...] = ()

    def during(self, at: "pd.Series[pd.Timestamp]") -> "pd.Series[bool]":
        """Which instants lie between its first minute and its last."""
        first, last = pd.Timestamp(self.first_at), pd.Timestamp(self.last_at)  # type: ignore[arg-type]
        return at.between(first.floor("min"), last)


def incident(events: pd.DataFrame, classification: str, severity: str, **more: Any) -> Incident:
    """The incident of events in order of time, with their first and last instant and their places."""
    times = events["at"].dropna()
    facts = {
        "count": int(events["count"].sum()) if "count" in events else len(events),
        "clients": frozenset(events["client"]) - {""},
        "first_at": times.min() if len(times) else None,
        "last_at": times.max() if len(times) else None,
        "evidence": places(events),
    }
    return Incident(classification, severity, **(facts | more))  # type: ignore[arg-type]


def of_source(key: str, name: str) -> dict[str, str]:
    """An incident's field for its source: an address is masked where it is shown, a network is not."""
    return {"client": name} if key == "client" else {"subject": name}


def places(events: pd.DataFrame) -> tuple[str, ...]:
    """`file:line` of the first events and of the last; of requests in a minute that of the first."""
    if len(events) > PLACES:
        events = pd.concat([events.head(PLACES - 1), events.tail(1)])
    pairs = zip(events["file"], events["line"], strict=True)
    return tuple(dict.fromkeys(f"{file}:{line}" for file, line in pairs))


def in_order(events: pd.DataFrame, key: str) -> pd.DataFrame:
    """The events that name a source, in the order of key, then time; their index stays."""
    return events[events[key].ne("")].sort_values([key, "seconds", "file", "line"], kind="stable")


def in_windows(
    events: pd.DataFrame,
    key: str,
    minutes: float,
    least: float,
    *,
    label: str = "",
    labels: float = 1,
    most: float = np.inf,
) -> Marks:
    """Which events lie in a window of so many minutes that holds at least so many of one key.

    It has to hold so many `labels` that differ, too; of each label at most `most` events count. `events` are
    in the order of key, then time; of sums by the minute `count` is the weight.
    """
    keys, at = events[key].to_numpy(), events["seconds"].to_numpy()
    names = events[label or key].to_numpy()
    weights = events["count"].to_numpy() if "count" in events else np.ones(len(events))
    marks, held = np.zeros(len(events), bool), Counter[Any]()
    low, done, total = 0, 0, 0.0
    for high in range(len(events)):
        name, weight = names[high], weights[high]
        total += min(most, held[name] + weight) - min(most, held[name])
        held[name] += weight
        while keys[low] != keys[high] or at[high] - at[low] > minutes * 60:
            name, weight = names[low], weights[low]
            total -= min(most, held[name]) - min(most, held[name] - weight)
            held[name] -= weight
            if held[name] <= 0:
                del held[name]
            low += 1
        if total >= least and len(held) >= labels:
            marks[max(done, low) : high + 1] = True
            done = high + 1
    return marks


def by_episode(
    events: pd.DataFrame, key: str, minutes: float, build: Callable[[str, pd.DataFrame], Incident]
) -> list[Incident]:
    """An incident for each run of one key that no longer pause parts.

    `events` are in the order of key, then time. Beyond the MOST earliest runs are only counted, so that a
    flood is no work.
    """
    fresh = events[key].ne(events[key].shift()) | events["seconds"].diff().gt(minutes * 60)
    starts = [*np.flatnonzero(fresh.to_numpy()).tolist(), len(events)]
    names, seconds = events[key].to_numpy(), events["seconds"].to_numpy()
    runs = sorted(pairwise(starts), key=lambda pair: (seconds[pair[0]], pair[0]))
    found = [build(str(names[low]), events.iloc[low:high]) for low, high in runs[:MOST]]
    return found + [counted_alone(str(names[low]), seconds[low], high - low) for low, high in runs[MOST:]]


def counted_alone(name: str, seconds: float, count: int) -> Incident:
    """An incident that no row shows: its time puts it behind those that are shown."""
    return Incident("", "info", count, subject=name, first_at=pd.Timestamp(seconds, unit="s", tz="UTC"))
