"""The columns of the frames of detections and alerts."""

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import SEVERITIES


class Detections(Contract):
    """One row for each incident found, and one for each detection that found none or could not be applied."""

    detection: Series[str]  # guessing | spraying | let-in | …
    verdict: Series[str] = Field(isin=("found", "none", "unknown"))
    reason: Series[str]
    subject: Series[str]
    classification: Series[str]
    cause: Series[str]  # of known clients that fail: rotation | deploy | start; "" if nothing is on record
    first_at: Series[Instant] = Field(nullable=True)
    last_at: Series[Instant] = Field(nullable=True)
    count: Series[int]
    severity: Series[str] = Field(isin=SEVERITIES)
    evidence: Series[str]  # file:line, separated by "; "


class Alerts(Contract):
    """One row for each alert of the policy, over the time that is watched."""

    alert: Series[str]
    state: Series[str] = Field(isin=("fired", "quiet", "unknown"))
    severity: Series[str] = Field(isin=SEVERITIES)
    count: Series[int]  # events in the windows that fired; else all that were seen
    reason: Series[str]
    first_at: Series[Instant] = Field(nullable=True)
    last_at: Series[Instant] = Field(nullable=True)
    evidence: Series[str]  # file:line or the ledger's entries, separated by "; "
    guide_line: Series[int]
