"""A project as it is read up to the age of its secrets: what review, rotation and investigation share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from audit_lib.base.frames import Sources
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logs.deploys import DeployRead, read_deploys
from audit_lib.logs.read import LogRead, nothing_read
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.ages import tabulate_freshness
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.secrets.history import env_history
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import DatedPlace, read_env_sources, read_store_dates
from audit_lib.settings import GivenValues, Policy, Project


@dataclass(eq=False, repr=False, kw_only=True)
class ProjectRead:
    """A project as of an instant: each part is read when it is asked for, and once.

    Asking raises `BadInput` for an env file, a ledger or a deploy list that cannot be used.
    """

    project: Project
    policy: Policy
    keeper: Keeper
    as_of: datetime
    given: tuple[GivenValues, ...] = ()
    read_logs: Callable[[], LogRead] = nothing_read

    @cached_property
    def _env(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return read_env_sources(self.project, self.given, self.keeper, self.policy)

    @cached_property
    def _deploys(self) -> DeployRead:
        return read_deploys(self.project, self.keeper, self.as_of)

    @cached_property
    def _stores(self) -> tuple[pd.DataFrame, tuple[DatedPlace, ...]]:
        return read_store_dates(self.project, self.given)

    @cached_property
    def places(self) -> pd.DataFrame:
        """`Sources` but for logs."""
        return Sources.checked(pd.concat([self._env[0], self._deploys.sources, self._stores[0]]))

    @cached_property
    def logs(self) -> LogRead:
        """The logs, read once the keeper has the values."""
        _ = self.entries, self.history
        return self.read_logs()

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources`: env files, logs, deploy lists and exports of stores, with how they were read."""
        return Sources.checked(
            pd.concat([self._env[0], self.logs.sources, self._deploys.sources, self._stores[0]])
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger's entries by the instant."""
        key, folder = self.keeper.key, self.project.ledger_dir
        return read_ledger(folder, key, self.as_of, heads_of(folder, key))

    @cached_property
    def entries(self) -> pd.DataFrame:
        """`Entries`: one row for each line of an env file, without its value."""
        return self._env[1]

    @cached_property
    def history(self) -> pd.DataFrame:
        """`History`: what env files held in git."""
        return env_history(self.project, self.keeper)

    @property
    def deploys(self) -> pd.DataFrame:
        """`Deploys`: when each service was deployed."""
        return self._deploys.deploys

    @cached_property
    def inventory(self) -> pd.DataFrame:
        """`Inventory`: one row for each variable and place, with what is asked of its value."""
        return tabulate_inventory(self.entries, self.policy, self.project, self.keeper, self.places)

    @cached_property
    def drift(self) -> pd.DataFrame:
        """`Drift`: pairs of places, whether they hold one value, and whether they should."""
        return compare_places(self.inventory, self.entries, self.policy, self.keeper)

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """`Evidence`: each piece that bounds when a value came into use. No log is read for it."""
        read = (self.inventory, self.entries, self.places, self.ledger)
        dates = self._stores[1]
        return collect_evidence(
            *read, history=self.history, as_of=self.as_of, keeper=self.keeper, dates=dates
        )

    @cached_property
    def ages(self) -> pd.DataFrame:
        """`Freshness`: the interval of each secret's age in each place, and the verdict."""
        return tabulate_freshness(self.inventory, self.evidence, self.policy, self.as_of)
