"""The JSON Schema of report.json, made of its frames' contracts; run as a module it writes the file."""

import json
from collections.abc import Mapping
from typing import Any

from audit_lib.base.frames import Contract, Sources
from audit_lib.findings import contracts as findings
from audit_lib.leaks.tables import LeakPlaces, Leaks
from audit_lib.logins.detect import Detections
from audit_lib.report.actions import Actions
from audit_lib.report.judge import RuleResults
from audit_lib.report.record import FRAMES, NAMES, PLACE, SCHEMA
from audit_lib.report.tables import ServiceDays
from audit_lib.rotation.progress import LeakLives
from audit_lib.rotation.rotations import Rotations
from audit_lib.rotation.triggers import Triggers
from audit_lib.secrets.ages import Freshness
from audit_lib.secrets.evidence import Evidence
from audit_lib.secrets.population import Population
from tests.support.paths import ROOT

Schema = dict[str, Any]
CONTRACTS: Mapping[str, type[Contract]] = {
    "sources": Sources,
    "population": Population,
    "detections": Detections,
    "rotations": Rotations,
    "triggers": Triggers,
    "leak_lives": LeakLives,
    "actions": Actions,
    "findings": findings.Findings,
    "changes": findings.Changes,
    "decisions": findings.Decisions,
    "attestations": findings.Attestations,
    "ownership": findings.Ownership,
    "sign_offs": findings.SignOffs,
}
TEXT, COUNT, TRUTH = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"}
COUNTS = {"type": "object", "additionalProperties": COUNT}
TEXTS = {"type": "object", "additionalProperties": TEXT}
LIST = {"type": "array", "items": TEXT}


def or_null(kind: Schema) -> Schema:
    """The type, or null for what is not known."""
    return {"anyOf": [kind, {"type": "null"}]}


def row(properties: Mapping[str, Any]) -> Schema:
    """An object with exactly these properties."""
    closed = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": dict(properties), **closed}


def rows(**properties: Any) -> Schema:
    """An array of such objects."""
    return {"type": "array", "items": row(properties)}


def columns(contract: type[Contract], frame: str = "") -> Schema:
    """The properties of a frame's rows."""
    names = NAMES.get(frame, {})
    kept = {name: column for name, column in contract.columns().items() if name != "fingerprint"}
    return {names.get(name, name): _type(column) for name, column in kept.items()}


def _type(column: Any) -> Schema:
    kinds = {"object": {"type": "array"}, "datetime64[us, UTC]": INSTANT, "float64": {"type": "number"}}
    kinds |= {"bool": TRUTH, "boolean": TRUTH, "int64": COUNT, "Int64": COUNT}
    text: Schema = {"enum": list(column.isin)} if column.isin else TEXT
    kind = kinds.get(str(column.type), text)
    return or_null(kind) if column.nullable else kind


def schema() -> Schema:
    """The schema. What adds a field, or changes what one means, raises its number."""
    places = {name: kind for name, kind in columns(LeakPlaces, "leak_places").items() if name != "leak_id"}
    evidence = {name: kind for name, kind in columns(Evidence).items() if name not in PLACE}
    of_day = dict.fromkeys(("requests", "refused", "failed_logins"), or_null(COUNT))
    address = {"address": TEXT, "requests": COUNT, "refused": COUNT}
    failures = {
        **dict.fromkeys(("requests", "refused", "failed_logins", "unread_lines", "untimed"), COUNT),
        **dict.fromkeys(("by_status", "by_kind"), COUNTS),
        "by_day": rows(day=TEXT, **of_day),
        "by_address": rows(**address),
        "by_service": rows(**columns(ServiceDays)),
    }
    coverage = {
        "lines": COUNTS,
        "log_lines": COUNTS,
        "days_without_logs": LIST,
        "lines_not_understood": rows(source=TEXT, environment=TEXT, service=TEXT, line=COUNT),
        "evidence_left_out": COUNT,
        "rules": rows(**columns(RuleResults)),
    }
    kept = ("id", "subject", "environment", "service", "check", "severity", "status")
    lateness = {"due_at": or_null(INSTANT), "on_time": or_null(TRUTH)}
    frames = {name: columns(CONTRACTS[name], name) for name in FRAMES}
    frames["sign_offs"] |= lateness
    properties = {
        "schema": {"const": SCHEMA},
        "project": TEXT,
        "quarter": {"type": "string", "pattern": r"^\d{4}Q[1-4]$"},
        "as_of": INSTANT,
        "review": {"type": "object"},
        "verdict": {"enum": ["fail", "unknown", "pass"]},
        "score": row({"low": COUNT, "high": COUNT}),
        "summary": {"type": "object"},
        "ledger": TEXTS,
        "freshness": rows(**columns(Freshness, "ages"), evidence=rows(**evidence)),
        "auth_failures": row(failures),
        "leaks": rows(**columns(Leaks), places=rows(**places)),
        "drift": rows(secret=TEXT, component=TEXT, environments=TEXTS),
        "settings": row({"changes": rows(**columns(findings.SettingsChanges)), "in_force": LIST}),
        "not_ended": rows(**dict.fromkeys(kept, TEXT)),
        **{name: rows(**found) for name, found in frames.items()},
        "coverage": row(coverage),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "report.json: one review of one project. A null is not known; instants are UTC.",
        **row(properties),
    }


def text() -> str:
    """The schema as it is shipped: a line for each part of the report."""
    whole = schema()
    parts = [f"  {json.dumps(name)}: {json.dumps(part)}" for name, part in whole.pop("properties").items()]
    return json.dumps(whole)[:-1] + ', "properties": {\n' + ",\n".join(parts) + "\n}}\n"


if __name__ == "__main__":
    (ROOT / "audit_lib" / "report" / "report.schema.json").write_text(text(), "utf-8")
