"""Builds report.json, the audit as data for scripts, by the contract in report.schema.json."""

import json
import math
from collections.abc import Iterable
from importlib import resources
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.in_words import letters
from audit_lib.base.log_kinds import FAILED_REQUESTS
from audit_lib.findings.audit import Audit
from audit_lib.leaks.contracts import PUBLISHED_PLACE
from audit_lib.logins.tables import days_by_service
from audit_lib.report import escape as inert
from audit_lib.report.days_of_quarter import REQUESTS, days
from audit_lib.report.review_record import review_record
from audit_lib.report.rule_results import tabulate_rules
from audit_lib.report.table import scalars
from audit_lib.report.verdict import score, verdict

SCHEMA = "audit_lib/report/3"

_PLACE = ["secret", "environment", "service"]
_LOG_LINES = ("lines", "requests", "messages", "text_only", "not_understood", "blank")


def report_record(audit: Audit) -> dict[str, Any]:
    """The record, valid by `schema()`: plain JSON values, every text inert, no fingerprint, no value."""
    bounds = score(audit)
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "review": review_record(audit),
        "verdict": verdict(audit),
        "score": {"low": bounds.low, "high": bounds.high},
        "policy": {
            "name": inert.plain(audit.policy.name),
            "sha256": audit.policy.sha256,
            "origin": next(line for line in audit.settings if line.startswith("policy: from = "))[15:],
        },
        "key": {
            "key_id": None if audit.key_origin == "throw-away" else audit.key_id,
            "origin": audit.key_origin,
        },
        "ledger": dict(audit.ledger_heads),
        "sources": _rows(audit.tables["sources"]),
        "population": {
            "sides": _rows(audit.tables["population_sides"]),
            "variables": _rows(audit.tables["population"]),
        },
        "freshness": _freshness(audit),
        "auth_failures": _auth_failures(audit),
        "detections": _detections(audit.tables["detections"]),
        "rotations": _rows(audit.tables["rotations"]),
        "leaks": _leaks(audit),
        "triggers": _rows(audit.tables["triggers"]),
        "leak_lives": _rows(audit.tables["leak_lives"]),
        "drift": values_by_place(audit.tables["inventory"]),
        "findings": _findings(audit.tables["findings"]),
        "changes": _rows(audit.tables["changes"]),
        "not_ended": _not_ended(audit),
        "settings": _settings(audit),
        "decisions": _rows(audit.tables["decisions"]),
        "attestations": _rows(audit.tables["attestations"]),
        "ownership": _rows(audit.tables["ownership"]),
        "coverage": _coverage(audit),
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of the record, as shipped."""
    text = resources.files("audit_lib.report").joinpath("report.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _plain(value: Any) -> Any:
    """A JSON value: a null for what is not known, ISO 8601 for an instant, inert text."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return iso(value.to_pydatetime())
    return value if isinstance(value, bool | int | float) else inert.plain(value)


def _rows(frame: pd.DataFrame, leave_out: Iterable[str] = ("fingerprint",)) -> list[dict[str, Any]]:
    kept = frame.drop(columns=[name for name in leave_out if name in frame])
    columns = [[_plain(value) for value in scalars(kept[name])] for name in kept]
    return [dict(zip(map(str, kept), row, strict=True)) for row in zip(*columns, strict=True)]


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(";") if part.strip()]


def _freshness(audit: Audit) -> list[dict[str, Any]]:
    pieces: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in _rows(audit.tables["evidence"]):
        key = tuple(row.pop(name) for name in _PLACE)
        pieces.setdefault(key, []).append(row)
    records = _rows(audit.tables["freshness"])
    for record in records:
        record["overdue_from"] = record.pop("overdue_from_at")
        record["possibly_overdue_from"] = record.pop("possibly_overdue_from_at")
        for name in [name for name in record if name.endswith(("_days_min", "_days_max"))]:
            record[name] = None if record[name] is None else _outward(record[name], name)
        record["evidence"] = pieces.get(tuple(record[name] for name in _PLACE), [])
    return records


def _outward(days: float, name: str) -> float:
    """The days to one decimal, so that they claim no more than is known."""
    return (math.floor if name.endswith("_min") else math.ceil)(days * 10) / 10


def _auth_failures(audit: Audit) -> dict[str, Any]:
    counts = audit.tables["log_counts"]
    requests = counts[counts["kind"].isin(REQUESTS)]
    logs = audit.tables["sources"][audit.tables["sources"]["kind"] == "log"]
    return {
        "requests": int(requests["count"].sum()),
        "unread_lines": int(logs["not_understood"].sum()),
        "untimed": int(counts["untimed"].sum()),
        "by_status": {
            str(status): count for status, count in _sums(requests.dropna(subset=["status"]), "status")
        },
        "by_kind": {inert.plain(kind): count for kind, count in _sums(counts, "kind")},
        "by_day": _by(counts, "day"),
        "by_client": _by(_of_refused(counts), "client"),
    }


def _of_refused(counts: pd.DataFrame) -> pd.DataFrame:
    """Every request of the clients that were refused, or of which a message says more than that."""
    named = counts.loc[counts["kind"] != "other", "client"]
    return counts[counts["client"].isin(named)]


def _sums(counts: pd.DataFrame, column: str) -> list[tuple[Any, int]]:
    return [(key, int(count)) for key, count in counts.groupby(column)["count"].sum().sort_index().items()]


def _by(counts: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """One entry for each day or client: `requests`, `failures`, a count for each kind, `untimed`."""
    found = []
    for key, rows in counts.groupby(column, dropna=False, sort=True):
        kinds = dict(_sums(rows, "kind"))
        found.append(
            {
                column: _plain(key),
                "requests": sum(kinds.get(kind, 0) for kind in REQUESTS),
                "failures": sum(kinds.get(kind, 0) for kind in FAILED_REQUESTS),
                "by_kind": {inert.plain(kind): count for kind, count in kinds.items()},
                "untimed": int(rows["untimed"].sum()),
            }
        )
    return found


def _detections(detections: pd.DataFrame) -> list[dict[str, Any]]:
    records = _rows(detections.rename(columns={"classification": "class"}))
    return [{**record, "evidence": _split(record["evidence"])} for record in records]


def _leaks(audit: Audit) -> list[dict[str, Any]]:
    places: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(audit.tables["leak_places"].rename(columns=PUBLISHED_PLACE)):
        places.setdefault(row.pop("leak_id"), []).append(row)
    return [{**leak, "places": places.get(leak["leak_id"], [])} for leak in _rows(audit.tables["leaks"])]


def values_by_place(inventory: pd.DataFrame) -> list[dict[str, Any]]:
    """Where each secret has the same value: the same letters are the same value, whatever its name."""
    rows = inventory[inventory["kind"] == "secret"].sort_values(
        [*_PLACE, "component", "source"], kind="stable"
    )
    groups: dict[str, str] = {}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows.itertuples():
        place = f"{row.environment}/{row.service}".strip("/")
        held = found.setdefault((str(row.secret), str(row.component)), {})
        held[inert.plain(place)] = _held(row, groups)
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


def _findings(findings: pd.DataFrame) -> list[dict[str, Any]]:
    return _rows(findings)


def _not_ended(audit: Audit) -> list[dict[str, Any]]:
    """What the previous report found, and of which it is not known if it ended."""
    changes = audit.tables["changes"]
    gone = changes[changes["change"].eq("no longer known") & changes["now"].eq("")].drop_duplicates("id")
    kept = gone[["id", "subject", "environment", "service"]]
    return _rows(kept.assign(check=gone["was_check"], severity=gone["was_severity"], status="unknown"))


def _settings(audit: Audit) -> dict[str, Any]:
    """What the review judged by, and what of it changed; the next review compares itself with this."""
    return {
        "changes": _rows(audit.tables["settings_changes"]),
        "in_force": list(audit.settings),
    }


def _coverage(audit: Audit) -> dict[str, Any]:
    """Where the lines of all sources ended, and what was not read with the command that supplies it."""
    sources = audit.tables["sources"]
    logs = sources[sources["kind"] == "log"]
    unread = sources[sources["state"] != "read"]
    entries, by_day = audit.tables["entries"], days(audit)
    lost = entries[entries["state"].eq("not understood")]
    return {
        "lines": {name: int(sources[name].sum()) for name in ("lines", "read", "not_understood", "blank")},
        "log_lines": {name: int(logs[name].sum()) for name in _LOG_LINES},
        "not_read": _rows(unread[["source", "kind", "environment", "service", "state", "reason", "remedy"]]),
        "days_with_logs": days_by_service(sources, audit.tables["log_counts"]).to_dict(),
        "days_without_logs": list(map(str, by_day.loc[by_day["requests"].isna(), "day"])),
        "lines_not_understood": _rows(lost[["source", "environment", "service", "line"]]),
        "evidence_left_out": int(audit.tables["freshness"]["evidence_left_out"].sum()),
        "rules": [{**rule, "evidence": _split(rule["evidence"])} for rule in _rows(tabulate_rules(audit))],
    }
