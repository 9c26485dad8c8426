"""The frames about findings, and what changed since the last report."""

import pandas as pd

from audit_lib.base.contracts.base import STATUSES, Contract, Field, Instant, Series
from audit_lib.base.severities import SEVERITIES

# In the order in which a reader wants them.
CHANGES = ("worse", "new", "no longer known", "better", "ended", "same")
RULE_EFFECTS = ("lowers", "neutral", "not known")
# In the order in which a reader wants them.
EXCEPTION_STATES = ("contradicted", "open", "unknown", "accepted", "claimed closed", "closed")
RULE_VERDICTS = ("fail", "unknown", "pass", "attested", "held", "not applicable", "not decidable")


class Findings(Contract):
    """One row for each finding; unknowns are rows too."""

    id: Series[str] = Field(unique=True)  # check + subject + environment and service; no path, no line
    check: Series[str]
    severity: Series[str] = Field(isin=SEVERITIES)
    status: Series[str] = Field(isin=STATUSES)
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
    accepted_until_at: Series[Instant] = Field(nullable=True)


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


class Acceptances(Contract):
    """One row for each finding id that somebody accepted: the last such record counts."""

    accepted_id: Series[str]
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant]
    expired: Series[bool]  # as_of lies after until_at: the finding is open again
    matches: Series[bool]  # a finding of this audit has the id


class SignOffs(Contract):
    """One row for each sign-off of a review that the ledger holds, in its order."""

    place: Series[str]
    folder: Series[str]
    by: Series[str]
    role: Series[str]  # prepared | reviewed | approved; "" if it does not say
    reason: Series[str]
    at: Series[Instant]  # when it was signed
    as_of: Series[Instant] = Field(nullable=True)  # of the review; null if the entry does not say


class Attestations(Contract):
    """One row for each question that only people can answer: the last answer counts."""

    rule: Series[str]
    question: Series[str]  # "" where the policy asks none and somebody answered all the same
    status: Series[str] = Field(isin=("attested", "answered no", "expired", "open"))
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant] = Field(nullable=True)


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


class LedgerFaults(Contract):
    """One row for each place where a ledger's chain or a MAC does not hold, or is shorter than it was."""

    place: Series[str]
    fault: Series[str]
    lost: Series[bool]  # entries that were seen before are gone


class Changes(Contract):
    """One row for each fault that the previous report or this one has, by subject, place and family."""

    id: Series[str]  # of the finding now, else of the previous one
    change: Series[str] = Field(isin=CHANGES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    was: Series[str]  # status; "" for none
    now: Series[str]
    was_check: Series[str]
    now_check: Series[str]
    was_severity: Series[str]
    now_severity: Series[str]


class RuleChanges(Contract):
    """One row for each rule that differs from the last review's; one that says so if that is not known."""

    subject: Series[str]  # `secret API_TOKEN`, `env file backend/.env`, `policy`
    field: Series[str]  # `declared` for the subject as a whole
    was: Series[str]  # `none` for nothing; a text that could be a value as its digest
    now: Series[str]
    effect: Series[str] = Field(isin=RULE_EFFECTS)
    severity: Series[str] = Field(isin=SEVERITIES)  # of what it can hide; info if it hides nothing
    hides: Series[str]
    since: Series[str]  # the review that it is compared with


class Exceptions(Contract):
    """One row for each finding that is or was open: who answers for it, until when, and what closed it."""

    id: Series[str] = Field(unique=True)
    check: Series[str]
    severity: Series[str] = Field(isin=SEVERITIES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    covers: Series[str]  # as in Findings, and never ""
    status: Series[str] = Field(isin=EXCEPTION_STATES)
    carried: Series[bool]  # it was open before this review
    opened_at: Series[Instant]  # of the review or record that named it first: it was there by then
    opened_in: Series[str]
    due_at: Series[Instant] = Field(nullable=True)  # by severity, or as promised, if that is earlier
    overdue: Series[bool]
    owner: Series[str]
    ticket: Series[str]
    accepted_until_at: Series[Instant] = Field(nullable=True)
    proof: Series[str]  # what somebody named when they recorded it as closed
    closed_by: Series[str]  # the evidence or the record that closed it
    why: Series[str]  # why it is still open, or why that is not known
