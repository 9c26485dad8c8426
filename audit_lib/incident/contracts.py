"""The columns of the frames of an investigation."""

from audit_lib.base.frames import Contract, Field, Instant, Series

TIMELINE_KINDS = (
    "refused", "answered", "failed logins", "detected", "change", "deploy", "boot",
    "failed start", "leak", "database failure",
)  # fmt: skip


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
