"""Holds detections against the truth: what was seen, what was missed, what was a false alarm."""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from audit_lib.logins.requests import network_of
from tests.support.traffic.background import Line
from tests.support.traffic.incidents import Truth
from tests.support.traffic.networks import BY_NETWORK
from tests.support.traffic.scenes import START, Scene

ATTACKS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A20")
ALONE = ("A8", "A14", "A16", "A17", "A18")  # each speaks of its own kind of incident alone
SLACK = 3600.0


@dataclass
class Score:
    """Counts over many scenes for one detection."""

    planted: int = 0
    seen: int = 0
    rows: int = 0
    right: int = 0


def add(scores: dict[str, Score], scene: Scene, found: pd.DataFrame) -> None:
    """Adds one scene: a planted incident is seen if a row of its detection lies on it; a row is right if it
    lies on anything planted that its detection may speak of."""
    truths = (*scene.truths, *loudest(scene))
    for truth in truths:
        seen = any(lies_on(row, truth) for row in alarms(found, truth.detection).itertuples())
        for name in {truth.detection, truth.name}:
            score = scores.setdefault(name, Score())
            score.planted += 1
            score.seen += seen
    for detection in sorted(set(found["detection"])):
        score = scores.setdefault(detection, Score())
        for row in alarms(found, detection).itertuples():
            score.rows += 1
            score.right += any(_may_speak(row, truth) and lies_on(row, truth) for truth in truths)


def loudest(scene: Scene) -> list[Truth]:
    """A14's truth, counted line by line: the sources of 10 and more failures that are a fifth of all; of the
    addresses that are none together those of a network."""
    failed = [line for line in scene.lines if line.status in (401, 403)]
    alone = _fifths(failed, lambda client: client, len(failed))
    loud = {truth.label for truth in alone}
    quiet = [line for line in failed if line.client not in loud]
    return alone + [one for one in _fifths(quiet, network_of, len(failed)) if len(one.clients) > 1]


def _fifths(lines: list[Line], source: Callable[[str], str], total: int) -> list[Truth]:
    by_source: dict[str, list[Line]] = {}
    for line in lines:
        by_source.setdefault(source(line.client), []).append(line)
    return [
        Truth("A14", name, frozenset(line.client for line in own), own[0].at, own[-1].at, attack=False)
        for name, own in by_source.items()
        if len(own) >= 10 and len(own) * 5 >= total
    ]


def alarms(found: pd.DataFrame, detection: str) -> pd.DataFrame:
    """The rows of one detection that ask somebody to act: found, above info; of A9 all sources."""
    own = found[found["detection"].eq(detection) & found["verdict"].eq("found")]
    return own if detection in ("A8", "A9", "A14") else own[own["severity"].ne("info")]


def lies_on(row: object, truth: Truth) -> bool:
    """Whether a row is about the planted incident: its time, and its source where it names one."""
    first, last = ((getattr(row, name) - START).total_seconds() for name in ("first_at", "last_at"))
    if last < truth.first - SLACK or first > truth.last + SLACK:
        return False
    asked = truth.form == "clock set back" and row.detection == "A19"  # type: ignore[attr-defined]
    if asked and "go back" not in str(row.classification):  # type: ignore[attr-defined]
        return False
    subject = str(row.subject)  # type: ignore[attr-defined]
    return not _is_source(subject) or subject in truth.clients | set(map(network_of, truth.clients))


def _is_source(subject: str) -> bool:
    """Whether it is an address or a network."""
    try:
        ipaddress.ip_network(subject)
    except ValueError:
        return False
    return True


def _may_speak(row: object, truth: Truth) -> bool:
    """Whether a row of its detection is right about such an incident."""
    detection = row.detection  # type: ignore[attr-defined]
    if detection in ALONE or truth.detection == "A14":
        return bool(detection == truth.detection)
    if detection == "A5" and truth.form in BY_NETWORK:
        return False  # one network that hops is no crowd
    if detection in ATTACKS:
        return truth.attack
    # The nights go on for three weeks: a row that names no source is right about them by its subject.
    return truth.detection != "A20" or row.subject == "failed logins"  # type: ignore[attr-defined]


def wilson(hits: int, all_: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not all_:
        return 0.0, 1.0
    z, share = 1.96, hits / all_
    middle = (share + z * z / (2 * all_)) / (1 + z * z / all_)
    half = z / (1 + z * z / all_) * math.sqrt(share * (1 - share) / all_ + z * z / (4 * all_ * all_))
    return max(0.0, middle - half), min(1.0, middle + half)
