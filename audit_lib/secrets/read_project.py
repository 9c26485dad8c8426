"""A project as it is read up to the age of its secrets: what review, rotation and investigation share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Sources, rows
from audit_lib.ledger import Draft, Entry, Ledger, heads_of, read_ledger
from audit_lib.logs.deploys import read_deploys
from audit_lib.logs.read import LogRead, nothing_read
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.ages import tabulate_freshness
from audit_lib.secrets.evidence import collect_evidence, with_file_times
from audit_lib.secrets.inventory import compare_places, tabulate_inventory
from audit_lib.secrets.sources import read_env_sources, read_store_dates
from audit_lib.settings import GivenValues, Policy, Project

_RECORDED = ("secret", "variable", "environment", "service", "source", "loader", "state", "fingerprint")


def frame(compute: "Callable[[Any], pd.DataFrame]") -> "cached_property[pd.DataFrame]":
    """A frame that is computed when it is asked for, and once."""
    return cached_property(compute)


@dataclass(eq=False, repr=False, kw_only=True)
class ProjectRead:
    """A project as of an instant. Asking for a part raises `BadInput` for a file that cannot be used."""

    project: Project
    policy: Policy
    keeper: Keeper
    as_of: datetime
    given: tuple[GivenValues, ...] = ()
    read_logs: Callable[[], LogRead] = nothing_read

    _env = cached_property(lambda self: read_env_sources(self.project, self.given, self.keeper, self.policy))
    _deploys = cached_property(lambda self: read_deploys(self.project, self.keeper, self.as_of))
    _stores = cached_property(lambda self: read_store_dates(self.project, self.given))

    @cached_property
    def logs(self) -> LogRead:
        """The logs, read once the keeper has the values."""
        _ = self.entries
        return self.read_logs()

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger's entries by the instant."""
        key, folder = self.keeper.key, self.project.ledger_dir
        return read_ledger(folder, key, self.as_of, heads_of(folder, key))

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources`: env files, logs, deploy lists and exports of stores, with how they were read."""
        read = [self._env[0], self.logs.sources, self._deploys[0], self._stores[0]]
        return Sources.checked(pd.concat(read))

    entries = frame(lambda self: self._env[1])  # `EnvEntries`
    deploys = frame(lambda self: self._deploys[1])  # `Deploys`
    places = frame(  # `Sources` but for logs
        lambda self: Sources.checked(pd.concat([self._env[0], self._deploys[0], self._stores[0]]))
    )
    inventory = frame(  # `Inventory`
        lambda self: tabulate_inventory(self.entries, self.policy, self.project, self.keeper, self.places)
    )
    drift = frame(lambda self: compare_places(self.inventory, self.policy, self.keeper))  # `Drift`

    # `Evidence`: each piece that bounds when a value came into use. No log is read for it.
    evidence = frame(
        lambda self: collect_evidence(
            *(self.inventory, self.entries, self.places, self.ledger),
            as_of=self.as_of,
            keeper=self.keeper,
            dates=self._stores[1],
        )
    )
    # `Freshness`: the interval of each secret's age in each place, and the verdict.
    ages = frame(lambda self: tabulate_freshness(self.inventory, self.evidence, self.policy, self.as_of))


def snapshot_draft(inventory: pd.DataFrame, sources: pd.DataFrame) -> Draft:
    """The entry that a snapshot appends: fingerprints but of settings, and which places were read whole."""
    whole = sources["kind"].isin(("env file", "given values")) & sources["state"].isin(("read", "empty"))
    read = sources[whole]
    places = read[["environment", "service", "source"]].assign(complete=read["not_understood"].eq(0))
    kept = inventory[inventory["kind"].ne("setting") & inventory["state"].ne("not supplied")]
    seen = with_file_times(kept, read)[[*_RECORDED, "modified_at"]]
    secrets = [
        row._asdict() | {"modified_at": row.modified_at and iso(row.modified_at)} for row in rows(seen)
    ]
    return Draft("snapshot", {"places": places.to_dict("records"), "secrets": secrets})


def places_lost(draft: Draft, before: Entry | None) -> list[str]:
    """The places (`production/backend`) of which an earlier snapshot saw values and this one sees none."""
    then, now = (
        # A second value in one place, of `SERVICE (FILE)`, is of that place.
        {
            f"{row['environment']}/{row['service'].partition(' (')[0]}"
            for row in body.get("secrets", ())
            if row["fingerprint"] is not None
        }
        for body in (before.body if before else {}, draft.body)
    )
    return sorted(then - now)
