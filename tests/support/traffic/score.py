"""Holds detections against the truth: what was missed, and what was a false alarm."""

import ipaddress
from typing import Any

import pandas as pd

from audit_lib.logins.traffic import network_of
from tests.support.traffic.plants import ATTACKING, Truth
from tests.support.traffic.scenes import START, Scene

# Planted, but no detection's: an alert counts 429, a newcomer is an attribute, a clock is a hint of coverage.
BESIDE = ("429", "new network", "clock")
SLACK = 3600.0


def missed(scene: Scene, found: pd.DataFrame) -> list[Truth]:
    """The planted incidents on which no row of their detection lies."""
    alarms, wanted = _alarms(found), [truth for truth in scene.truths if truth.detection not in BESIDE]
    return [
        truth
        for truth in wanted
        if not any(_lies_on(row, truth) for row in alarms if row.detection == truth.detection)
    ]


def false_alarms(scene: Scene, found: pd.DataFrame) -> list[str]:
    """The rows that ask somebody to act, and lie on nothing planted that their detection may speak of."""
    return [
        f"{row.detection} {row.subject}: {row.classification}"
        for row in _alarms(found)
        if not any(_may_speak(row.detection, truth) and _lies_on(row, truth) for truth in scene.truths)
    ]


def _alarms(found: pd.DataFrame) -> list[Any]:
    """The rows that ask somebody to act, and those of clients that failed after a change."""
    own = found[found["verdict"].eq("found")]
    acting = own["severity"].ne("info") | own["detection"].eq("known-clients-failing")
    return list(own[acting].itertuples())


def _lies_on(row: Any, truth: Truth) -> bool:
    """Whether a row is about the planted incident: its time, and its source where it names one."""
    first, last = ((at - START).total_seconds() for at in (row.first_at, row.last_at))
    if last < truth.first - SLACK or first > truth.last + SLACK:
        return False
    return not _is_source(row.subject) or row.subject in truth.clients | set(map(network_of, truth.clients))


def _is_source(subject: str) -> bool:
    try:
        ipaddress.ip_network(subject)
    except ValueError:
        return False
    return True


def _may_speak(detection: str, truth: Truth) -> bool:
    return truth.attack if detection in ATTACKING else detection == truth.detection
