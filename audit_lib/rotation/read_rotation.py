"""What a rotation's plan and its check need of a project: stores, ledger, requests, starts, deploys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.decisions import Revocation, revocations
from audit_lib.ledger.timeline import Links, Tenure, tenures
from audit_lib.logins.requests import Access, bounded, tabulate_requests
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import Policy


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

    @cached_property
    def stays(self) -> tuple[Tenure, ...]:
        """Every stay of every value that the ledger saw, under the present key."""
        return tenures(self.ledger)

    @cached_property
    def revoked(self) -> Mapping[str, Revocation]:
        """What was recorded as revoked, by the value's fingerprint under the present key."""
        links, keys = Links(self.ledger), {entry.place: entry.key_id for entry in self.ledger.entries}
        return {links.now(one.fingerprint, keys[one.place]): one for one in revocations(self.ledger)}

    @cached_property
    def removed(self) -> Mapping[str, Entry]:
        """The last record of each value that was searched for and found nowhere, by its fingerprint."""
        links = Links(self.ledger)
        records = self.ledger.of_kind("removal")
        return {links.now(entry.body["fingerprint"], entry.key_id): entry for entry in records}

    @classmethod
    def of(cls, read: ProjectRead, policy: Policy, as_of: datetime) -> "RotationRead":
        """What rotations need of a project that was read."""
        return cls(
            as_of=as_of,
            inventory=read.inventory,
            ledger=read.ledger,
            sources=read.sources,
            requests=tabulate_requests(read.logs.minutes, read.logs.counts, Access.of(policy)),
            events=bounded(read.logs.events),
            deploys=read.deploys,
        )
