"""Seven detections: what is found in the logs, what is not found, and what is not known and why."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.logins.contracts import Detections
from audit_lib.logins.coverage import NEEDS, Coverage, cover
from audit_lib.logins.detect.application import find_application_failing
from audit_lib.logins.detect.guessing import find_guessing, find_spraying
from audit_lib.logins.detect.incidents import MOST, Incident
from audit_lib.logins.detect.known_clients import find_known_clients_failing, find_onsets
from audit_lib.logins.detect.let_in import find_let_in
from audit_lib.logins.detect.probing import find_probing, find_secrets_in_urls
from audit_lib.logins.parameters import DETECTIONS, DetectionPolicy, is_known
from audit_lib.logins.traffic import Traffic

# Those that say nothing if a proxy stands for the callers.
BY_SOURCE = ("guessing", "spraying", "let-in", "probing")


@dataclass(frozen=True)
class Verdict:
    """What one detection came to: incidents, or that there is none, or that it is not known.

    `doubt` is the reason why there may be more than was found.
    """

    detection: str
    verdict: str  # found | none | unknown
    severity: str
    incidents: tuple[Incident, ...] = ()
    doubt: str = ""


def detect(traffic: Traffic) -> pd.DataFrame:
    """`Detections` of the traffic, addresses in full."""
    return tabulate(judge(traffic))


def judge(traffic: Traffic, coverage: Coverage | None = None) -> tuple[Verdict, ...]:
    """What each detection came to, in the order of DETECTIONS."""
    onsets = find_onsets(traffic)
    index = traffic.failures.index
    explained = index.isin([one for onset in onsets for one in onset.failures.index])
    strange = traffic.failures[~explained]
    unmistaken = strange[~strange["mistype"]]
    guessed, taken = find_guessing(traffic, unmistaken)
    finders: tuple[Callable[[], list[Incident]], ...] = (
        lambda: guessed,
        lambda: find_spraying(traffic, unmistaken.drop(taken)),
        lambda: find_let_in(traffic, strange),
        lambda: find_known_clients_failing(traffic, onsets),
        lambda: find_probing(traffic),
        lambda: find_secrets_in_urls(traffic),
        lambda: find_application_failing(traffic),
    )
    coverage = coverage or cover(traffic)
    return tuple(
        _verdict(name, find, traffic, coverage) for name, find in zip(DETECTIONS, finders, strict=True)
    )


def _verdict(name: str, find: Callable[[], list[Incident]], traffic: Traffic, coverage: Coverage) -> Verdict:
    severity, doubt = getattr(traffic.policy, name.replace("-", "_")).severity, coverage.reason(NEEDS[name])
    blind = name in BY_SOURCE and bool(traffic.collapsed)
    found = [] if blind else [_marked(one, traffic.policy) for one in find()]
    if found:
        return Verdict(name, "found", severity, tuple(sorted(found, key=_order)), doubt)
    return Verdict(name, "unknown" if doubt else "none", severity, (), doubt)


def _marked(found: Incident, policy: DetectionPolicy) -> Incident:
    """The incident with the word that clients of the policy's own take part: it stays what it is."""
    named = {found.client, *found.clients} - {""}
    known = sum(is_known(client, policy) for client in named)
    if not known:
        return found
    part = "a known client" if len(named) == 1 else f"{known} of its {len(named)} addresses are known clients"
    return replace(found, classification=f"{found.classification}; {part} (known_clients)")


def _order(found: Incident) -> tuple[Any, ...]:
    first = found.first_at or pd.Timestamp.min.tz_localize("UTC")
    return (first, found.subject, found.client, found.classification)


def tabulate(verdicts: Iterable[Verdict], name: Callable[[str], str] = str) -> pd.DataFrame:
    """`Detections`: a row for each incident, and one for each detection without any.

    `name` gives the text that stands for a client.
    """
    return Detections.of(row for one in verdicts for row in _rows(one, name))


def _rows(one: Verdict, name: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    empty = {
        "detection": one.detection,
        "verdict": one.verdict,
        "reason": "" if one.incidents else one.doubt,
        "subject": "",
        "classification": "",
        "cause": "",
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
            "cause": found.cause,
            "first_at": found.first_at,
            "last_at": found.last_at,
            "count": found.count,
            "severity": found.severity,
            "evidence": "; ".join(found.evidence),
        }
    if left := one.incidents[MOST:]:
        text = counted(len(left), "more incident")
        yield empty | {"classification": text, "count": sum(found.count for found in left)}
