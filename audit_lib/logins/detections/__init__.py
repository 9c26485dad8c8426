"""Detections A1-A20: what is found in the logs, what is not found, and what is not known."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.contracts import Detections
from audit_lib.logins.detections import (
    after_a_change as followers,
    gaps_and_clocks as clocks,
    hour_of_week as baseline,
    many_sources as crowds,
    one_source,
    outages_and_steps as breaks,
    rotations,
    scans_and_errors as surfaces,
    successes,
)
from audit_lib.logins.detections.alarm import MOST, Alarm
from audit_lib.logins.detections.callers import is_known
from audit_lib.logins.detections.needs import NEEDS, cannot_apply, proves_nothing
from audit_lib.logins.detections.preconditions import own_routes
from audit_lib.logins.detections.rotations import Causes
from audit_lib.logins.detections.thresholds import (
    DetectionPolicy as DetectionPolicy,
    Rule,
    detection_policy as detection_policy,
)
from audit_lib.logins.detections.traffic import Traffic as Traffic, gather as gather


@dataclass(frozen=True)
class DetectionInputs:
    """What a detection is given."""

    traffic: Traffic
    policy: DetectionPolicy
    causes: Causes


Find = Callable[[DetectionInputs, Rule], list[Alarm]]


@dataclass(frozen=True)
class Detection:
    """One detection; `explained`: a cause on record makes it an accident."""

    id: str
    find: Find
    explained: bool = False


@dataclass(frozen=True)
class Detected:
    """What one detection came to: incidents, or a verdict and its reason.

    `doubt` is why there may be more than was found; if nothing was, it is the reason.
    """

    detection: str
    severity: str
    verdict: str
    reason: str
    incidents: tuple[Alarm, ...] = ()
    doubt: str = ""


def _one(id_: str, find: Callable[[Traffic, Rule], list[Alarm]], *, explained: bool = False) -> Detection:
    return Detection(id_, (lambda parts, rule: find(parts.traffic, rule)), explained)


DETECTIONS: tuple[Detection, ...] = (
    _one("A1", one_source.bursts, explained=True),
    _one("A2", one_source.slow, explained=True),
    _one("A3", one_source.spaced, explained=True),
    _one("A4", one_source.over_days, explained=True),
    _one("A5", crowds.distributed, explained=True),
    _one("A6", one_source.many_routes, explained=True),
    _one("A7", successes.after_failures),
    _one("A8", successes.first_seen),
    Detection("A9", lambda parts, rule: rotations.classified(parts.causes.after, rule)),
    Detection("A10", lambda parts, rule: list(parts.causes.breaks)),
    Detection("A11", lambda parts, rule: list(parts.causes.steps)),
    _one("A12", crowds.limited),
    _one("A13", baseline.unusual_hours),
    _one("A14", crowds.top_talkers),
    Detection("A15", lambda parts, rule: surfaces.scanning(parts.traffic, rule, parts.policy)),
    _one("A16", surfaces.errors),
    _one("A17", surfaces.secrets_in_addresses),
    _one("A18", surfaces.starts),
    _one("A19", clocks.gaps_and_jumps),
    _one("A20", baseline.off_hours),
)


def detect(traffic: Traffic, policy: DetectionPolicy) -> tuple[Detected, ...]:
    """What each detection came to, in the order of DETECTIONS."""
    traffic = _with_holes(traffic, policy)
    parts = DetectionInputs(traffic, policy, _causes(traffic, policy))
    return tuple(_apply(detection, parts) for detection in DETECTIONS)


def _with_holes(traffic: Traffic, policy: DetectionPolicy) -> Traffic:
    """The traffic with the doubt that A19 raises: what happened in a gap of the logs is in none of them."""
    rule = policy.rules.get("A19")
    holes = len(clocks.gaps(traffic, rule)) if rule and len(traffic.requests) else 0
    text = f"{counted(holes, 'gap')} in the logs (A19): lines may be missing"
    return replace(traffic, doubts=(*traffic.doubts, text)) if holes else traffic


def _causes(traffic: Traffic, policy: DetectionPolicy) -> Causes:
    after, broken, stepped = (policy.rules.get(name) for name in ("A9", "A10", "A11"))
    after = None if traffic.collapsed else after
    steps = tuple(breaks.unrecorded(traffic, stepped)) if stepped else ()
    return Causes(
        after=followers.after_changes(traffic, after, policy) if after else (),
        breaks=tuple(breaks.breaks(traffic, broken)) if broken else (),
        steps=steps,
        after_steps=followers.after_steps(traffic, steps, after, policy) if after else (),
    )


def _apply(detection: Detection, parts: DetectionInputs) -> Detected:
    rule = parts.policy.rules.get(detection.id)
    if rule is None:
        text = 'the policy does not define it; add extends = "generic"'
        return Detected(detection.id, "medium", "unknown", text)
    made = partial(Detected, detection.id, rule.severity)
    if reason := cannot_apply(detection.id, parts.traffic):
        return made("unknown", reason, doubt=reason)
    doubt = proves_nothing(detection.id, parts.traffic, parts.policy, rule)
    incidents = [
        _marked(_limited(_explained(found, detection, parts), detection, parts.traffic), parts.policy)
        for found in detection.find(parts, rule)
    ]
    if incidents:
        return made("found", "", tuple(sorted(incidents, key=_order)), doubt)
    return made("unknown" if doubt else "none", doubt, doubt=doubt)


def _explained(found: Alarm, detection: Detection, parts: DetectionInputs) -> Alarm:
    """The incident with what the log does not show, and as an accident if a cause is on record."""
    if not detection.explained:
        return found
    cause = parts.causes.explanation(found)
    if not cause:
        unclear = sorted(
            route for route in found.routes if matches_glob(route, parts.policy.ambiguous_routes)
        )
        text = f"; a refusal on {unclear[0]} can follow a correct password" if unclear else ""
        return replace(found, classification=found.classification + text)
    return replace(found, classification=f"{found.classification}; {cause}: not an attack", severity="info")


def _limited(found: Alarm, detection: Detection, traffic: Traffic) -> Alarm:
    """The incident with the word that requests were left out: an answer among them could explain it."""
    if own_routes not in NEEDS[detection.id] or not traffic.other_routes or not found.classification:
        return found
    return replace(
        found, classification=f"{found.classification}; requests counted as {OTHER_ROUTES} are left out"
    )


def _marked(found: Alarm, policy: DetectionPolicy) -> Alarm:
    """The incident with the word that clients of the policy's own take part: it stays what it is."""
    named = {found.client, *found.clients} - {""}
    known = sum(is_known(client, policy) for client in named)
    if not known:
        return found
    part = "a known client" if len(named) == 1 else f"{known} of its {len(named)} addresses are known clients"
    return replace(found, classification=f"{found.classification}; {part} (known_clients)")


def _order(found: Alarm) -> tuple[Any, ...]:
    first = found.first_at or pd.Timestamp.min.tz_localize("UTC")
    return (first, found.subject, found.client, found.classification)


def tabulate(detected: Iterable[Detected], name: Callable[[str], str] = str) -> pd.DataFrame:
    """`Detections`: a row for each incident, and one for each detection without any.

    `name` gives the text that stands for a client.
    """
    return Detections.of(row for one in detected for row in _rows(one, name))


def _rows(one: Detected, name: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    empty = {
        "detection": one.detection,
        "verdict": one.verdict,
        "reason": one.reason,
        "subject": "",
        "classification": "",
        "first_at": None,
        "last_at": None,
        "count": 0,
        "severity": "info" if one.verdict == "none" else one.severity,
        "evidence": "",
    }
    if not one.incidents:
        yield empty
    for found in one.incidents[:MOST]:
        yield empty | {
            "subject": name(found.client) if found.client else found.subject,
            "classification": found.classification,
            "first_at": found.first_at,
            "last_at": found.last_at,
            "count": found.count,
            "severity": found.severity,
            "evidence": "; ".join(found.evidence),
        }
    if left := one.incidents[MOST:]:
        text = counted(len(left), "more incident")
        yield empty | {"classification": text, "count": sum(found.count for found in left)}
