"""The columns of the frames about findings and decisions."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.severities import SEVERITIES

STATUSES = ("open", "accepted", "unknown")


class Ownership(Contract):
    """One row for each secret of the policy: what it is for, who answers for it, what it can do."""

    secret: Series[str]
    service: Series[str]
    purpose: Series[str]  # "" if the policy does not say, as of the others
    owner: Series[str]
    owner_guess: Series[str]  # who last changed a line that reads it, by git; "" if an owner is named
    reach: Series[str]  # what it can do
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_reason: Series[str]
    reviewed_at: Series[Instant] = Field(nullable=True)  # the later of the policy's date and attestations
    reviewed_by: Series[str]  # who attested; "" if the policy alone says so, or nobody did
    review: Series[str] = Field(isin=("current", "late", "missing"))


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
