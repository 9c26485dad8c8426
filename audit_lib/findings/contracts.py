"""The columns of the frames about findings, decisions and settings."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, Several
from audit_lib.base.in_words import SEVERITIES

STATUSES = ("open", "accepted", "unknown")
CHANGES = ("worse", "new", "no longer known", "better", "ended", "same")  # as a reader wants them
RULE_VERDICTS = ("fail", "unknown", "pass", "attested", "held", "not applicable", "not decidable")


class Findings(Contract):
    """One row for each finding, the gravest first, with what was decided about it; unknowns are rows too."""

    id: Series[str] = Field(unique=True)  # check + subject + environment and service; no path, no line
    check: Series[str]
    severity: Series[str] = Field(isin=SEVERITIES)
    status: Series[str] = Field(isin=STATUSES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    covers: Series[Several]  # an Item for each thing that it lists; empty if it is about its subject alone
    evidence: Series[str]
    where: Series[Several]  # the first places, in words
    remedy: Series[str]
    controls: Series[Several]  # the risk of OWASP's NHI Top 10 last
    guide_lines: Series[Several]
    action: Series[str]  # the id of the first finding that the same action closes
    change: Series[str] = Field(isin=("", *CHANGES))  # since the previous report; "" if none is given
    opened_at: Series[Instant]  # of the review or record that named it first
    opened_in: Series[str]
    owner: Series[str]  # who was assigned, else the owner of the secret
    ticket: Series[str]
    due_at: Series[Instant] = Field(nullable=True)  # by severity, or as promised if that is earlier
    overdue: Series[bool]
    accepted_by: Series[str]
    accepted_until_at: Series[Instant] = Field(nullable=True)
    decided_in: Series[str]  # the ledger's entry of that acceptance
    closed_by: Series[str]  # who recorded it as closed, though it is still here


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
    closed_by: Series[str]  # of a fault that is gone: who recorded that; "" if nobody did


class Decisions(Contract):
    """One row for each finding about which the ledger has an acceptance, an assignment or a closure."""

    subject: Series[str]
    verdict: Series[str] = Field(isin=("accept", "assign", "close"))
    by: Series[str]
    owner: Series[str]
    reason: Series[str]
    until_at: Series[Instant] = Field(nullable=True)
    at: Series[Instant]
    place: Series[str]
    state: Series[str] = Field(isin=("in force", "expired", "repeat", "no finding"))
    repeat_for: Series[Several]  # ids under which its finding goes on, since its check was merged


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
    question: Series[str]  # "" if the policy asks none and somebody answered all the same
    status: Series[str] = Field(isin=("attested", "answered no", "expired", "open"))
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant] = Field(nullable=True)


class Ownership(Contract):
    """One row for each secret of the policy: what it is for, who answers for it, what it can do."""

    secret: Series[str]
    service: Series[str]
    purpose: Series[str]  # "" if the policy does not say, as of the others
    owner: Series[str]
    reach: Series[str]  # what it can do
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_reason: Series[str]
    reviewed_at: Series[Instant] = Field(nullable=True)  # by its owner, as the policy says
    review: Series[str] = Field(isin=("current", "late", "missing"))


class LedgerFaults(Contract):
    """One row for each place where a ledger's chain or a MAC does not hold, or is shorter than it was."""

    place: Series[str]
    fault: Series[str]
    lost: Series[bool]  # entries that were seen before are gone


class SettingsChanges(Contract):
    """One row for each setting that differs from the last signed review's, or that cannot be compared."""

    setting: Series[str]  # such as `secret API_TOKEN: max_age_days`
    was: Series[str]  # `none` for nothing; a text that could be a value as its digest
    now: Series[str]
    known: Series[bool]  # false: nothing shows what it was before
    since: Series[str]  # what it is compared with, or why it cannot be
    digest: Series[str]  # of all changes together
