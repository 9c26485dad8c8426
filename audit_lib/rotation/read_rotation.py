"""Reads what a rotation's plan and its check need: stores, ledger, requests, starts and deploys."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd

from audit_lib.ledger import Ledger
from audit_lib.logins.requests import Access, bounded, tabulate_requests
from audit_lib.logs.cache import cached_logs
from audit_lib.project import GivenValues, Project
from audit_lib.project.policy import Policy
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import read_project


@dataclass(frozen=True)
class RotationRead:
    """A project as it was read for a rotation; frames by their contracts, `bounded` events."""

    as_of: datetime
    inventory: pd.DataFrame
    ledger: Ledger
    sources: pd.DataFrame
    requests: pd.DataFrame
    events: pd.DataFrame
    deploys: pd.DataFrame


def read_rotation(
    project: Project, policy: Policy, keeper: Keeper, as_of: datetime, given: tuple[GivenValues, ...] = ()
) -> RotationRead:
    """The project as of an instant; `BadInput` for an env file, ledger or deploy list that cannot be used."""
    read = read_project(project, policy, keeper, as_of, partial(cached_logs, project, keeper), given=given)
    return RotationRead(
        as_of=as_of,
        inventory=read.inventory,
        ledger=read.ledger,
        sources=read.sources,
        requests=tabulate_requests(read.logs.minutes, read.logs.counts, Access.of(policy)),
        events=bounded(read.logs.events),
        deploys=read.deploys,
    )
