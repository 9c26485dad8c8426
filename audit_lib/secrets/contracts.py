"""The columns of the frames about secrets and their ages."""

from audit_lib.base.frames import Contract, Field, Series, Several

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
