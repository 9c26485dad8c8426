"""What an incident is, and how events are gathered into sliding windows and episodes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.in_words import counted

MOST = 200  # incidents that are described; another counts the others
PLACES = 8  # pieces of evidence of an incident; its count says how many there are
EVERYONE = "all sources"
Ladder = Iterable[tuple[float, ...]]  # so many, or so many of so many labels, within minutes


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


Build = Callable[[pd.DataFrame], Incident]
Episodes = tuple[list[Incident], pd.Index]  # the incidents, and the events that are part of them


def incident(events: pd.DataFrame, text: str | Mapping[str, Any], severity: str, **more: Any) -> Incident:
    """The incident of events in order of time. Of clauses with conditions its text has those that hold."""
    clauses = text if isinstance(text, Mapping) else {text: True}
    words, times = "; ".join(clause for clause, holds in clauses.items() if holds), events["at"].dropna()
    facts: dict[str, Any] = {
        "count": int(events["count"].sum()) if "count" in events else len(events),
        "clients": frozenset(events["client"]) - {""},
        "first_at": times.min() if len(times) else None,
        "last_at": times.max() if len(times) else None,
        "evidence": places(events),
    }
    return Incident(words, severity, **(facts | more))


def places(events: pd.DataFrame) -> tuple[str, ...]:
    """`file:line` of the first events and of the last; of requests in a minute that of the first."""
    if len(events) > PLACES:
        events = pd.concat([events.head(PLACES - 1), events.tail(1)])
    return tuple(dict.fromkeys(f"{file}:{line}" for file, line in events[["file", "line"]].to_numpy()))


def by_source(events: pd.DataFrame, ladder: Ladder, pause: float, build: Build, label: str = "") -> Episodes:
    """What is found by address, then by network of the events of its addresses that are part of none."""
    incidents, part = find_episodes(events, "client", ladder, pause, build, label=label)
    rest = events.drop(part)
    several = rest[rest.groupby("network")["client"].transform("nunique").gt(1)]
    networks, more = find_episodes(several, "network", ladder, pause, build, label=label)
    return [*incidents, *networks], part.union(more)


def find_episodes(
    events: pd.DataFrame, key: str, ladder: Ladder, pause: float, build: Build, **counting: Any
) -> Episodes:
    """An incident for each run of events in windows that reach a rung, of one key and without a longer pause.

    Its subject is the key's, unless `build` names another. Beyond MOST they are counted: a flood is no work.
    """
    events = in_windows(events, key, ladder, **counting)
    fresh = events[key].ne(events[key].shift()) | events["seconds"].diff().gt(pause * 60)
    ends, at, incidents = np.flatnonzero([*fresh, True]).tolist(), events["at"].array, list[Incident]()
    runs = sorted(pairwise(ends), key=lambda run: (at[run[0]], run[0]))
    for low, high in runs[:MOST]:
        found, name = build(events.iloc[low:high]), str(events[key].iloc[low])
        own = {"client": name} if key == "client" else {"subject": name}
        incidents.append(found if found.client or found.subject else replace(found, **own))  # type: ignore[arg-type]
    if others := runs[MOST:]:
        text, count = counted(len(others), "more incident"), sum(high - low for low, high in others)
        incidents.append(Incident(text, incidents[-1].severity, count, first_at=at[others[0][0]]))
    return incidents, events.index


def in_windows(
    events: pd.DataFrame, key: str, ladder: Ladder, *, label: str = "", most: float = np.inf
) -> pd.DataFrame:
    """The events in a window of one key that reaches a rung, in the order of key, then time.

    It holds so many `label`s that differ, too, and of each `most` events count. Events weigh their `count`.
    """
    events = events[events[key].ne("")].sort_values([key, "seconds"], kind="stable")
    weight = next((name for name in ("weight", "count") if name in events), None)
    weights = events[weight].tolist() if weight else [1] * len(events)
    keys, at, labels = (events[column].tolist() for column in (key, "seconds", label or key))
    marks = np.zeros(len(events), bool)
    for least, *several, minutes in ladder:
        held, total, low, done = Counter[Any](), 0.0, 0, 0
        for high, (name, weight) in enumerate(zip(labels, weights, strict=True)):
            total += min(most, held[name] + weight) - min(most, held[name])
            held[name] += weight
            while keys[low] != keys[high] or at[high] - at[low] > minutes * 60:
                rest = held.pop(labels[low]) - weights[low]
                total += min(most, rest) - min(most, rest + weights[low])
                if rest > 0:
                    held[labels[low]] = rest
                low += 1
            if total >= least and len(held) >= max([1, *several]):
                marks[max(done, low) : high + 1] = True
                done = high + 1
    return events[marks]
