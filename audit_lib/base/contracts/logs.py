"""The frames about logs: counts, events, and what was detected in them."""

import pandas as pd

from audit_lib.base.contracts.base import Contract, Field, Instant, Series
from audit_lib.base.severities import SEVERITIES


class LogCounts(Contract):
    """One row for each group of requests and messages in the period; every line is in `lines` of Sources."""

    file: Series[str]
    day: Series[str] = Field(nullable=True)  # "2026-09-30" UTC; null: no date before it in its file
    kind: Series[str]  # docs/log_formats.md#requests and docs/log_formats.md#messages
    status: Series[pd.Int64Dtype] = Field(nullable=True)  # null on messages
    client: Series[str]  # "" where the line names none
    method: Series[str]
    route: Series[str]  # path without query, identifiers collapsed
    count: Series[int]
    untimed: Series[int]  # how many of `count` carry no time of their own
    line: Series[int]  # of the first
    untimed_line: Series[pd.Int64Dtype] = Field(nullable=True)  # of the first without a time; null: none


class LogEvents(Contract):
    """One row for each failed request and each message of a known kind, with its place."""

    file: Series[str]
    line: Series[int]
    at: Series[Instant] = Field(nullable=True)  # null: the line carries no time
    not_before_at: Series[Instant] = Field(nullable=True)  # the nearest timed lines of the file
    not_after_at: Series[Instant] = Field(nullable=True)
    day: Series[str] = Field(nullable=True)
    kind: Series[str]
    message: Series[str]  # the message kind's name in log_formats.toml; "" for a request
    status: Series[pd.Int64Dtype] = Field(nullable=True)
    client: Series[str]
    method: Series[str]
    route: Series[str]
    subject: Series[str]  # what the message names: a variable, a masked e-mail address; never a value


class LogCoverage(Contract):
    """One row, for the quarter: how much of it the logs show."""

    quarter: Series[str]
    files: Series[int]  # read
    lines: Series[int]  # in those files, of whatever time
    counted: Series[int]  # requests and messages of the quarter
    untimed: Series[int]  # of those, how many carry no time of their own
    days_read: Series[int]  # days of the quarter that have at least one
    days: Series[int]  # days of the quarter until as_of
    why: Series[str]  # why nothing was counted; "" if something was
    places: Series[str]  # where logs were looked for
    remedy: Series[str]  # what would supply them


class DeclaredLogins(Contract):
    """One row for each login that the policy, or audit.toml, declares."""

    login: Series[str]
    declared_in: Series[str] = Field(isin=("policy", "audit.toml"))
    method: Series[str]
    route: Series[str]
    failure: Series[str]  # what a failed login is, in words
    requests: Series[int]  # to its route by its method
    failed: Series[int]  # of these, and messages that say so
    succeeded: Series[int]


class GuideSearches(Contract):
    """One row for each search of the logs that the guide prescribes, held against what is written."""

    pattern: Series[str]
    path: Series[str]
    guide_line: Series[int]
    looks_for: Series[str]
    counted: Series[int]  # events in the logs read that it is to find
    reached: Series[int]  # of those, how many stand in files that it opens
    can_match: Series[pd.BooleanDtype] = Field(nullable=True)  # null: it does not search the logs
    prints_values: Series[bool]  # it shows secrets on the terminal
    remedy: Series[str]


class LogMinutes(Contract):
    """One row for each minute, status, client, method and route of the requests that carry a time.

    Failed logins by a declared status, message or redirect have rows of their own.
    """

    file: Series[str]
    minute_at: Series[Instant]  # the first instant of the minute
    status: Series[int]
    declared: Series[int]  # 1: a failed login by what is declared, beyond 401, 403 and 429
    client: Series[str]
    method: Series[str]
    route: Series[str]
    count: Series[int]
    line: Series[int]  # of the first


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


class Daily(Contract):
    """One row for each day with a log line and each figure: what is usual is the median of all days."""

    day: Series[str]
    figure: Series[str] = Field(isin=("requests", "refused", "server errors"))
    count: Series[int]
    usual: Series[float]
    unusual: Series[bool]  # far from the median by the median absolute deviation


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
