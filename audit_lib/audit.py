"""One audit from sources to findings: read top to bottom, `run_audit` is the program."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.clock import Quarter
from audit_lib.policy import Policy
from audit_lib.project import Project


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
    findings: pd.DataFrame
    changes: pd.DataFrame
    seal_statement: str = ""  # what `review` searches for before it publishes (SealPlan.statement)
    ledger_heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash" of its last entry by as_of
