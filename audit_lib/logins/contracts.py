"""The columns of the frames about requests and logins."""

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import SEVERITIES


class Requests(Contract):
    """One row for each group of requests; an untimed one has the bounds that its file's dates give it."""

    file: Series[str]
    not_before_at: Series[Instant] = Field(nullable=True)  # null: no date before it in its file
    not_after_at: Series[Instant] = Field(nullable=True)  # null: no date after it in its file
    timed: Series[bool]  # its line carries a time of its own: not_before_at is its minute
    status: Series[int]
    client: Series[str]
    network: Series[str]  # its /24 or /64; a client that is no address is its own
    method: Series[str]
    route: Series[str]
    count: Series[int]
    line: Series[int]  # of the first
    declared: Series[int]  # 1: a failed login by what is declared, beyond 401, 403 and 429
    refused: Series[bool]  # 401, 403, or declared to be a failed login
    protected: Series[bool]  # the policy says so, or its route has refused somebody
    on_login: Series[bool]
    let_in: Series[bool]  # a login that succeeds, or an answer on a protected route
    added: Series[bool]  # let in by what audit.toml declares alone: it excuses no failure
    doubtful: Series[bool]  # let in by the usual rule, but not by what audit.toml declares
    there: Series[bool]  # on a route that the application is known to have


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
