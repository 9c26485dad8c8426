"""Reads the platform's deploy lists that a user exported: which deploys there were, as far as they tell."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.logs.contracts import Deploys
from audit_lib.logs.deploy_entries import RUNNING, DeployEntry, DeployList, parse_deploys
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor, redact_named
from audit_lib.settings import DeploySource, Project
from audit_lib.settings.models import first_faults, source_row

KIND = "deploy list"
LARGEST_BYTES = 16 * 2**20
LONGEST = 100  # characters of a commit's message


@dataclass(frozen=True)
class DeployRead:
    """What the lists gave: frames by the contracts Deploys and Sources."""

    deploys: pd.DataFrame
    sources: pd.DataFrame


def read_deploys(project: Project, keeper: Keeper, as_of: datetime) -> DeployRead:
    """The deploys that began by an instant, by the project's lists; those dated later are counted.

    A list that is missing or cannot be read is a row of Sources, and so are the faults of one that is read
    in part. Of a deploy that several lists name, the one that tells of its end stays.
    """
    listed: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for source, paths in claimed_paths(project.root, project.deploy_sources):
        rows += [] if paths else [_missing(source)]
        for path in paths:
            row, found = _read_file(project, path, as_of)
            rows.append(source_row(source, path, KIND, **row))
            listed += _deploys(source, path, found)
    return DeployRead(_frame(listed, keeper), Sources.of(rows))


def _missing(source: DeploySource) -> dict[str, Any]:
    remedy = f"export the platform's deploy list to {source.pattern} (docs/incident.md#deploys)"
    reason = "no file matches"
    return source_row(source, source.pattern, KIND, state="missing", reason=reason, remedy=remedy)


def _read_file(project: Project, path: str, as_of: datetime) -> tuple[dict[str, Any], list[DeployEntry]]:
    """What one file adds to its row of Sources, and its entries by then."""
    try:
        read = read_source(project.root, path, LARGEST_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, []
    found = parse_deploys(read.content, path)
    entries = [_as_of(entry, as_of) for entry in found.entries if entry.began_at <= as_of]
    row = {
        "state": "unreadable" if found.faults and not found.entries else "read" if found.found else "empty",
        "reason": _reason(found, len(found.entries) - len(entries)),
        "lines": found.found,
        "read": len(found.entries),
        "not_understood": found.found - len(found.entries),
        "blank": 0,
        "size_bytes": read.facts.size_bytes,
        "sha256": read.sha256,
        "modified_at": read.facts.modified_at,
        "mode": read.facts.mode,
    }
    return row, entries


def _reason(found: DeployList, later: int) -> str:
    if not found.found:
        return "lists no deploy"
    told = [first_faults(map(str, found.faults))] if found.faults else []
    told += [f"{later} deploys dated after this review are left out"] if later else []
    return "; ".join(told)


def _as_of(entry: DeployEntry, as_of: datetime) -> DeployEntry:
    """The entry as it was then: what it came to later is not known yet."""
    if entry.ended_at is None or entry.ended_at <= as_of:
        return entry
    return replace(entry, ended_at=None, status=RUNNING[0])


def _deploys(source: DeploySource, path: str, entries: Iterable[DeployEntry]) -> Iterator[dict[str, Any]]:
    """Rows by the contract, but for the message, which is still the platform's own."""
    entries = list(entries)
    on_line = Counter(entry.line for entry in entries)
    for entry in entries:
        place = f"{path}:{entry.line}"
        yield {
            "file": path,
            "line": entry.line,
            "deploy": entry.deploy,
            "environment": entry.environment or source.environment,
            "service": entry.service or source.service,
            "outcome": entry.outcome,
            "status": entry.status,
            "trigger": entry.trigger,
            "commit": entry.commit,
            "message": entry.message,
            "began_at": entry.began_at,
            "ended_at": entry.ended_at,
            "evidence": place if on_line[entry.line] == 1 else f"{place} ({entry.deploy})",
        }


def _frame(listed: list[dict[str, Any]], keeper: Keeper) -> pd.DataFrame:
    """`Deploys` in order of time, each deploy once, its texts without known values."""
    listed.sort(key=lambda row: row["ended_at"] is None)
    kept: dict[Any, dict[str, Any]] = {}
    for number, row in enumerate(listed):
        named = not row["deploy"].startswith("#")
        kept.setdefault((row["environment"], row["service"], row["deploy"]) if named else number, row)
    if kept:
        search = Redactor.of(keeper)
        for row in kept.values():
            clean = redact_named(search.text(row["message"])).strip()
            row["message"] = clean.splitlines()[0][:LONGEST] if clean else ""
            row |= {name: search.text(row[name]) for name in ("deploy", "status", "trigger", "evidence")}
    order = ["began_at", "file", "line", "deploy"]
    return Deploys.checked(Deploys.of(kept.values()).sort_values(order, kind="stable"))
