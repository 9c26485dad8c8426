"""One audit from sources to findings: read top to bottom, `run_audit` is the program."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.base.git import head_of
from audit_lib.base.progress import Progress, quiet
from audit_lib.findings.audit import Audit
from audit_lib.findings.decisions import (
    Reviews,
    judge_findings,
    tabulate_attestations,
    tabulate_ledger_faults,
    tabulate_ownership,
)
from audit_lib.findings.documents import document_sources
from audit_lib.findings.reviews import (
    last_signed,
    read_previous,
    tabulate_settings_changes,
    tabulate_sign_offs,
)
from audit_lib.leaks.exposure import clean_up, tabulate_exposure, tabulate_leaked_secrets
from audit_lib.leaks.find_leaks import LeakAudit, LeakOptions, find_leaks
from audit_lib.leaks.tables import tabulate_chosen_passwords
from audit_lib.ledger.keys import keeper_of
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.declared import tabulate_logins
from audit_lib.logins.detect import Verdict, judge, tabulate
from audit_lib.logins.parameters import detection_policy, formats_of, is_known
from audit_lib.logins.requests import Access, tabulate_requests
from audit_lib.logins.tables import (
    address_label,
    daily,
    last_uses,
    tabulate_log_coverage,
    with_addresses,
)
from audit_lib.logins.traffic import gather
from audit_lib.logs.frames import LogRead
from audit_lib.logs.project_logs import read_logs, without_values
from audit_lib.rotation.progress import RotationRead, tabulate_half_rotations, tabulate_leak_lives
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.rotation.triggers import tabulate_triggers
from audit_lib.secrecy.identities import mask_client
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrets.ages import tabulate_rotation_pairs
from audit_lib.secrets.population import tabulate_population, tabulate_sides
from audit_lib.secrets.read_project import ProjectRead, read_project
from audit_lib.settings import GivenValues, Policy, Project, choose_policy, instant_of
from audit_lib.settings.code_reads import CodeRead, read_code
from audit_lib.settings.dump import dump
from audit_lib.settings.platform_files import tabulate_configuration

Frames = dict[str, pd.DataFrame]  # by their names in `Audit.tables`


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
    progress: Progress = quiet,
) -> Audit:
    """The audit of one quarter as of an instant: by default the sample's, and the quarter over by then.

    Unless `identities` is full, the frames show addresses as their network with a keyed label. Logs are read
    on the dask cluster of a `scheduler`, if one is given.

    Raises:
        BadInput: a quarter, date, policy, ledger or previous report that cannot be used; no date at all.
    """
    moment = instant_of(project, as_of)
    period = Quarter.chosen(quarter, moment)
    rules = choose_policy(project, policy)
    # An empty keeper is false: `or` would put another in its place.
    keeper = keeper_of(project) if keeper is None else keeper
    before = read_previous(previous, project.name, keeper.key) if previous else None
    formats = formats_of(project, rules)

    def logs() -> LogRead:
        read = read_logs(project, period, formats, scheduler=scheduler, progress=progress)
        return without_values(read, Redactor.of(keeper))

    heads = before.heads if before else ()
    read = read_project(project, rules, keeper, moment, logs, given=given, known_heads=heads)
    scope = _Scope(project, rules, period, moment, read)
    lists, triggers = tabulate_triggers(project, rules, read.ledger, read.freshness, moment)
    detected = _detected(scope)
    rotating = RotationRead(moment, read.inventory, read.ledger)
    options = LeakOptions(cache=user_cache(), progress=progress)
    search = partial(find_leaks, as_of=moment, stays=rotating.stays, options=options)
    leaked = search(project, keeper, rules, read.entries, read.inventory)
    code = read_code(project)
    label = address_label(read.logs, keeper.key)
    sources = Sources.checked(pd.concat([read.sources, document_sources(project, rules, read.ledger), lists]))
    last, doubt = last_signed(read.ledger), before.doubt if before else ""
    tables = {
        "sources": sources,
        "configuration": tabulate_configuration(project, rules),
        "entries": read.entries,
        "inventory": read.inventory,
        "drift": read.drift,
        "evidence": read.evidence,
        "freshness": read.freshness,
        **_of_population(scope, code, keeper),
        **_of_rotations(scope, rotating),
        "triggers": triggers,
        **_of_logs(scope),
        # A finding's id must not change with how addresses are shown.
        "detections": tabulate(detected, partial(mask_client, label=label)),
        **_of_leaks(scope, leaked, rotating),
        **_of_people(scope),
        "settings_changes": tabulate_settings_changes(project, rules, last, doubt),
    }
    tables |= judge_findings(tables, rules, read.ledger, Reviews(last, before, str(period), moment))
    known = partial(is_known, policy=detection_policy(rules))
    return Audit(
        project=project,
        policy=rules,
        quarter=period,
        as_of=moment,
        key_id=keeper.key.key_id,
        key_origin=keeper.key.origin,
        tables=tables
        | with_addresses(tables, label, identities, known)
        | ({"detections": tabulate(detected)} if identities == "full" else {}),
        ledger_heads=read.ledger.heads,
        settings=dump(rules, project),
        commit=head_of(project.root),
        doubt=doubt,
    )


@dataclass(frozen=True)
class _Scope:
    """What is audited, by what, of which time, and what was read of it."""

    project: Project
    policy: Policy
    quarter: Quarter
    as_of: datetime
    read: ProjectRead


def _detected(scope: _Scope) -> tuple[Verdict, ...]:
    """What the detections say of the quarter, as far as it is over."""
    rules, logs, quarter = detection_policy(scope.policy), scope.read.logs, scope.quarter
    frames = logs.sources, logs.counts, logs.events, logs.minutes
    period = quarter.start, min(quarter.end, scope.as_of)
    given = (*frames, scope.read.ledger, rules, *period, scope.read.deploys)
    return judge(gather(*given, log_sources=scope.project.log_sources, as_of=scope.as_of))


def _of_population(scope: _Scope, code: CodeRead, keeper: Keeper) -> Frames:
    """Who knows each variable."""
    project, policy, read = scope.project, scope.policy, scope.read
    requests = tabulate_requests(read.logs.minutes, read.logs.counts, Access.of(policy))
    used = last_uses(requests, policy, scope.as_of)
    population = tabulate_population(project, policy, code, read, keeper, last_uses=used)
    sides = tabulate_sides(population, policy, code, read.sources, read.ledger)
    return {"population": population, "population_sides": sides}


def _of_rotations(scope: _Scope, rotating: RotationRead) -> Frames:
    """What was rotated, and what was left half done."""
    ledger, quarter = scope.read.ledger, scope.quarter
    return {
        "rotation_pairs": tabulate_rotation_pairs(scope.read.freshness, scope.policy),
        "rotations": tabulate_rotations(ledger, quarter.start, quarter.end),
        "earlier_rotations": tabulate_rotations(ledger, datetime.min.replace(tzinfo=UTC), quarter.start),
        "half_rotations": tabulate_half_rotations(rotating, scope.policy),
    }


def _of_logs(scope: _Scope) -> Frames:
    """What the logs hold, and what they cover."""
    policy, logs = scope.policy, scope.read.logs
    return {
        "log_counts": logs.counts,
        "log_events": logs.events,
        "daily": daily(logs.counts),
        "alerts": _alerts(scope),
        "declared_logins": tabulate_logins(policy.logins, logs.counts, logs.events),
        "log_coverage": tabulate_log_coverage(logs.sources, logs.counts, scope.quarter, scope.as_of),
    }


def _alerts(scope: _Scope) -> pd.DataFrame:
    """The policy's alerts over the quarter, as far as it is over."""
    policy, read, end = scope.policy, scope.read, min(scope.quarter.end, scope.as_of)
    return evaluate(
        policy.alerts,
        read.logs,
        read.ledger,
        scope.quarter.start,
        end,
        policy=detection_policy(policy),
        log_sources=scope.project.log_sources,
    )


def _of_leaks(scope: _Scope, leaked: LeakAudit, rotating: RotationRead) -> Frames:
    """What leaked, what that means, and how far it is cleaned up."""
    leaks, places = leaked.leaks, leaked.places
    read = scope.read
    exposure = tabulate_exposure(leaks, read.inventory, read.freshness, scope.as_of, rotating.stays)
    return {
        "leaks": leaks,
        "leak_places": places,
        "leak_coverage": leaked.coverage,
        "exposure": exposure,
        "leak_lives": tabulate_leak_lives(leaks, rotating),
        "leaked_secrets": tabulate_leaked_secrets(leaks, places, exposure),
        "chosen_passwords": tabulate_chosen_passwords(leaks, places),
        "clean_up": clean_up(leaks, places, exposure),
    }


def _of_people(scope: _Scope) -> Frames:
    """What somebody answers for."""
    policy, ledger = scope.policy, scope.read.ledger
    return {
        "attestations": tabulate_attestations(policy, ledger, scope.as_of),
        "ownership": tabulate_ownership(policy, ledger, scope.as_of),
        "sign_offs": tabulate_sign_offs(ledger),
        "ledger_faults": tabulate_ledger_faults(ledger),
    }
