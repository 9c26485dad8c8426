"""Reads a project up to the age of its secrets: what the quarterly review and an investigation share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logs.deploys import read_deploys
from audit_lib.logs.frames import LogRead
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.ages import tabulate_freshness
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.secrets.history import env_history
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.secrets.stores import DatedPlace, parse_store_export
from audit_lib.settings import EvidenceSource, GivenValues, Policy, Project, StoreDate
from audit_lib.settings.models import first_faults, source_row

STORE_EXPORT = "store export"
LARGEST_EXPORT = 2 * 2**20  # bytes
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"


@dataclass(frozen=True)
class ProjectRead:
    """A project as it was read; frames by the contracts of their names. The values are the keeper's."""

    sources: pd.DataFrame  # env files, logs and deploy lists
    logs: LogRead
    ledger: Ledger
    entries: pd.DataFrame
    history: pd.DataFrame
    deploys: pd.DataFrame
    inventory: pd.DataFrame
    drift: pd.DataFrame
    evidence: pd.DataFrame
    freshness: pd.DataFrame


def read_project(
    project: Project,
    policy: Policy,
    keeper: Keeper,
    as_of: datetime,
    logs: Callable[[], LogRead],
    *,
    given: tuple[GivenValues, ...] = (),
    known_heads: tuple[tuple[str, str], ...] = (),
) -> ProjectRead:
    """The project as of an instant. `logs` reads its logs: it is called once the keeper holds the values.

    `known_heads` are heads of the ledger's chains that an earlier report names, beside those that this
    reviewer's own state holds.

    Raises:
        BadInput: an env file, a ledger or a deploy list that cannot be used.
    """
    env_sources, entries = read_env_sources(project, given, keeper, policy)
    read = logs()
    known = (*known_heads, *heads_of(project.ledger_dir, keeper.key))
    ledger = read_ledger(project.ledger_dir, keeper.key, as_of, known)
    history = env_history(project, keeper)
    deploys = read_deploys(project, keeper, as_of)
    stores, dates = read_store_dates(project, given)
    sources = Sources.checked(pd.concat([env_sources, read.sources, deploys.sources, stores]))
    inventory = tabulate_inventory(entries, policy, project, keeper, sources)
    evidence = collect_evidence(
        inventory,
        entries,
        sources,
        ledger,
        log_events=read.events,
        history=history,
        dates=dates,
        as_of=as_of,
        keeper=keeper,
    )
    return ProjectRead(
        sources=sources,
        logs=read,
        ledger=ledger,
        entries=entries,
        history=history,
        deploys=deploys.deploys,
        inventory=inventory,
        drift=compare_places(inventory, entries, policy, keeper),
        evidence=evidence,
        freshness=tabulate_freshness(inventory, evidence, policy, as_of),
    )


def read_store_dates(
    project: Project, given: tuple[GivenValues, ...]
) -> tuple[pd.DataFrame, tuple[DatedPlace, ...]]:
    """`Sources` of the exports, and what they say; one that is missing or faulty is a row, no exception."""
    rows: list[dict[str, Any]] = []
    dates: list[DatedPlace] = []
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        if not paths:
            remedy = f"export the store's dates to {source.pattern} (docs/evidence.md#stores)"
            missing = {"state": "missing", "reason": "no file matches", "remedy": remedy}
            rows.append(source_row(source, source.pattern, STORE_EXPORT, **missing))
        for path in paths:
            row, found = _read_file(project, source, path)
            rows.append(source_row(source, path, STORE_EXPORT, **row))
            dates += [DatedPlace(source.environment, source.service, path, one) for one in found]
    for one in given:
        place = f"--env {one.environment}/{one.service}"
        dates += [DatedPlace(one.environment, one.service, place, date) for date in one.dates]
    return Sources.of(rows), tuple(dates)


def _read_file(project: Project, source: EvidenceSource, path: str) -> tuple[dict[str, Any], list[StoreDate]]:
    try:
        read = read_source(project.root, path, LARGEST_EXPORT)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, []
    export = parse_store_export(read.content, source.secret)
    facts = {name: getattr(read.facts, name) for name in ("size_bytes", "modified_at", "mode")}
    if export.holds_values:
        return facts | {"state": "refused", "reason": _CLEAR, "remedy": f"rm {path}"}, []
    state = "unreadable" if export.faults and not export.dates else "read" if export.found else "empty"
    return facts | {"state": state, "reason": first_faults(export.faults)}, export.dates
