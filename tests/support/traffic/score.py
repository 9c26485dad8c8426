"""Holds detections against the truth: what was missed, and what was a false alarm."""

import ipaddress
import math
from typing import Any

import pandas as pd

from audit_lib.logins.traffic import network_of
from tests.support.traffic.incidents import Truth
from tests.support.traffic.scenes import START, Scene

# Planted, but no detection's: an alert counts 429, a newcomer is an attribute, a clock is a hint of coverage.
BESIDE = ("429", "new network", "clock")
ATTACKS = ("guessing", "spraying", "let-in", "probing")
SLACK = 3600.0


def missed(scene: Scene, found: pd.DataFrame) -> list[Truth]:
    """The planted incidents on which no row of their detection lies."""
    return [
        truth
        for truth in scene.truths
        if truth.detection not in BESIDE
        and not any(lies_on(row, truth) for row in alarms(found) if row.detection == truth.detection)
    ]


def false_alarms(scene: Scene, found: pd.DataFrame) -> list[str]:
    """The rows that ask somebody to act, and lie on nothing planted that their detection may speak of."""
    return [
        f"{row.detection} {row.subject}: {row.classification}"
        for row in alarms(found)
        if not any(_may_speak(row.detection, truth) and lies_on(row, truth) for truth in scene.truths)
    ]


def alarms(found: pd.DataFrame) -> list[Any]:
    """The rows that ask somebody to act, and those of clients that failed after a change."""
    own = found[found["verdict"].eq("found")]
    acting = own["severity"].ne("info") | own["detection"].eq("known-clients-failing")
    return list(own[acting].itertuples())


def lies_on(row: Any, truth: Truth) -> bool:
    """Whether a row is about the planted incident: its time, and its source where it names one."""
    first, last = ((at - START).total_seconds() for at in (row.first_at, row.last_at))
    if last < truth.first - SLACK or first > truth.last + SLACK:
        return False
    subject = str(row.subject)
    return not _is_source(subject) or subject in truth.clients | set(map(network_of, truth.clients))


def _is_source(subject: str) -> bool:
    try:
        ipaddress.ip_network(subject)
    except ValueError:
        return False
    return True


def _may_speak(detection: str, truth: Truth) -> bool:
    return truth.attack if detection in ATTACKS else detection == truth.detection


def wilson(hits: int, all_: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not all_:
        return 0.0, 1.0
    z, share = 1.96, hits / all_
    middle = (share + z * z / (2 * all_)) / (1 + z * z / all_)
    half = z / (1 + z * z / all_) * math.sqrt(share * (1 - share) / all_ + z * z / (4 * all_ * all_))
    return max(0.0, middle - half), min(1.0, middle + half)
