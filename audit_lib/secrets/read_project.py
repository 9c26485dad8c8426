"""Reads a project up to the age of its secrets: what a rotation and an investigation share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.base.frames import Sources
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logs.deploys import read_deploys
from audit_lib.logs.read import LogRead
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.ages import tabulate_freshness
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.secrets.history import env_history
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.secrets.stores import read_store_dates
from audit_lib.settings import GivenValues, Policy, Project


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
) -> ProjectRead:
    """The project as of an instant. `logs` reads its logs: it is called once the keeper holds the values.

    Raises:
        BadInput: an env file, a ledger or a deploy list that cannot be used.
    """
    env_sources, entries = read_env_sources(project, given, keeper, policy)
    history = env_history(project, keeper)
    read = logs()
    ledger = read_ledger(project.ledger_dir, keeper.key, as_of, heads_of(project.ledger_dir, keeper.key))
    deploys, (stores, dates) = read_deploys(project, keeper, as_of), read_store_dates(project, given)
    sources = Sources.checked(pd.concat([env_sources, read.sources, deploys.sources, stores]))
    inventory = tabulate_inventory(entries, policy, project, keeper, sources)
    frames = (inventory, entries, sources, ledger)
    evidence = collect_evidence(*frames, history=history, as_of=as_of, keeper=keeper, dates=dates)
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
