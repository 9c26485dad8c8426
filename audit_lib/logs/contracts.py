"""The columns of the frames that logs give."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series

DEPLOY_OUTCOMES = ("took effect", "failed", "in progress", "not told")


class Deploys(Contract):
    """One row for each deploy of a platform's list; it took effect, if at all, between its instants."""

    file: Series[str]
    line: Series[int]  # where the entry begins
    deploy: Series[str]  # the platform's id; "#3" for the third entry where it has none
    environment: Series[str]  # "" where it is not known, as with the service
    service: Series[str]
    outcome: Series[str] = Field(isin=DEPLOY_OUTCOMES)
    status: Series[str]  # the platform's own word
    trigger: Series[str]
    commit: Series[str]
    message: Series[str]  # the commit's first line, without known values
    began_at: Series[Instant]
    ended_at: Series[Instant] = Field(nullable=True)  # null: it had not ended, or nobody says when
    evidence: Series[str]  # file:line; with the id where one line holds several


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


class LogMinutes(Contract):
    """One row for each minute, status, client, method and route of the requests that carry a time."""

    file: Series[str]
    minute_at: Series[Instant]  # the first instant of the minute
    status: Series[int]
    declared: Series[int]  # 1: a failed login by what is declared, beyond 401, 403 and 429
    client: Series[str]
    method: Series[str]
    route: Series[str]
    count: Series[int]
    line: Series[int]  # of the first


class LogCoverage(Contract):
    """One row, for the quarter: how much of it the logs show."""

    quarter: Series[str]
    files: Series[int]  # read
    lines: Series[int]  # in those files, of whatever time
    counted: Series[int]  # requests and messages of the quarter
    untimed: Series[int]  # of those, how many carry no time of their own
    days_read: Series[int]  # days of the quarter that have at least one, of the service with the fewest
    days: Series[int]  # days of the quarter until as_of
    why: Series[str]  # why nothing was counted; "" if something was
    places: Series[str]  # where logs were looked for
    remedy: Series[str]  # what would supply them
