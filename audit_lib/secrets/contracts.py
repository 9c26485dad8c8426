"""The columns of the frames about secrets and their ages."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, Several

FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
SIDES = ("code", "policy", "env files", "examples", "platform", "ledger")


class EnvEntries(Contract):
    """One row for each line of an env source; its state says where the line ended."""

    source: Series[str]
    kind: Series[str]  # env file | export | example | backup | given values
    environment: Series[str]
    service: Series[str]
    line: Series[int]  # 1-based; of the platform's JSON, the position of the entry
    state: Series[str] = Field(isin=("read", "not understood", "blank"))
    name: Series[str] = Field(nullable=True)  # null on a comment (read), a blank, a line not understood
    fingerprint: Series[str] = Field(nullable=True)  # null: no name, no value, or one of UNKNOWN_VALUES
    readings: Series[str]  # of a value that is not known: the fingerprints of all that it may be, by commas
    faults: Series[str]  # comma-separated, as secrets/env.py lists them
    loader: Series[str]  # whose reading the value is; "" if it is not known, or if there is no loader


class Evidence(Contract):
    """One row for each piece of evidence of a secret's age: the true instant R satisfies lo < R <= hi."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    kind: Series[str]  # E1 … E19 of docs/evidence.md#kinds-of-evidence
    # bound: bounds the tenure. return: the value was in force here before, with another one between.
    # sighting: the value was seen elsewhere. claim: bounds nothing. left out: dated after as_of.
    role: Series[str] = Field(isin=("bound", "return", "sighting", "claim", "left out"))
    lo_at: Series[Instant] = Field(nullable=True)  # null: minus infinity
    hi_at: Series[Instant] = Field(nullable=True)  # null: plus infinity
    source: Series[str]  # place: ledger writer and entry, file, commit
    observed_at: Series[Instant]
    text: Series[str]  # for a reader


class Freshness(Contract):
    """One row for each secret in each environment: how old it is, as an interval, and what follows.

    The tenure clock runs since the value is in force here, or was seen anywhere before that.
    """

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = Field(isin=FRESHNESS)
    # In whole days, rounded outwards: on the tenure clock at least so old (null: not known) …
    age_days_min: Series[float] = Field(nullable=True)
    age_days_max: Series[float] = Field(nullable=True)  # … and at most so old; null: no bound
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_stated: Series[bool]  # somebody gives this period; else it is the policy's default
    strict_max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)  # the guide's one period for all
    strict_status: Series[str] = Field(isin=("", *FRESHNESS))  # by that one; "" where it states none
    overdue_from_at: Series[Instant] = Field(nullable=True)  # provably overdue from
    possibly_overdue_from_at: Series[Instant] = Field(nullable=True)
    lo_at: Series[Instant] = Field(nullable=True)
    hi_at: Series[Instant] = Field(nullable=True)
    lo_evidence: Series[str]  # the binding evidence on that side, "" where there is none
    hi_evidence: Series[str]
    reason: Series[str]  # of unknown: no evidence | straddles | conflict | reviewed late | not supplied
    next_evidence: Series[str]  # the cheapest evidence that would decide
    conflict: Series[bool]
    claimed_not_done: Series[bool]  # a rotation was recorded, the value did not change
    rotated_back: Series[bool]  # the value was in force before, another one between
    unrecorded_rotation: Series[bool]


class Population(Contract):
    """One row for each variable of each service that any side knows. Lists of places are cut short."""

    name: Series[str]  # the policy's name of it, or its own
    service: Series[str]
    group: Series[str] = Field(isin=("secrets", "settings"))  # with identifiers; as findings list them
    declared: Series[bool]  # the policy has a rule for it, if perhaps of another service
    known_by: Series[Several]  # of SIDES
    read: Series[str] = Field(isin=("yes", "no", "unknown"))  # by the code that is here
    read_at: Series[str]
    held_at: Series[str]  # by env files, examples and the platform
    supplied: Series[str] = Field(isin=("yes", "no", "unknown"))  # by an env file or the platform
    read_reason: Series[str]  # why `read` is not known; "" if it is
    supply_reason: Series[str]  # why `supplied` is not known; "" if it is
    code_seen: Series[bool]  # code is here, and every file of it was read; the same in all rows


class RotationPairs(Contract):
    """One row for each two secrets that must be rotated together, in each environment that has both."""

    secret: Series[str]
    other_secret: Series[str]
    environment: Series[str]
    service: Series[str]  # of `secret`
    relation: Series[str] = Field(isin=("together", "apart", "unknown"))
    lo_at: Series[Instant] = Field(nullable=True)  # `secret` came into force after this …
    hi_at: Series[Instant] = Field(nullable=True)  # … and by this
    other_lo_at: Series[Instant] = Field(nullable=True)
    other_hi_at: Series[Instant] = Field(nullable=True)
