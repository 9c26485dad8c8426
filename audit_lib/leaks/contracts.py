"""The columns of the frames about leaks."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, Several

_KINDS = ("leak", "template", "weak default", "pattern", "possible", "hash")
PUBLISHED_PLACE = {"place": "source"}  # the column's name in report.json and in `leaks --format json`
_STATUSES = ("emergency", "historic", "unknown")


class LeakTargets(Contract):
    """One row for each value that is searched for: everywhere, or, if it is weak, beside its names alone."""

    fingerprint: Series[str] = Field(unique=True)
    variable: Series[str]  # the first of its names
    names: Series[str]  # all, comma-separated
    in_force: Series[str]  # environments, comma-separated; "" for an earlier value
    kind: Series[str] = Field(isin=_KINDS)
    searched: Series[str] = Field(isin=("everywhere", "beside its name"))
    reason: Series[str]


class LeakCoverage(Contract):
    """One row for each part of the search: how much was searched, and everything that was not."""

    part: Series[str]  # git objects | files | files outside | values | patterns | reports
    place: Series[str]
    state: Series[str] = Field(isin=("searched", "partly", "not searched", "incomplete"))
    count: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


class Leaks(Contract):
    """One row for each leaked value, however many names, files and encodings; the most urgent first."""

    leak_id: Series[str]
    variable: Series[str]
    kind: Series[str] = Field(isin=(*_KINDS, "truncated"))
    matched: Series[str] = Field(isin=("exact", "pattern", "truncated"))
    fingerprint: Series[str] = Field(nullable=True)
    first_commit: Series[str]
    first_at: Series[Instant] = Field(nullable=True)  # author time, which can be forged
    first_committed_at: Series[Instant] = Field(nullable=True)
    at_head: Series[bool]
    reachable: Series[bool]
    in_force: Series[str]  # environments, comma-separated; "" where it is in force nowhere, as far as known
    force: Series[str] = Field(isin=("in force", "not known", "not in force"))
    occurrences: Series[int]


class LeakPlaces(Contract):
    """One row for each place of a leak."""

    leak_id: Series[str]
    place: Series[str]  # blob | path | commit message | working tree | log | bundle | …
    path: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    commit: Series[str]
    encoding: Series[str]


class Exposure(Contract):
    """One row for each leaked secret in each environment: what the leak means there."""

    leak_id: Series[str]
    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = Field(isin=_STATUSES)
    first_at: Series[Instant] = Field(nullable=True)
    reason: Series[str]


class LeakedSecrets(Contract):
    """One row for each secret of which a value leaked, the most urgent first: what that means, and where."""

    secret: Series[str]
    environment: Series[str]  # the most urgent in which a leaked value is in force; "" for none
    status: Series[str] = Field(isin=_STATUSES)
    held_by: Series[str]  # ENVIRONMENT/SERVICE of that status, comma-separated
    covers: Series[Several]  # the same as (secret, environment, service)
    leak_ids: Series[str]  # of that status, comma-separated
    also: Series[str]  # its other leaks, in words; "" for none
    places: Series[str]  # the first few, and how many more
    deploys: Series[bool]  # it may be in use: a service has it, or it stands in a file that is no test's
    first_at: Series[Instant] = Field(nullable=True)
    reason: Series[str]


class ChosenPasswords(Contract):
    """One row for each name under which a password stands that somebody may have chosen; the rest as one."""

    variable: Series[str]  # "tests, examples and documents" for all that is in nothing else
    deploys: Series[bool]  # whether it stands in a file that may be in use
    values: Series[int]
    leak_ids: Series[str]  # the first few, comma-separated
    places: Series[str]  # the first few, and how many more
