"""The frames about findings, and what changed since the last report."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

from audit_lib.base.contracts.base import STATUSES, Contract, Instant
from audit_lib.base.severities import SEVERITIES

# In the order in which a reader wants them.
CHANGES = ("worse", "new", "no longer known", "better", "ended", "same")
RULE_VERDICTS = ("fail", "unknown", "pass", "attested", "held", "not applicable", "not decidable")


class Findings(Contract):
    """One row for each finding; unknowns are rows too."""

    id: Series[str] = pa.Field(unique=True)  # check + subject + environment and service; no path, no line
    check: Series[str]
    severity: Series[str] = pa.Field(isin=SEVERITIES)
    status: Series[str] = pa.Field(isin=STATUSES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    covers: Series[str]  # SUBJECT@ENVIRONMENT/SERVICE, separated by "; ", if it is about several; else ""
    evidence: Series[str]
    where: Series[str]
    remedy: Series[str]
    controls: Series[str]  # separated by "; ", the risk of OWASP's NHI Top 10 last
    guide_lines: Series[str]
    accepted_by: Series[str]
    accepted_until_at: Series[Instant] = pa.Field(nullable=True)


class Acceptances(Contract):
    """One row for each finding id that somebody accepted: the last such record counts."""

    accepted_id: Series[str]
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant]
    expired: Series[bool]  # as_of lies after until_at: the finding is open again
    matches: Series[bool]  # a finding of this audit has the id


class Attestations(Contract):
    """One row for each question that only people can answer: the last answer counts."""

    rule: Series[str]
    question: Series[str]  # "" where the policy asks none and somebody answered all the same
    status: Series[str] = pa.Field(isin=("attested", "expired", "open"))
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant] = pa.Field(nullable=True)


class RuleResults(Contract):
    """One row for each rule of the guide: what decides it, on how much, and what came out."""

    rule: Series[str] = pa.Field(unique=True)
    says: Series[str]
    guide_lines: Series[str]
    decided_by: Series[str]  # checks, a person, or what of the program holds it
    procedure: Series[str]
    population: Series[pd.Int64Dtype] = pa.Field(nullable=True)  # null: nothing that could be counted
    tested: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    exceptions: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    not_known: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    verdict: Series[str] = pa.Field(isin=RULE_VERDICTS)
    evidence: Series[str]  # ids of findings and leaks, separated by "; "
    reason: Series[str]


class LedgerFaults(Contract):
    """One row for each place where a ledger's chain or a MAC does not hold, or is shorter than it was."""

    place: Series[str]
    fault: Series[str]
    lost: Series[bool]  # entries that were seen before are gone


class Changes(Contract):
    """One row for each fault that the previous report or this one has, by subject, place and family."""

    id: Series[str]  # of the finding now, else of the previous one
    change: Series[str] = pa.Field(isin=CHANGES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    was: Series[str]  # status; "" for none
    now: Series[str]
    was_check: Series[str]
    now_check: Series[str]
    was_severity: Series[str]
    now_severity: Series[str]
