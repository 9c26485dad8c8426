"""The frames that account for every variable and every secret: who knows it, and who answers for it."""

import pandas as pd

from audit_lib.base.contracts.base import Contract, Field, Instant, Series

SIDES = ("code", "policy", "env files", "examples", "platform", "ledger")


class Population(Contract):
    """One row for each variable of each service that any side knows. Lists of places are cut short."""

    name: Series[str]  # the policy's name of it, or its own
    service: Series[str]
    kind: Series[str] = Field(isin=("secret", "identifier", "setting"))
    group: Series[str] = Field(isin=("secrets", "settings"))  # with identifiers; as findings list them
    declared: Series[bool]  # the policy has a rule for it …
    declared_here: Series[bool]  # … as of this service
    read: Series[str] = Field(isin=("yes", "no", "unknown"))  # by the code that is here
    reads: Series[int]  # lines that read it
    needed: Series[bool]  # a line reads it without a default
    read_at: Series[str]
    env_files: Series[int]  # lines of env files that hold it
    examples: Series[int]
    platform: Series[int]  # exports, given values, stores and blueprints that were said to hold it
    ledger: Series[int]  # how often snapshots saw a value of it, over all environments
    held_at: Series[str]  # by env files, examples and the platform
    supplied: Series[str] = Field(isin=("yes", "no", "unknown"))  # by an env file or the platform
    last_used_at: Series[Instant] = Field(nullable=True)  # by callers; null: the logs do not show it
    last_use: Series[str]  # the line that shows it, or why it is not known; "" of what callers do not send
    read_reason: Series[str]  # why `read` is not known; "" if it is
    supply_reason: Series[str]  # why `supplied` is not known; "" if it is


class PopulationSides(Contract):
    """One row for each side that may know variables: how many it knows, and whether it was seen whole."""

    side: Series[str] = Field(isin=SIDES)
    names: Series[int]  # rows of Population that it knows
    secrets: Series[int]  # of these
    alone: Series[int]  # of these, how many no other side knows
    seen: Series[str] = Field(isin=("whole", "in part", "nothing"))
    reason: Series[str]


class Ownership(Contract):
    """One row for each secret of the policy: what it is for, who answers for it, what it can do."""

    secret: Series[str]
    service: Series[str]
    purpose: Series[str]  # "" if the policy does not say, as of the others
    owner: Series[str]
    owner_guess: Series[str]  # who last changed a line that reads it, by git; "" if an owner is named
    reach: Series[str]  # what it can do
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_reason: Series[str]
    reviewed_at: Series[Instant] = Field(nullable=True)  # the later of the policy's date and attestations
    reviewed_by: Series[str]  # who attested; "" if the policy alone says so, or nobody did
    review: Series[str] = Field(isin=("current", "late", "missing"))
