"""The columns of the frames of an investigation."""

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.logins.contracts import SOURCE_CLASSES

TIMELINE_KINDS = (
    "refused", "answered", "failed logins", "change", "commit", "deploy", "boot", "failed start",
    "leak", "database failure", "log gap",
)  # fmt: skip


VERDICTS = ("likely", "possible", "unlikely", "unknown")


class Timeline(Contract):
    """One row for each thing that happened in the window; untimed ones between their bounds."""

    at: Series[Instant] = Field(nullable=True)  # the instant, or a group's first; null: bounds only
    not_before_at: Series[Instant] = Field(nullable=True)
    not_after_at: Series[Instant] = Field(nullable=True)
    kind: Series[str] = Field(isin=TIMELINE_KINDS)
    subject: Series[str]  # a class of address, a secret and its place, a file
    count: Series[int]
    text: Series[str]
    evidence: Series[str]  # file:line, a ledger entry, a commit


class ExposureWindows(Contract):
    """One row for each value that may have been used by others: from when until when, and by which proof."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    fingerprint: Series[str]
    begins_at: Series[Instant] = Field(nullable=True)  # at the earliest; null: no evidence bounds it
    begins_by: Series[str]  # the evidence of its beginning
    ends_earliest_at: Series[Instant] = Field(nullable=True)  # null: in force to this day
    ends_at: Series[Instant] = Field(nullable=True)  # at the latest; null: still open, or not shown
    ends_by: Series[str]  # the evidence of its end
    leaked: Series[bool]  # a place of a leak is known
    open: Series[bool]  # in force at the last look


class Uses(Contract):
    """One row for each address that got a 2xx on a protected route within an exposure window."""

    client: Series[str]
    classification: Series[str] = Field(isin=SOURCE_CLASSES)
    first_at: Series[Instant] = Field(nullable=True)
    last_at: Series[Instant] = Field(nullable=True)
    successes: Series[int]
    may_be: Series[int]  # of them, how many are perhaps outside the window
    routes: Series[str]
    evidence: Series[str]


class Couplings(Contract):
    """One row for each thing that a secret's rotation or exposure touches."""

    secret: Series[str]
    touches: Series[str]
    relation: Series[str]  # equals | rotates with | same value | consumer | must equal, does not
    environment: Series[str]
    service: Series[str]
    why: Series[str]


class Explanations(Contract):
    """One row for each explanation, the best supported first."""

    rank: Series[int]  # 1: the best supported
    explanation: Series[str]
    verdict: Series[str] = Field(isin=VERDICTS)
    speaks_for: Series[str]  # the evidence for it
    speaks_against: Series[str]  # the evidence against it
    missing: Series[str]  # which evidence would decide it
    addresses: Series[str]  # those that it is about, the most conspicuous first, separated by "; "


class Symptoms(Contract):
    """One row for each emergency trigger and each symptom of the guide, diagnosed from evidence."""

    guide_lines: Series[str]
    symptom: Series[str]
    verdict: Series[str] = Field(isin=("found", "none", "unknown"))
    diagnosis: Series[str]
    evidence: Series[str]
    remedy: Series[str]


class Steps(Contract):
    """One row for each step, in the order in which it must be done."""

    step: Series[int]
    secret: Series[str]
    place: Series[str]  # environment/service, an address, or who has to act
    action: Series[str]
    text: Series[str]
    verify: Series[str]  # how to see that it was done
    breaks: Series[str]  # what stops working meanwhile
