"""What one audit found: its tables, and by what it was judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.settings import Policy, Project


@dataclass(frozen=True, eq=False, repr=False)  # one is itself alone: tables cannot be compared
class Audit:
    """Everything one audit found. Holds no value: the keeper does.

    `tables` holds each frame by the name of its contract, such as `freshness` or `leak_places`.
    """

    project: Project
    policy: Policy
    quarter: Quarter
    as_of: datetime
    key_id: str
    key_origin: str  # file | demo | throw-away
    tables: Mapping[str, pd.DataFrame]
    seal_statement: str = ""  # what `review` searches for before it publishes (SealPlan.statement)
    ledger_heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash" of its last entry by as_of
    settings: tuple[str, ...] = ()  # those in force, one to a line
    commit: str = ""  # that the project stands at; "" without one
    doubt: str = ""  # why the previous report is not relied upon; "" if it verifies, or none was given
    parameters: Mapping[str, str] = field(default_factory=dict)  # the notebook's, if it or `review` opened it

    def __repr__(self) -> str:
        return f"Audit of {self.project.name}, {self.quarter}: {len(self.tables)} frames"
