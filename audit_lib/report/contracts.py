"""The columns of the frames that only a report has."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.contracts import RULE_VERDICTS


class Actions(Contract):
    """One row for each thing to do, the most urgent first: a new value, a file, a document, a purge."""

    number: Series[int] = Field(unique=True)
    action: Series[str]
    why: Series[str]  # the gravest reasons, with a place
    owner: Series[str]  # as the policy names it, else "not named"
    severity: Series[str] = Field(isin=SEVERITIES)  # of the worst finding that it closes
    by_at: Series[Instant]
    closes: Series[int]  # open findings
    finding_ids: Series[str]  # separated by "; "


class RuleResults(Contract):
    """One row for each rule of the guide: what decides it, on how much, and what came out."""

    rule: Series[str] = Field(unique=True)
    says: Series[str]
    guide_lines: Series[str]
    decided_by: Series[str]  # checks, a person, or what of the program holds it
    procedure: Series[str]
    population: Series[pd.Int64Dtype] = Field(nullable=True)  # null: nothing that could be counted
    tested: Series[pd.Int64Dtype] = Field(nullable=True)
    exceptions: Series[pd.Int64Dtype] = Field(nullable=True)
    not_known: Series[pd.Int64Dtype] = Field(nullable=True)
    verdict: Series[str] = Field(isin=RULE_VERDICTS)
    evidence: Series[str]  # ids of findings and leaks, separated by "; "
    reason: Series[str]
