"""The columns of the frames of an investigation."""

from audit_lib.base.frames import Contract, Field, Instant, Series

TIMELINE_KINDS = (
    "refused", "answered", "failed logins", "detected", "change", "commit", "deploy", "boot",
    "failed start", "leak", "database failure",
)  # fmt: skip
RATINGS = ("likely", "possible", "unknown", "unlikely")  # in the order in which they are shown


class Timeline(Contract):
    """One row for each thing that happened in the window; one without a time lies between its bounds."""

    at: Series[Instant] = Field(nullable=True)  # the instant, or a group's first; null: bounds only
    not_before_at: Series[Instant] = Field(nullable=True)
    not_after_at: Series[Instant] = Field(nullable=True)
    kind: Series[str] = Field(isin=TIMELINE_KINDS)
    subject: Series[str]  # a class of address, a detection, a secret and its place, a file
    count: Series[int]
    text: Series[str]
    evidence: Series[str]  # file:line, a ledger entry, a commit


class ExposureWindows(Contract):
    """One row for each value that others may have used: from when until when, and by which proof."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    begins_at: Series[Instant] = Field(nullable=True)  # at the earliest; null: no evidence bounds it
    begins_by: Series[str]  # the evidence of its beginning
    ends_earliest_at: Series[Instant] = Field(nullable=True)  # null: in force to this day
    ends_at: Series[Instant] = Field(nullable=True)  # at the latest; null: still open, or not shown
    ends_by: Series[str]  # the evidence of its end
    leaked: Series[bool]  # a place of a leak is known
    open: Series[bool]  # in force when it was last seen


class Explanations(Contract):
    """One row for each explanation, the best supported first; the ratings are not probabilities."""

    rank: Series[int]
    explanation: Series[str]
    rating: Series[str] = Field(isin=RATINGS)
    speaks_for: Series[str]  # the strongest point first
    speaks_against: Series[str]
    missing: Series[str]  # which evidence would decide it
    addresses: Series[str]  # those that it is about, the most conspicuous first


class Symptoms(Contract):
    """One row for each symptom of the guide, with the evidence of the window."""

    guide_lines: Series[str]
    symptom: Series[str]
    verdict: Series[str] = Field(isin=("found", "none", "unknown"))
    diagnosis: Series[str]
    evidence: Series[str]
    remedy: Series[str]


class Steps(Contract):
    """One row for each step, in the order in which it must be done."""

    number: Series[int]
    step: Series[str]
    place: Series[str]  # addresses, or where a secret is set; "" for neither
    command: Series[str]  # what to type; "" for what no command does
    done_when: Series[str]
    breaks: Series[str]  # what stops working meanwhile
