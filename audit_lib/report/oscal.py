"""A report as OSCAL assessment results, NIST's format for tools that collect the work of auditors.

A rule is an observation. It is a finding, too, if it passed, failed or is not known; what nobody decided from
evidence is an observation alone. Controls are named for relevance: no control is said to be satisfied.
Source: OSCAL 1.2, https://pages.nist.gov/OSCAL/resources/concepts/layer/assessment/assessment-results/
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from audit_lib import __version__
from audit_lib.base.clock import Quarter, iso
from audit_lib.findings.checks import CHECKS
from audit_lib.report.json_text import to_json

VERSION = "1.2.0"
NAMESPACE = "urn:audit-lib:oscal"  # of the properties that are ours
_STATES = {
    "pass": {"state": "satisfied", "reason": "pass"},
    "fail": {"state": "not-satisfied", "reason": "fail"},
    "unknown": {"state": "not-satisfied", "reason": "other", "remarks": "This is not known."},
}
_RISKS = {"open": "open", "unknown": "investigating", "accepted": "deviation-approved"}
_COUNTS = ("population", "tested", "exceptions", "not_known")

Record = Mapping[str, Any]


def assessment_results(record: Record) -> dict[str, Any]:
    """The OSCAL document of a report.json's record; the same record gives the same bytes and identifiers."""
    made = _Identifiers(sha256(to_json(record).encode("utf-8")).hexdigest())
    policy = record["policy"]
    plan = {
        "uuid": made.of("plan"),
        "title": f"Policy {policy['name']} of the review",
        "description": "The rules that the review judged by; no assessment plan in OSCAL exists.",
        "props": [_prop("policy-sha256", policy["sha256"])],
    }
    results = {
        "uuid": made.of("document"),
        "metadata": {
            "title": f"Review of secrets and logins of {record['project']}, {record['quarter']}",
            "last-modified": record["as_of"],
            "version": f"{record['schema']}, audit_lib {__version__}",
            "oscal-version": VERSION,
        },
        "import-ap": {"href": f"#{plan['uuid']}"},
        "results": [_result(record, made)],
        "back-matter": {"resources": [plan]},
    }
    return {"assessment-results": results}


class _Identifiers:
    """UUIDs that depend on the record and on what they name alone."""

    def __init__(self, record: str) -> None:
        self._space = uuid5(NAMESPACE_URL, f"{NAMESPACE}:{record}")

    def of(self, name: str) -> str:
        """The identifier of one part of the document."""
        return str(uuid5(self._space, name))


def _result(record: Record, made: _Identifiers) -> dict[str, Any]:
    rules = record["coverage"]["rules"]
    decided = [rule for rule in rules if rule["verdict"] in _STATES]
    bounds = record["score"]
    result = {
        "uuid": made.of("result"),
        "title": f"Verdict: {record['verdict']}",
        "description": "What is not known is never counted as good: it widens the score.",
        "start": iso(Quarter.parse(record["quarter"]).start),
        "end": record["as_of"],
        "props": [
            _prop("verdict", record["verdict"]),
            _prop("score-low", bounds["low"]),
            _prop("score-high", bounds["high"]),
        ],
        "reviewed-controls": _reviewed(rules),
        "observations": [_observation(rule, record["as_of"], made) for rule in rules],
        "risks": [_risk(finding, made) for finding in record["findings"]],
        "findings": [_finding(rule, {row["id"] for row in record["findings"]}, made) for rule in decided],
    }
    return {name: value for name, value in result.items() if value != []}


def _reviewed(rules: list[Record]) -> dict[str, Any]:
    named = sorted({control for check in CHECKS for control in check.controls})
    objectives = {"include-objectives": [{"objective-id": _objective(rule)} for rule in rules]}
    return {
        "description": "Controls that the checks bear on. A mapping shows relevance, not compliance.",
        "control-selections": [{"include-controls": [{"control-id": _token(control)} for control in named]}],
    } | ({"control-objective-selections": [objectives]} if rules else {})


def _observation(rule: Record, collected: str, made: _Identifiers) -> dict[str, Any]:
    """A rule with what decided it; its method is that of NIST SP 800-53A."""
    counts = [_prop(name.replace("_", "-"), rule[name]) for name in _COUNTS if rule[name] is not None]
    by_person = rule["decided_by"].startswith("a person")
    return {
        "uuid": made.of(f"observation {rule['rule']}"),
        "title": f"Rule {rule['rule']}",
        "description": rule["says"],
        "props": [_prop("verdict", rule["verdict"]), *counts],
        "methods": ["INTERVIEW" if by_person else "EXAMINE"],
        "types": ["control-objective"],
        "collected": collected,
        "remarks": "\n\n".join(filter(None, (rule["procedure"], rule["reason"]))) or rule["decided_by"],
    }


def _finding(rule: Record, known: set[str], made: _Identifiers) -> dict[str, Any]:
    risks = [{"risk-uuid": made.of(f"risk {one}")} for one in rule["evidence"] if one in known]
    found = {
        "uuid": made.of(f"finding {rule['rule']}"),
        "title": f"Rule {rule['rule']}: {rule['verdict']}",
        "description": rule["says"],
        "props": [_prop("relevant-control", control) for control in _controls(rule)],
        "target": {"type": "objective-id", "target-id": _objective(rule), "status": _STATES[rule["verdict"]]},
        "related-observations": [{"observation-uuid": made.of(f"observation {rule['rule']}")}],
        "related-risks": risks,
    }
    return {name: value for name, value in found.items() if value != []}


def _risk(finding: Record, made: _Identifiers) -> dict[str, Any]:
    place = "/".join(filter(None, (finding["environment"], finding["service"])))
    places = [_prop(name, finding[name]) for name in ("subject", "where") if finding[name]]
    return {
        "uuid": made.of(f"risk {finding['id']}"),
        "title": " ".join(filter(None, (finding["check"], place))),
        "description": finding["evidence"],
        "statement": finding["remedy"],
        "props": [_prop("severity", finding["severity"]), _prop("finding", finding["id"]), *places],
        "status": _RISKS[finding["status"]],
    }


def _controls(rule: Record) -> list[str]:
    checks = set(rule["decided_by"].split(", "))
    return sorted({control for check in CHECKS if check.id in checks for control in check.controls})


def _objective(rule: Record) -> str:
    return f"rule-{_token(rule['rule'])}"


def _token(text: str) -> str:
    """OSCAL's form of an identifier; a control of NIST SP 800-53 has the one of NIST's own catalog."""
    plain = text.removeprefix("NIST ").lower()
    return re.sub(r"[^a-z0-9._-]+", "-", re.sub(r"\((\d+)\)", r".\1", plain)).strip("-.")


def _prop(name: str, value: object) -> dict[str, str]:
    """A property; its value is one line without blanks at its ends, as OSCAL wants it."""
    return {"name": name, "ns": NAMESPACE, "value": " ".join(str(value).split()) or "none"}
