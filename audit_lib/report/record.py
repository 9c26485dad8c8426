"""report.json: an audit as data for scripts, described by report.schema.json."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import letters
from audit_lib.leaks.contracts import PUBLISHED_PLACE
from audit_lib.report import escape as inert
from audit_lib.report.judge import score, verdict
from audit_lib.report.provenance import provenance
from audit_lib.report.tables import Row, plain, records

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SCHEMA = "audit_lib/report/4"
PLACE = ("secret", "environment", "service")
FRAMES = (
    "sources", "population", "population_sides", "detections", "rotations", "triggers", "leak_lives",
    "actions", "findings", "changes", "decisions", "attestations", "ownership", "sign_offs",
)  # fmt: skip
# Columns that have another name here, by frame.
NAMES: Mapping[str, Mapping[str, str]] = {
    "ages": {"overdue_from_at": "overdue_from", "possibly_overdue_from_at": "possibly_overdue_from"},
    "detections": {"classification": "class"},
    "leak_places": PUBLISHED_PLACE,
}
TEXTS = {"detections": ("evidence",), "rules": ("evidence",)}  # columns that hold several texts in one


def report_record(audit: "Audit") -> Row:
    """The record, valid by report.schema.json: plain JSON values, every text inert, no fingerprint, no value.

    What adds a field, or changes what one means, raises the number of the schema.
    """
    low, high = score(audit)
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "review": provenance(audit),
        "verdict": verdict(audit),
        "score": {"low": low, "high": high},
        "summary": plain(audit.summary().record()),
        "ledger": dict(audit.ledger.heads),
        "freshness": _freshness(audit),
        "auth_failures": _auth_failures(audit),
        "leaks": _nested(_rows(audit, "leaks"), _rows(audit, "leak_places"), ("leak_id",), "places"),
        "drift": values_by_place(audit.inventory),
        "settings": {"changes": _rows(audit, "settings_changes"), "in_force": list(audit.settings)},
        "not_ended": _not_ended(audit.changes),
        **{name: _rows(audit, name) for name in FRAMES},
        "coverage": _coverage(audit),
    }


def _rows(audit: "Audit", name: str) -> list[Row]:
    """The rows of a frame as JSON values, without fingerprints."""
    return records(getattr(audit, name).rename(columns=dict(NAMES.get(name, {}))))


def _nested(outer: list[Row], inner: list[Row], key: tuple[str, ...], name: str) -> list[Row]:
    """Each row with its inner rows, which then lack the key."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in inner:
        found.setdefault(tuple(row.pop(part) for part in key), []).append(row)
    return [{**row, name: found.get(tuple(row[part] for part in key), [])} for row in outer]


def _freshness(audit: "Audit") -> list[Row]:
    """The ages with their evidence, to one decimal outward: they claim no more than is known."""
    rows = _nested(_rows(audit, "ages"), _rows(audit, "evidence"), PLACE, "evidence")
    for row in rows:
        for name, days in row.items():
            if days is not None and name.endswith(("_days_min", "_days_max")):
                outward = math.floor if name.endswith("_min") else math.ceil
                row[name] = outward(days * 10) / 10
    return rows


def _not_ended(changes: pd.DataFrame) -> list[Row]:
    """What the previous report found, and of which it is not known if it ended."""
    gone = changes[changes["change"].eq("no longer known") & changes["now"].eq("")].drop_duplicates("id")
    kept = gone[["id", "subject", "environment", "service"]]
    return records(kept.assign(check=gone["was_check"], severity=gone["was_severity"], status="unknown"))


def _auth_failures(audit: "Audit") -> Row:
    requests, counts = audit.requests, audit.log_counts
    logs = audit.sources[audit.sources["kind"].eq("log")]
    days = audit.daily.reset_index()[["day", "requests", "refused", "failed_logins"]]
    of_address = requests.assign(refused=requests["count"].where(requests["refused"], 0)).groupby("address")
    addresses = of_address[["count", "refused"]].sum().query("refused > 0").reset_index()
    return {
        "requests": int(requests["count"].sum()),
        "refused": int(requests.loc[requests["refused"], "count"].sum()),
        "failed_logins": int(audit.failed_logins["count"].sum()),
        "unread_lines": int(logs["not_understood"].sum()),
        "untimed": int(counts["untimed"].sum()),
        "by_status": plain(requests.dropna(subset=["status"]).groupby("status")["count"].sum().to_dict()),
        "by_kind": plain(counts.groupby("kind")["count"].sum().to_dict()),
        "by_day": records(days),
        "by_address": records(addresses.rename(columns={"count": "requests"})),
        "by_service": _rows(audit, "coverage"),
    }


def values_by_place(inventory: pd.DataFrame) -> list[Row]:
    """Where each secret has the same value: the same letters are the same value, whatever its name."""
    secrets = inventory[inventory["kind"].eq("secret")]
    letter: dict[str, str] = {}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows(secrets.sort_values([*PLACE, "component", "source"], kind="stable")):
        if row.state != "present" or row.fingerprint is None:
            held = "not supplied" if row.state == "not supplied" else "missing"
        elif row.placeholder:
            held = "placeholder"
        else:
            held = letter.setdefault(row.fingerprint, f"value {letters(len(letter))}")
        place = inert.plain(f"{row.environment}/{row.service}".strip("/"))
        found.setdefault((row.secret, row.component), {})[place] = held
    return [
        {"secret": inert.plain(secret), "component": component, "environments": places}
        for (secret, component), places in found.items()
    ]


def _coverage(audit: "Audit") -> Row:
    """Where the lines of all sources ended, the days without a line, and each rule of the guide."""
    sources, entries, daily = audit.sources, audit.entries, audit.daily
    logs, lost = sources[sources["kind"].eq("log")], entries[entries["state"].eq("not understood")]
    ends = ("lines", "requests", "messages", "text_only", "not_understood", "blank")
    return {
        "lines": {name: int(sources[name].sum()) for name in ("lines", "read", "not_understood", "blank")},
        "log_lines": {name: int(logs[name].sum()) for name in ends},
        "days_without_logs": list(map(str, daily.index[daily["requests"].isna()])),
        "lines_not_understood": records(lost[["source", "environment", "service", "line"]]),
        "evidence_left_out": int(audit.ages["evidence_left_out"].sum()),
        "rules": _rows(audit, "rules"),
    }
