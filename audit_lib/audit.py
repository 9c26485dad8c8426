"""One audit from sources to findings: read top to bottom, `run_audit` is the program."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import Quarter, parse_instant
from audit_lib.base.contracts import Changes, Sources
from audit_lib.base.errors import BadInput
from audit_lib.findings.attestations import tabulate_attestations
from audit_lib.findings.documents import document_sources
from audit_lib.findings.find import compare, find
from audit_lib.leaks.exposure import clean_up, tabulate_exposure
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.logins.coverage import tabulate_guide_searches, tabulate_log_coverage, written_lines
from audit_lib.logins.detections import detect, detection_policy, gather, tabulate
from audit_lib.logs.deploys import read_deploys
from audit_lib.logs.formats import load_formats
from audit_lib.logs.project_logs import read_logs
from audit_lib.project import GivenValues, Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import Policy
from audit_lib.secrecy.identities import mask_client, mask_frame
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.env_files import read_env_sources
from audit_lib.secrets.env_history import env_history
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.secrets.freshness import tabulate_freshness
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.rotation_pairs import tabulate_rotation_pairs


@dataclass(frozen=True)
class Audit:
    """Everything one audit found, as frames by their contracts. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    quarter: Quarter
    as_of: datetime
    key_id: str
    key_origin: str  # file | demo | throw-away
    sources: pd.DataFrame
    inventory: pd.DataFrame
    evidence: pd.DataFrame
    freshness: pd.DataFrame
    drift: pd.DataFrame
    log_counts: pd.DataFrame
    log_events: pd.DataFrame
    detections: pd.DataFrame
    leaks: pd.DataFrame
    leak_places: pd.DataFrame
    leak_coverage: pd.DataFrame
    exposure: pd.DataFrame
    clean_up: pd.DataFrame
    findings: pd.DataFrame
    changes: pd.DataFrame
    attestations: pd.DataFrame
    seal_statement: str = ""  # what `review` searches for before it publishes (SealPlan.statement)
    ledger_heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash" of its last entry by as_of


def run_audit(
    project: Project,
    quarter: str = "",
    as_of: str = "",
    *,
    policy: str = "",
    given: tuple[GivenValues, ...] = (),
    keeper: Keeper | None = None,
    previous: Path | None = None,
    identities: str = "masked",
    scheduler: str = "",
) -> Audit:
    """The audit of one quarter as of an instant: by default the sample's, and the quarter over by then.

    Unless `identities` is full, the frames show addresses as their network with a keyed label. Logs are read
    on the dask cluster of a `scheduler`, where one is given.

    Raises:
        BadInput: a quarter, date, policy, ledger or previous report that cannot be used; no date at all.
    """
    moment = instant_of(project, as_of)
    period = Quarter.parse(quarter) if quarter else Quarter.last_over(moment)
    chosen = choose_policy(project, policy)
    before = _report(previous) if previous else None
    # An empty keeper is false: `or` would put another in its place.
    keeper = keeper_of(project) if keeper is None else keeper
    formats = load_formats()
    sought = detection_policy(chosen)

    env_sources, entries = read_env_sources(project, given, keeper, chosen)
    logs = read_logs(project, period, formats, scheduler=scheduler)
    ledger = read_ledger(project.ledger_dir, keeper.key, moment)
    history = env_history(project, keeper)
    deploys = read_deploys(project, keeper, moment)
    documents = document_sources(project, chosen, ledger)
    sources = Sources.checked(pd.concat([env_sources, logs.sources, deploys.sources, documents]))

    inventory = tabulate_inventory(entries, chosen, project, keeper, sources)
    drift = compare_places(inventory, entries, chosen, keeper)
    evidence = collect_evidence(
        inventory,
        entries,
        sources,
        ledger,
        log_events=logs.events,
        history=history,
        as_of=moment,
        keeper=keeper,
    )
    freshness = tabulate_freshness(inventory, evidence, chosen, moment)
    end = min(period.end, moment)
    read = logs.sources, logs.counts, logs.events, logs.minutes
    traffic = gather(*read, ledger, sought, period.start, end, deploys.deploys)
    detected = detect(traffic, sought)
    # A finding's id must not change with how addresses are shown.
    masked = tabulate(detected, partial(mask_client, key=keeper.key))
    found = find_leaks(project, keeper, chosen, entries, inventory, as_of=moment)
    exposure = tabulate_exposure(found.leaks, inventory, freshness, moment)
    tables = {
        "sources": sources,
        "entries": entries,
        "inventory": inventory,
        "drift": drift,
        "freshness": freshness,
        "rotation_pairs": tabulate_rotation_pairs(freshness, chosen),
        "detections": masked,
        "leaks": found.leaks,
        "leak_places": found.places,
        "leak_coverage": found.coverage,
        "exposure": exposure,
        "log_events": logs.events,
        "log_coverage": tabulate_log_coverage(logs.sources, logs.counts, period, moment),
        "attestations": tabulate_attestations(chosen, ledger, moment),
        "guide_searches": tabulate_guide_searches(chosen, written_lines(formats), logs.counts),
    }
    findings = find(tables, chosen, ledger, moment)
    shown = (lambda frame: frame) if identities == "full" else partial(mask_frame, key=keeper.key)
    return Audit(
        project=project,
        policy=chosen,
        quarter=period,
        as_of=moment,
        key_id=keeper.key.key_id,
        key_origin=keeper.key.origin,
        sources=sources,
        inventory=inventory,
        evidence=evidence,
        freshness=freshness,
        drift=drift,
        log_counts=shown(logs.counts),
        log_events=shown(logs.events),
        detections=tabulate(detected) if identities == "full" else masked,
        leaks=found.leaks,
        leak_places=found.places,
        leak_coverage=found.coverage,
        exposure=exposure,
        clean_up=clean_up(found.leaks, found.places, exposure),
        findings=findings,
        changes=Changes.of([]) if before is None else compare(before, findings),
        attestations=tables["attestations"],
        ledger_heads=ledger.heads,
    )


def instant_of(project: Project, as_of: str) -> datetime:
    """The instant that is audited: the one given, else the sample's own, or `BadInput`."""
    if as_of:
        return parse_instant(as_of, "as_of")
    if project.pinned_as_of:
        return parse_instant(project.pinned_as_of, "audit.toml: pinned_as_of")
    raise BadInput.at("as_of", "is not given: a date such as 2026-09-30")


def _report(path: Path) -> dict[str, Any]:
    """A report.json of before; `BadInput` where it is none."""
    try:
        report = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        raise BadInput.at(str(path), "cannot be read as a report.json") from None
    known = isinstance(report, dict) and str(report.get("schema", "")).startswith("audit_lib/report/")
    findings = report.get("findings") if known else None
    whole = isinstance(findings, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("id", "check", "status"))
        for row in findings
    )
    if not whole:
        raise BadInput.at(str(path), "is not a report.json of this tool")
    return dict(report)
