"""Collects what secret stores say of ages: exports that audit.toml names, and those given with `--env`."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Sources
from audit_lib.base.glob_paths import claimed_paths
from audit_lib.secrets.store_exports import parse_store_export
from audit_lib.settings import EvidenceSource, GivenValues, Project, StoreDate
from audit_lib.settings.models import first_faults, source_row

KIND = "store export"
LARGEST_BYTES = 2 * 2**20
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"


@dataclass(frozen=True)
class DatedPlace:
    """One date of a store, and of which environment and service it is."""

    environment: str
    service: str
    source: str
    date: StoreDate


def read_store_dates(
    project: Project, given: tuple[GivenValues, ...]
) -> tuple[pd.DataFrame, tuple[DatedPlace, ...]]:
    """`Sources` of the exports, and what they say; one that is missing or faulty is a row, no exception."""
    rows: list[dict[str, Any]] = []
    dates: list[DatedPlace] = []
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        rows += [] if paths else [_missing(source)]
        for path in paths:
            row, found = _read_file(project, source, path)
            rows.append(source_row(source, path, KIND, **row))
            dates += [DatedPlace(source.environment, source.service, path, one) for one in found]
    for one in given:
        place = f"--env {one.environment}/{one.service}"
        dates += [DatedPlace(one.environment, one.service, place, date) for date in one.dates]
    return Sources.of(rows), tuple(dates)


def _missing(source: EvidenceSource) -> dict[str, Any]:
    remedy = f"export the store's dates to {source.pattern} (docs/evidence.md#stores)"
    reason = "no file matches"
    return source_row(source, source.pattern, KIND, state="missing", reason=reason, remedy=remedy)


def _read_file(project: Project, source: EvidenceSource, path: str) -> tuple[dict[str, Any], list[StoreDate]]:
    try:
        read = read_source(project.root, path, LARGEST_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, []
    export = parse_store_export(read.content, source.secret)
    facts = {
        "size_bytes": read.facts.size_bytes,
        "modified_at": read.facts.modified_at,
        "mode": read.facts.mode,
    }
    if export.holds_values:
        return facts | {"state": "refused", "reason": _CLEAR, "remedy": f"rm {path}"}, []
    state = "unreadable" if export.faults and not export.dates else "read" if export.found else "empty"
    return facts | {"state": state, "reason": first_faults(export.faults)}, export.dates
