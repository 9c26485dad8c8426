"""The columns of the frames about requests and logins."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import SEVERITIES

SOURCE_CLASSES = (
    "known", "new address", "new network", "not known if new", "failing only", "internal", "unnamed",
    "not in the window",
)  # fmt: skip


class LogCoverage(Contract):
    """One row, for the quarter: how much of it the logs show."""

    quarter: Series[str]
    files: Series[int]  # read
    lines: Series[int]  # in those files, of whatever time
    counted: Series[int]  # requests and messages of the quarter
    untimed: Series[int]  # of those, how many carry no time of their own
    days_read: Series[int]  # days of the quarter that have at least one, of the service with the fewest
    fewest: Series[str]  # that service, production/backend; "" if nothing was read
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


class Requests(Contract):
    """One row for each group of requests; an untimed one has the bounds that its file's dates give it.

    Untimed rows come first, then the timed ones in the order of time. Texts are categories: of millions of
    rows a few hundred differ.
    """

    file: Series[pd.CategoricalDtype]
    not_before_at: Series[Instant] = Field(nullable=True)  # null: no date before it in its file
    not_after_at: Series[Instant] = Field(nullable=True)  # null: no date after it in its file
    timed: Series[bool]  # its line carries a time of its own
    status: Series[int]
    client: Series[pd.CategoricalDtype]
    method: Series[pd.CategoricalDtype]
    route: Series[pd.CategoricalDtype]
    protected: Series[bool]  # the policy says so, or it has refused somebody
    declared: Series[int]  # 1: a failed login by what is declared, beyond 401, 403 and 429
    refused: Series[bool]  # 401, 403, or declared to be a failed login
    count: Series[int]
    line: Series[int]  # of the first


class Clients(Contract):
    """One row for each address with requests in the window, and what is known of it from before."""

    client: Series[str]
    network: Series[str]  # its /24 or /64; "" if it is not an address
    classification: Series[str] = Field(isin=SOURCE_CLASSES)
    first_at: Series[Instant] = Field(nullable=True)  # in all logs read; null: untimed only
    last_at: Series[Instant] = Field(nullable=True)
    requests: Series[int]  # in the window
    failures: Series[int]  # refused, in the window
    successes: Series[int]  # 2xx on protected routes, in the window
    may_be: Series[int]  # of the requests, how many are perhaps outside the window
    successes_before: Series[int]  # 2xx on protected routes, surely before the window
    routes: Series[int]
