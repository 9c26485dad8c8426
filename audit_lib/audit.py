"""One audit from sources to findings: read top to bottom, `run_audit` is the program."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.contracts import Changes, Sources
from audit_lib.base.git.commits import head_of
from audit_lib.base.progress import Progress, quiet
from audit_lib.findings.audit import Audit
from audit_lib.findings.changes import compare
from audit_lib.findings.documents import document_sources
from audit_lib.findings.find import find
from audit_lib.findings.last_review import NOT_KNOWN, last_signed, read_previous, tabulate_sign_offs
from audit_lib.findings.ledger_tables import (
    tabulate_acceptances,
    tabulate_attestations,
    tabulate_ledger_faults,
)
from audit_lib.findings.ownership import guess_owners, tabulate_ownership
from audit_lib.findings.register import Reviews, tabulate_exceptions
from audit_lib.findings.rule_changes import lowered_from, tabulate_rule_changes
from audit_lib.findings.rules_in_force import decided_by, rules_in_force
from audit_lib.leaks.chosen_in_use import tabulate_chosen_passwords
from audit_lib.leaks.clean_up import clean_up
from audit_lib.leaks.exposure import tabulate_exposure
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.leaked_secrets import tabulate_leaked_secrets
from audit_lib.ledger.keys import keeper_of
from audit_lib.logins.coverage import tabulate_guide_searches, tabulate_log_coverage, written_lines
from audit_lib.logins.declared import tabulate_logins
from audit_lib.logins.detections import Detected, detect, detection_policy, gather, tabulate
from audit_lib.logins.detections.callers import is_known
from audit_lib.logins.formats_of import formats_of
from audit_lib.logins.last_use import last_uses
from audit_lib.logins.shown_addresses import address_label, with_addresses
from audit_lib.logs.cache import without_values
from audit_lib.logs.frames import LogRead
from audit_lib.logs.project_logs import read_logs
from audit_lib.project import GivenValues, Project
from audit_lib.project.configuration import tabulate_configuration
from audit_lib.project.guide import tabulate_guide
from audit_lib.project.load import instant_of
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import Policy
from audit_lib.project.variables import read_code
from audit_lib.rotation.half_done import tabulate_half_rotations
from audit_lib.rotation.leak_lives import tabulate_leak_lives
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.rotation.trigger_lists import tabulate_triggers
from audit_lib.secrecy.exact_search import strong_search
from audit_lib.secrecy.identities import mask_client, mask_email
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.population import tabulate_population
from audit_lib.secrets.population_sides import tabulate_sides
from audit_lib.secrets.read_project import ProjectRead, read_project
from audit_lib.secrets.rotation_pairs import tabulate_rotation_pairs


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
        return without_values(read, strong_search(keeper))

    heads = before.heads if before else ()
    read = read_project(project, rules, keeper, moment, logs, given=given, known_heads=heads)
    lists, triggers = tabulate_triggers(project, rules, read.ledger, read.freshness, moment)
    met = read.logs.events["message"].unique()
    detected = _detected(project, read, rules, period, moment)
    label = address_label(read.logs, keeper.key)
    known = partial(is_known, rules=detection_policy(rules))
    leaked = find_leaks(project, keeper, rules, read.entries, read.inventory, as_of=moment, progress=progress)
    exposure = tabulate_exposure(leaked.leaks, read.inventory, read.freshness, moment)
    rotating = RotationRead.of(read, rules, moment)
    code = read_code(project)
    shown = str if identities == "full" else mask_email
    owners = guess_owners(project, rules, code, shown)
    used = last_uses(rotating.requests, rules, moment)
    population = tabulate_population(project, rules, code, read, keeper, last_uses=used)
    sources = Sources.checked(pd.concat([read.sources, document_sources(project, rules, read.ledger), lists]))
    judged_by = rules_in_force(project, rules, sources)
    last = (before and before.review) or last_signed(read.ledger)
    tables = {
        "sources": sources,
        "entries": read.entries,
        "configuration": tabulate_configuration(project, rules),
        "guide_statements": tabulate_guide(project, rules, moment),
        "inventory": read.inventory,
        "population": population,
        "population_sides": tabulate_sides(population, rules, code, read.sources, read.ledger),
        "drift": read.drift,
        "evidence": read.evidence,
        "freshness": read.freshness,
        "rotation_pairs": tabulate_rotation_pairs(read.freshness, rules),
        "rotations": tabulate_rotations(read.ledger, period.start, period.end),
        "earlier_rotations": tabulate_rotations(read.ledger, datetime.min.replace(tzinfo=UTC), period.start),
        "triggers": triggers,
        "half_rotations": tabulate_half_rotations(rotating, rules),
        # A finding's id must not change with how addresses are shown.
        "detections": tabulate(detected, partial(mask_client, label=label)),
        "leaks": leaked.leaks,
        "leak_places": leaked.places,
        "leak_coverage": leaked.coverage,
        "exposure": exposure,
        "leak_lives": tabulate_leak_lives(leaked.leaks, leaked.places, rotating, rules),
        "leaked_secrets": tabulate_leaked_secrets(leaked.leaks, leaked.places, exposure),
        "chosen_passwords": tabulate_chosen_passwords(leaked.leaks, leaked.places),
        "clean_up": clean_up(leaked.leaks, leaked.places, exposure),
        "log_counts": read.logs.counts,
        "log_events": read.logs.events,
        "declared_logins": tabulate_logins(rules.logins, read.logs.counts, read.logs.events),
        "log_coverage": tabulate_log_coverage(read.logs.sources, read.logs.counts, period, moment),
        "attestations": tabulate_attestations(rules, read.ledger, moment),
        "ownership": tabulate_ownership(rules, read.ledger, owners, moment),
        "guide_searches": tabulate_guide_searches(rules, written_lines(formats, met), read.logs.counts),
        "rule_changes": tabulate_rule_changes(last, judged_by, read.ledger),
    }
    reviews = Reviews(last, before, str(period), moment)

    def register(found: pd.DataFrame) -> pd.DataFrame:
        changes = compare(before, found, tables) if before else Changes.of([])
        return tabulate_exceptions(found, changes, read.ledger, reviews, rules)

    findings = find(tables, rules, read.ledger, moment, register)
    tables |= {
        "findings": findings,
        "exceptions": register(findings),
        "ledger_faults": tabulate_ledger_faults(read.ledger),
        "sign_offs": tabulate_sign_offs(read.ledger),
        "acceptances": tabulate_acceptances(read.ledger, set(findings["id"]), moment),
        "changes": compare(before, findings, tables) if before else Changes.of([]),
    }
    return Audit(
        project=project,
        policy=rules,
        quarter=period,
        as_of=moment,
        key_id=keeper.key.key_id,
        key_origin=keeper.key.origin,
        tables=tables | with_addresses(tables, detected, label, identities, known),
        ledger_heads=read.ledger.heads,
        rules=judged_by,
        lowered_from=lowered_from(last, tables["rule_changes"]),
        commit=head_of(project.root),
        deciders=decided_by(project, rules, shown),
        compared=last.words if last else NOT_KNOWN,
    )


def _detected(
    project: Project, read: ProjectRead, policy: Policy, period: Quarter, moment: datetime
) -> tuple[Detected, ...]:
    """What the detections say of the quarter, as far as it is over."""
    rules, logs = detection_policy(policy), read.logs
    frames = logs.sources, logs.counts, logs.events, logs.minutes
    given = (*frames, read.ledger, rules, period.start, min(period.end, moment), read.deploys)
    return detect(gather(*given, log_sources=project.log_sources), rules)
