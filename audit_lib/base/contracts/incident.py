"""The frames of an investigation: what happened in a window, who, what it means, what to do."""

import pandas as pd

from audit_lib.base.contracts.base import Contract, Field, Instant, Series

SOURCE_CLASSES = (
    "known", "new address", "new network", "not known if new", "failing only", "internal", "unnamed",
    "not in the window",
)  # fmt: skip
TIMELINE_KINDS = (
    "refused", "answered", "failed logins", "change", "commit", "deploy", "boot", "failed start",
    "leak", "database failure", "log gap",
)  # fmt: skip
VERDICTS = ("likely", "possible", "unlikely", "unknown")


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
    weight: Series[int]  # what orders explanations of one verdict
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
