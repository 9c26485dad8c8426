"""Seven detections: what is found in the logs, what is not found, and what is not known and why."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from audit_lib.logins.contracts import Detections
from audit_lib.logins.coverage import NEEDS, Coverage, cover
from audit_lib.logins.detect import attacks, failing
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.traffic import Traffic

# Those that say nothing if a proxy stands for the callers.
BY_SOURCE = ("guessing", "spraying", "let-in", "probing")


@dataclass(frozen=True)
class Verdict:
    """What a detection came to; `doubt` is the reason why there may be more than was found."""

    detection: str
    verdict: str  # found | none | unknown
    severity: str
    incidents: tuple[Incident, ...] = ()
    doubt: str = ""


def judge(traffic: Traffic, coverage: Coverage | None = None) -> tuple[Verdict, ...]:
    """What each detection came to, in the order of DETECTIONS."""
    coverage = coverage or cover(traffic)
    onsets = failing.find_onsets(traffic)
    explained = {place for onset in onsets for place in onset[2].index}
    strange = traffic.failures.drop(list(explained))
    unmistaken = strange[~strange["mistype"]]
    guesses, part = attacks.find_guessing(traffic, unmistaken)
    incidents = {
        "guessing": guesses,
        "spraying": attacks.find_spraying(traffic, unmistaken.drop(part)),
        "let-in": attacks.find_let_in(traffic, strange),
        "known-clients-failing": failing.find_known_clients_failing(traffic, onsets),
        "probing": attacks.find_probing(traffic),
        "secret-in-url": attacks.find_secrets_in_urls(traffic),
        "application-failing": failing.find_application_failing(traffic),
    }
    return tuple(_verdict(name, own, traffic, coverage) for name, own in incidents.items())


def _verdict(name: str, incidents: Iterable[Incident], traffic: Traffic, coverage: Coverage) -> Verdict:
    doubt, first = coverage.reason(NEEDS[name]), pd.Timestamp.min.tz_localize("UTC")
    shown = (
        []
        if name in BY_SOURCE and traffic.collapsed
        else [_marked(each, traffic.policy) for each in incidents]
    )
    shown.sort(key=lambda each: (each.first_at or first, each.subject, each.client, each.classification))
    verdict = "found" if shown else "unknown" if doubt else "none"
    return Verdict(name, verdict, traffic.policy.thresholds[name].severity, tuple(shown), doubt)


def _marked(incident: Incident, policy: DetectionPolicy) -> Incident:
    """The incident with the word that clients of the policy's own take part: it stays what it is."""
    named = {incident.client, *incident.clients} - {""}
    known = sum(map(policy.is_known, named))
    part = "a known client" if len(named) == 1 else f"{known} of its {len(named)} addresses are known clients"
    text = f"{incident.classification}; {part} (known_clients)"
    return replace(incident, classification=text) if known else incident


def tabulate(verdicts: Iterable[Verdict], name: Callable[[str], str] = str) -> pd.DataFrame:
    """`Detections`: a row for each incident, and one for each detection without any.

    `name` gives the text that stands for a client.
    """
    return Detections.of(row for verdict in verdicts for row in _rows(verdict, name))


def _rows(verdict: Verdict, name: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    nothing = Incident("", "info" if verdict.verdict == "none" else verdict.severity, 0)
    for incident in verdict.incidents or (nothing,):
        shown = {field: value for field, value in vars(incident).items() if field in Detections.types()}
        subject = name(incident.client) if incident.client else incident.subject
        reason = "" if verdict.incidents else verdict.doubt
        own = {"detection": verdict.detection, "verdict": verdict.verdict, "reason": reason}
        yield {**shown, **own, "subject": subject, "evidence": "; ".join(incident.evidence)}
