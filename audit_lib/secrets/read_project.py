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
from audit_lib.secrets.ages import collect_evidence, tabulate_freshness, with_file_times
from audit_lib.secrets.inventory import compare_places, tabulate_inventory
from audit_lib.secrets.sources import read_env_sources, read_store_dates
from audit_lib.settings import GivenValues, Policy, Project


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

    _env = cached_property(lambda it: read_env_sources(it.project, it.given, it.keeper, it.policy))
    _deploys = cached_property(lambda it: read_deploys(it.project, it.keeper, it.as_of))
    _stores = cached_property(lambda it: read_store_dates(it.project, it.given))

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
        """`Sources`: env files, logs, deploy lists, exports of stores; `places` are all but the logs."""
        read = [self._env[0], self.logs.sources, self._deploys[0], self._stores[0]]
        return Sources.checked(pd.concat(read))

    places = frame(lambda it: Sources.checked(pd.concat([it._env[0], it._deploys[0], it._stores[0]])))
    entries = frame(lambda it: it._env[1])  # `EnvEntries`
    deploys = frame(lambda it: it._deploys[1])  # `Deploys`
    inventory = frame(lambda it: tabulate_inventory(it.entries, it.policy, it.project, it.keeper, it.places))
    drift = frame(lambda it: compare_places(it.inventory, it.policy, it.keeper))  # `Drift`
    evidence = frame(  # `Evidence`, for which no log is read
        lambda it: collect_evidence(
            *(it.inventory, it.entries, it.places, it.ledger),
            as_of=it.as_of,
            keeper=it.keeper,
            dates=it._stores[1],
        )
    )
    ages = frame(lambda it: tabulate_freshness(it.inventory, it.evidence, it.policy, it.as_of))


def snapshot_draft(inventory: pd.DataFrame, sources: pd.DataFrame) -> Draft:
    """The entry that a snapshot appends: fingerprints but of settings, and which places were read whole.
    A place is `complete` if every line of it was understood. What nobody supplied is not in `secrets`; what
    is missing or empty is. `modified_at` is in ISO 8601, null without a file."""
    read = sources.query("kind in ('env file', 'given values') and state in ('read', 'empty')")
    places = read[["environment", "service", "source"]].assign(complete=read["not_understood"].eq(0))
    kept = inventory[inventory["kind"].ne("setting") & inventory["state"].ne("not supplied")]
    names = ["secret", "variable", "environment", "service", "source", "loader", "state", "fingerprint"]
    seen = with_file_times(kept, read)[[*names, "modified_at"]]
    seen["modified_at"] = seen["modified_at"].map(iso, na_action="ignore")
    secrets = [row._asdict() for row in rows(seen)]
    return Draft("snapshot", {"places": places.to_dict("records"), "secrets": secrets})


def places_lost(draft: Draft, before: Entry | None) -> list[str]:
    """The places (`production/backend`) of which an earlier snapshot saw values and this one sees none."""
    then, now = (
        # A second value in one place, of `SERVICE (FILE)`, is of that place.
        {f"{row['environment']}/{row['service'].partition(' (')[0]}" for row in seen if row["fingerprint"]}
        for seen in (before.body.get("secrets", ()) if before else (), draft.body["secrets"])
    )
    return sorted(then - now)
