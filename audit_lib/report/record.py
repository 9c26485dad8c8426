"""Builds report.json, the audit as data for scripts, and its JSON Schema, from one list of its parts."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Contract, Sources
from audit_lib.base.in_words import letters
from audit_lib.findings.contracts import (
    Attestations,
    Changes,
    Decisions,
    Findings,
    Ownership,
    SettingsChanges,
    SignOffs,
)
from audit_lib.leaks.contracts import PUBLISHED_PLACE, LeakPlaces, Leaks
from audit_lib.logins.contracts import Detections
from audit_lib.report import escape as inert
from audit_lib.report.actions import Actions
from audit_lib.report.daily import ServiceDays
from audit_lib.report.judge import score, verdict
from audit_lib.report.package import provenance
from audit_lib.report.rules import RuleResults
from audit_lib.rotation.contracts import LeakLives, Rotations, Triggers
from audit_lib.secrets.contracts import Evidence, Freshness, Population, PopulationSides

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SCHEMA = "audit_lib/report/4"
_PLACE = ["secret", "environment", "service"]
_LOG_LINES = ("lines", "requests", "messages", "text_only", "not_understood", "blank")


@dataclass(frozen=True)
class Part:
    """A frame of the audit as an array of the record: one object a row, each with every column."""

    frame: str  # attribute of Audit
    contract: type[Contract]
    leave_out: tuple[str, ...] = ("fingerprint",)
    names: Mapping[str, str] = field(default_factory=dict)  # columns that have another name here
    more: Mapping[str, Any] = field(default_factory=dict)  # further columns, by JSON type
    lists: tuple[str, ...] = ()  # columns that hold several texts in one

    def rows(self, audit: "Audit") -> list[dict[str, Any]]:
        """The rows as JSON values."""
        return self.of(getattr(audit, self.frame))

    def of(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """The rows of a frame as JSON values."""
        named = frame.drop(columns=[name for name in self.leave_out if name in frame])
        named = named.rename(columns=dict(self.names))
        columns = [
            [_split(value) if name in self.lists else plain(value) for value in named[name]] for name in named
        ]
        return [dict(zip(map(str, named), row, strict=True)) for row in zip(*columns, strict=True)]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the array."""
        columns = {
            self.names.get(name, name): _LIST if name in self.lists else _json_type(column)
            for name, column in self.contract.columns().items()
            if name not in self.leave_out
        }
        return {"type": "array", "items": _object({**columns, **self.more})}


_INSTANT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"}
_LIST = {"type": "array", "items": {"type": "string"}}
_TEXT, _COUNT, _TRUTH = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}


def _or_null(kind: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(kind), {"type": "null"}]}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _json_type(column: Any) -> dict[str, Any]:
    """The JSON type of a contract's column."""
    if pd.api.types.is_object_dtype(column.type):  # several
        return {"type": "array"}
    if isinstance(column.type, pd.DatetimeTZDtype):
        kind: dict[str, Any] = _INSTANT
    elif pd.api.types.is_bool_dtype(column.type):
        kind = _TRUTH
    elif pd.api.types.is_integer_dtype(column.type):
        kind = _COUNT
    elif pd.api.types.is_float_dtype(column.type):
        kind = {"type": "number"}
    else:
        kind = {"enum": list(column.isin)} if column.isin else _TEXT
    return _or_null(kind) if column.nullable else kind


_LATENESS = {"due_at": _or_null(_INSTANT), "on_time": _or_null(_TRUTH)}
_SETTINGS = Part("settings_changes", SettingsChanges)
_LEAK_PLACES = Part("leak_places", LeakPlaces, names=PUBLISHED_PLACE)
_EVIDENCE = Part("evidence", Evidence)
_AGES = Part(
    "ages",
    Freshness,
    names={"overdue_from_at": "overdue_from", "possibly_overdue_from_at": "possibly_overdue_from"},
)
_LEAKS = Part("leaks", Leaks)
PARTS = {
    "sources": Part("sources", Sources),
    "population": Part("population", Population),
    "population_sides": Part("population_sides", PopulationSides),
    "detections": Part("detections", Detections, names={"classification": "class"}, lists=("evidence",)),
    "rotations": Part("rotations", Rotations),
    "triggers": Part("triggers", Triggers),
    "leak_lives": Part("leak_lives", LeakLives),
    "actions": Part("actions", Actions),
    "findings": Part("findings", Findings),
    "changes": Part("changes", Changes),
    "decisions": Part("decisions", Decisions),
    "attestations": Part("attestations", Attestations),
    "ownership": Part("ownership", Ownership),
    "sign_offs": Part(
        "sign_offs", SignOffs, more={"due_at": _or_null(_INSTANT), "on_time": _or_null(_TRUTH)}
    ),
}
_RULES = Part("rules", RuleResults, lists=("evidence",))
_SERVICES = Part("coverage", ServiceDays)


def report_record(audit: "Audit") -> dict[str, Any]:
    """The record, valid by `schema()`: plain JSON values, every text inert, no fingerprint, no value."""
    bounds = score(audit)
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "review": provenance(audit),
        "verdict": verdict(audit),
        "score": {"low": bounds.low, "high": bounds.high},
        "summary": inert_tree(audit.summary().record()),
        "ledger": dict(audit.ledger.heads),
        "freshness": _freshness(audit),
        "auth_failures": _auth_failures(audit),
        "leaks": _nested(_LEAKS.rows(audit), _LEAK_PLACES.rows(audit), ["leak_id"], "places"),
        "drift": values_by_place(audit.inventory),
        "settings": {"changes": _SETTINGS.rows(audit), "in_force": list(audit.settings)},
        "not_ended": _not_ended(audit.changes),
        **{name: part.rows(audit) for name, part in PARTS.items()},
        "coverage": _coverage(audit),
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of the record. What adds a field, or changes what one means, raises its number."""
    places = {key: kind for key, kind in _items(_LEAK_PLACES).items() if key != "leak_id"}
    evidence = {key: kind for key, kind in _items(_EVIDENCE).items() if key not in _PLACE}
    days = _object(
        {"day": _TEXT, **dict.fromkeys(("requests", "refused", "failed_logins"), _or_null(_COUNT))}
    )
    failures = {
        **dict.fromkeys(("requests", "refused", "failed_logins", "unread_lines", "untimed"), _COUNT),
        **dict.fromkeys(("by_status", "by_kind"), _COUNTS),
        "by_day": {"type": "array", "items": days},
        "by_address": {
            "type": "array",
            "items": _object({"address": _TEXT, "requests": _COUNT, "refused": _COUNT}),
        },
        "by_service": _SERVICES.schema(),
    }
    coverage = {
        "lines": _COUNTS,
        "log_lines": _COUNTS,
        "days_without_logs": _LIST,
        "lines_not_understood": {
            "type": "array",
            "items": _object({"source": _TEXT, "environment": _TEXT, "service": _TEXT, "line": _COUNT}),
        },
        "evidence_left_out": _COUNT,
        "rules": _RULES.schema(),
    }
    drift = _object(
        {
            "secret": _TEXT,
            "component": _TEXT,
            "environments": {"type": "object", "additionalProperties": _TEXT},
        }
    )
    properties = {
        "schema": {"const": SCHEMA},
        "project": _TEXT,
        "quarter": {"type": "string", "pattern": r"^\d{4}Q[1-4]$"},
        "as_of": _INSTANT,
        "review": {"type": "object"},
        "verdict": {"enum": ["fail", "unknown", "pass"]},
        "score": _object({"low": _COUNT, "high": _COUNT}),
        "summary": {"type": "object"},
        "ledger": {"type": "object", "additionalProperties": _TEXT},
        "freshness": _array({**_items(_AGES), "evidence": _array(evidence)}),
        "auth_failures": _object(failures),
        "leaks": _array({**_items(_LEAKS), "places": _array(places)}),
        "drift": {"type": "array", "items": drift},
        "settings": _object({"changes": _SETTINGS.schema(), "in_force": _LIST}),
        "not_ended": _array(
            dict.fromkeys(("id", "subject", "environment", "service", "check", "severity", "status"), _TEXT)
        ),
        **{name: part.schema() for name, part in PARTS.items()},
        "coverage": _object(coverage),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "report.json: one review of one project. A null is not known; instants are UTC.",
        **_object(properties),
    }


def _items(part: Part) -> dict[str, Any]:
    columns: dict[str, Any] = part.schema()["items"]["properties"]
    return columns


def _array(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


# ---- Values ----


def plain(value: Any) -> Any:
    """A JSON value: a null for what is not known, ISO 8601 for an instant, inert text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return iso(value.to_pydatetime())
    return value if isinstance(value, bool | int | float) else inert.plain(value)


def inert_tree(node: Any) -> Any:
    """The same of nested lists and dicts."""
    if isinstance(node, dict):
        return {inert.plain(key): inert_tree(value) for key, value in node.items()}
    return [inert_tree(one) for one in node] if isinstance(node, list) else plain(node)


def _split(value: Any) -> list[str]:
    parts = value if isinstance(value, list | tuple) else str(value or "").split("; ")
    return [inert.plain(part) for part in parts if part]


def _nested(
    records: list[dict[str, Any]], inner: list[dict[str, Any]], key: list[str], name: str
) -> list[dict[str, Any]]:
    """Each record with its inner rows, which then lack the key."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in inner:
        found.setdefault(tuple(row.pop(part) for part in key), []).append(row)
    return [{**record, name: found.get(tuple(record[part] for part in key), [])} for record in records]


def _freshness(audit: "Audit") -> list[dict[str, Any]]:
    records = _nested(_AGES.rows(audit), _EVIDENCE.rows(audit), _PLACE, "evidence")
    for record in records:
        for name in [name for name in record if name.endswith(("_days_min", "_days_max"))]:
            if record[name] is not None:  # to one decimal, outward: it claims no more than is known
                outward = math.floor if name.endswith("_min") else math.ceil
                record[name] = outward(record[name] * 10) / 10
    return records


def _not_ended(changes: pd.DataFrame) -> list[dict[str, Any]]:
    """What the previous report found, and of which it is not known if it ended."""
    gone = changes[changes["change"].eq("no longer known") & changes["now"].eq("")].drop_duplicates("id")
    kept = gone[["id", "subject", "environment", "service"]]
    named = kept.assign(check=gone["was_check"], severity=gone["was_severity"], status="unknown")
    return [{str(name): plain(value) for name, value in row.items()} for row in named.to_dict("records")]


def _auth_failures(audit: "Audit") -> dict[str, Any]:
    requests, counts = audit.requests, audit.log_counts
    logs = audit.sources[audit.sources["kind"].eq("log")]
    days = audit.daily.reset_index()[["day", "requests", "refused", "failed_logins"]]
    return {
        "requests": int(requests["count"].sum()),
        "refused": int(requests.loc[requests["refused"], "count"].sum()),
        "failed_logins": int(audit.failed_logins["count"].sum()),
        "unread_lines": int(logs["not_understood"].sum()),
        "untimed": int(counts["untimed"].sum()),
        "by_status": _sums(requests.dropna(subset=["status"]), "status"),
        "by_kind": _sums(counts, "kind"),
        "by_day": inert_tree(days.to_dict("records")),
        "by_address": _by_address(requests),
        "by_service": _SERVICES.rows(audit),
    }


def _sums(counts: pd.DataFrame, column: str) -> dict[str, int]:
    sums = counts.groupby(column)["count"].sum().sort_index()
    return {inert.plain(key): int(count) for key, count in sums.items()}


def _by_address(requests: pd.DataFrame) -> list[dict[str, Any]]:
    """The requests of each address that was refused."""
    refused = requests[requests["refused"]].groupby("address")["count"].sum()
    asked = requests.groupby("address")["count"].sum().to_dict()
    return [
        {"address": inert.plain(name), "requests": int(asked[name]), "refused": int(count)}
        for name, count in refused.sort_index().items()
    ]


def values_by_place(inventory: pd.DataFrame) -> list[dict[str, Any]]:
    """Where each secret has the same value: the same letters are the same value, whatever its name."""
    rows = inventory[inventory["kind"] == "secret"].sort_values(
        [*_PLACE, "component", "source"], kind="stable"
    )
    groups: dict[str, str] = {}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows.itertuples():
        place = inert.plain(f"{row.environment}/{row.service}".strip("/"))
        held = found.setdefault((str(row.secret), str(row.component)), {})
        held[place] = _held(row, groups)
    return [
        {"secret": inert.plain(secret), "component": component, "environments": held}
        for (secret, component), held in found.items()
    ]


def _held(row: Any, groups: dict[str, str]) -> str:
    if row.state != "present" or pd.isna(row.fingerprint):
        return "not supplied" if row.state == "not supplied" else "missing"
    if pd.notna(row.placeholder) and row.placeholder:
        return "placeholder"
    return groups.setdefault(row.fingerprint, f"value {letters(len(groups))}")


def _coverage(audit: "Audit") -> dict[str, Any]:
    """Where the lines of all sources ended, the days without a line, and each rule of the guide."""
    sources, entries, daily = audit.sources, audit.entries, audit.daily
    logs = sources[sources["kind"].eq("log")]
    lost = entries[entries["state"].eq("not understood")][["source", "environment", "service", "line"]]
    return {
        "lines": {name: int(sources[name].sum()) for name in ("lines", "read", "not_understood", "blank")},
        "log_lines": {name: int(logs[name].sum()) for name in _LOG_LINES},
        "days_without_logs": list(map(str, daily.index[daily["requests"].isna()])),
        "lines_not_understood": inert_tree(lost.to_dict("records")),
        "evidence_left_out": int(audit.ages["evidence_left_out"].sum()),
        "rules": _RULES.rows(audit),
    }


def to_json(content: Mapping[str, Any]) -> str:
    """The text of a JSON file; a number that is not finite raises ValueError."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
