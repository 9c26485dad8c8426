"""The JSON Schema of report.json, made of its frames' contracts; run as a module it writes the file."""

import json
from typing import Any

from audit_lib.report.record import FRAMES, NAMES, PLACE, SCHEMA
from tests.support.paths import ROOT
from tests.support.rows import contract_of

Schema = dict[str, Any]
FILE = ROOT / "audit_lib" / "report" / "report.schema.json"
TEXT, COUNT, TRUTH, NUMBER = ({"type": kind} for kind in ("string", "integer", "boolean", "number"))
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"}
COUNTS = {"type": "object", "additionalProperties": COUNT}
TEXTS = {"type": "object", "additionalProperties": TEXT}
LIST = {"type": "array", "items": TEXT}
TYPES = {"object": {"type": "array"}, "datetime64[us, UTC]": INSTANT, "float64": NUMBER, "bool": TRUTH}
TYPES |= {"boolean": TRUTH, "int64": COUNT, "Int64": COUNT}


def or_null(kind: Schema) -> Schema:
    """The type, or null for what is not known."""
    return {"anyOf": [kind, {"type": "null"}]}


def row(**properties: Any) -> Schema:
    """An object with exactly these properties."""
    closed = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": properties, **closed}


def rows(**properties: Any) -> Schema:
    """An array of such objects."""
    return {"type": "array", "items": row(**properties)}


def columns(table: str, *without: str, renamed_as: str = "") -> Schema:
    """The properties of a table's rows."""
    names, found = NAMES.get(renamed_as or table, {}), Schema()
    for name, column in contract_of(table).columns.items():
        if name not in ("fingerprint", *without):
            kind = TYPES.get(str(column.type), {"enum": list(column.isin)} if column.isin else TEXT)
            found[names.get(name, name)] = or_null(kind) if column.nullable else kind
    return found


def schema() -> Schema:
    """The schema. What adds a field, or changes what one means, raises its number."""
    counts = dict.fromkeys(("requests", "refused", "failed_logins", "unread_lines", "untimed"), COUNT)
    of_day = dict.fromkeys(("requests", "refused", "failed_logins"), or_null(COUNT))
    failures = {
        **counts,
        **dict.fromkeys(("by_status", "by_kind"), COUNTS),
        "by_day": rows(day=TEXT, **of_day),
        "by_address": rows(address=TEXT, requests=COUNT, refused=COUNT),
        "by_service": rows(**columns("service_days")),
    }
    coverage = {"lines": COUNTS, "log_lines": COUNTS, "days_without_logs": LIST}
    coverage["lines_not_understood"] = rows(source=TEXT, environment=TEXT, service=TEXT, line=COUNT)
    coverage |= {"evidence_left_out": COUNT, "rules": rows(**columns("rule_results"))}
    ended = ("id", "subject", "environment", "service", "check", "severity", "status")
    frames = {name: columns(name) for name in FRAMES}
    frames["sign_offs"] |= {"due_at": or_null(INSTANT), "on_time": or_null(TRUTH)}
    ages = columns("freshness", renamed_as="ages")
    properties = {
        "schema": {"const": SCHEMA}, "project": TEXT,
        "quarter": {"type": "string", "pattern": r"^\d{4}Q[1-4]$"}, "as_of": INSTANT,
        "review": {"type": "object"}, "verdict": {"enum": ["fail", "unknown", "pass"]},
        "score": row(low=COUNT, high=COUNT), "summary": {"type": "object"}, "ledger": TEXTS,
        "freshness": rows(**ages, evidence=rows(**columns("evidence", *PLACE))),
        "auth_failures": row(**failures),
        "leaks": rows(**columns("leaks"), places=rows(**columns("leak_places", "leak_id"))),
        "drift": rows(secret=TEXT, component=TEXT, environments=TEXTS),
        "settings": row(changes=rows(**columns("settings_changes")), in_force=LIST),
        "not_ended": rows(**dict.fromkeys(ended, TEXT)),
        **{name: rows(**found) for name, found in frames.items()}, "coverage": row(**coverage),
    }  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "report.json: one review of one project. A null is not known; instants are UTC.",
        **row(**properties),
    }


def text() -> str:
    """The schema as it is shipped: a line for each part of the report."""
    whole = schema()
    parts = [f"  {json.dumps(name)}: {json.dumps(part)}" for name, part in whole.pop("properties").items()]
    return json.dumps(whole)[:-1] + ', "properties": {\n' + ",\n".join(parts) + "\n}}\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
