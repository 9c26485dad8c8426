"""The columns of the frames about rotations."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.secrets.contracts import FRESHNESS

DONE, NOT_DONE, NOT_KNOWN = "done", "not done", "not known"
LIVES = ("in force", "not known", "replaced", "revoked", "removed")


class Schedule(Contract):
    """One row for each secret with a limit of its age and a value in force: when to rotate it."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = Field(isin=FRESHNESS)
    max_age_days: Series[pd.Int64Dtype]
    period_stated: Series[bool]  # somebody gives this limit; else it is the policy's default
    advised_at: Series[Instant] = Field(nullable=True)  # rotate by; null: its age is not known
    possible_at: Series[Instant] = Field(nullable=True)  # it may be overdue from then on
    provable_at: Series[Instant] = Field(nullable=True)  # it is overdue from then on


class Rotations(Contract):
    """One row for each rotation of the period, in order: seen by the ledger, recorded, or both."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    after_at: Series[Instant] = Field(nullable=True)  # it was done after this …
    by_at: Series[Instant] = Field(nullable=True)  # … and by this
    proof: Series[str] = Field(isin=("proved", "claimed", "not recorded"))
    by: Series[str]  # who did it; "" if nobody recorded it
    approved_by: Series[str]
    ticket: Series[str]
    trigger: Series[str]  # scheduled | compromised | leaver | provider; "" if it was not said
    triggered_at: Series[Instant] = Field(nullable=True)
    days_to_done_min: Series[float] = Field(nullable=True)  # from trigger to done
    days_to_done_max: Series[float] = Field(nullable=True)
    evidence: Series[str]


class LeakLives(Contract):
    """One row for each leak, and for each value that was recorded as removed: how far its clean-up is."""

    leak_id: Series[str]  # "" for one that is found no more
    secret: Series[str]
    state: Series[str] = Field(isin=LIVES)  # revoked is a claim: no provider is asked
    why: Series[str]


class Triggers(Contract):
    """One row for each event after which secrets are rotated at once, and each secret that it concerns."""

    kind: Series[str] = Field(isin=("leaver", "breach", "access"))
    source: Series[str]
    line: Series[int]  # of a list of JSON, the number of the entry
    subject: Series[str]  # a provider, or an event; of people the day alone
    at: Series[Instant]
    secret: Series[str]  # "" if it is not known which it concerns
    environment: Series[str]
    service: Series[str]
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))  # yes: rotated since, or allowed
    reason: Series[str]
