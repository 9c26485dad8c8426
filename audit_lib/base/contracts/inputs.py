"""The frames of what was read: sources and the lines of env files."""

import pandas as pd

from audit_lib.base.contracts.base import LINE_STATES, Contract, Field, Instant, Series


class Sources(Contract):
    """One row for each source that was expected or found, supplied or not."""

    source: Series[str]  # the path within the project, or "--env production/backend"
    # env file | example | backup | given values | log | deploy list | leaver list | guide | policy | …
    kind: Series[str]
    environment: Series[str]  # "" where it has none
    service: Series[str]
    state: Series[str] = Field(isin=("read", "missing", "unreadable", "empty", "refused"))
    reason: Series[str]
    lines: Series[pd.Int64Dtype] = Field(nullable=True)  # null: it has no lines, or was not read
    read: Series[pd.Int64Dtype] = Field(nullable=True)  # of a log: requests, messages and text only
    requests: Series[pd.Int64Dtype] = Field(nullable=True)
    messages: Series[pd.Int64Dtype] = Field(nullable=True)
    text_only: Series[pd.Int64Dtype] = Field(nullable=True)
    not_understood: Series[pd.Int64Dtype] = Field(nullable=True)
    blank: Series[pd.Int64Dtype] = Field(nullable=True)
    # Of a log: whether any time has no zone of its own, and none is declared, so that it was taken as UTC.
    zone_assumed: Series[pd.BooleanDtype] = Field(nullable=True)
    size_bytes: Series[pd.Int64Dtype] = Field(nullable=True)
    sha256: Series[str] = Field(nullable=True)  # null for env files and exports
    keyed_digest: Series[str] = Field(nullable=True)  # of env files and exports, by Key.digest
    modified_at: Series[Instant] = Field(nullable=True)
    mode: Series[str] = Field(nullable=True)  # "0600"; null where the platform has none
    tracked: Series[pd.BooleanDtype] = Field(nullable=True)  # by git; null where there is no git
    ignored: Series[pd.BooleanDtype] = Field(nullable=True)
    remedy: Series[str]  # for a source that is missing, the command that would supply it


class EnvEntries(Contract):
    """One row for each line of an env source; its state says where the line ended."""

    source: Series[str]
    kind: Series[str]  # env file | export | example | backup | given values
    environment: Series[str]
    service: Series[str]
    line: Series[int]  # 1-based; of the platform's JSON, the position of the entry
    state: Series[str] = Field(isin=LINE_STATES)
    name: Series[str] = Field(nullable=True)  # null on a comment (read), a blank, a line not understood
    # Null if there is no name, the value is empty, or not known (secrets/env_lines.py: UNKNOWN_VALUES).
    fingerprint: Series[str] = Field(nullable=True)
    readings: Series[str]  # of a value that is not known: the fingerprints of all that it may be, by commas
    faults: Series[str]  # comma-separated, as secrets/env_lines.py lists them
    loader: Series[str]  # whose reading the value is; "" if it is not known, or if there is no loader


DEPLOY_OUTCOMES = ("took effect", "failed", "in progress", "not told")


class Deploys(Contract):
    """One row for each deploy of a platform's list; it took effect, if at all, between its instants.

    A list tells of what lies between its first and its last entry; of what lies outside it says nothing.
    """

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


class EnvHistory(Contract):
    """One row for each commit that brought a value into a variable of an env file (evidence E5).

    The values of its parents are other ones; committer dates, all refs.
    """

    file: Series[str]
    name: Series[str]
    component: Series[str]  # whole | password
    fingerprint: Series[str]
    commit: Series[str]
    committed_at: Series[Instant]
    parents_at: Series[Instant] = Field(nullable=True)  # the earliest parent; null: none that shows it
    on_head: Series[bool]  # HEAD descends from the commit, or is it
    at_head: Series[bool]  # HEAD's file holds this value


TOPICS = (
    "file", "blueprint value", "blueprint name", "blueprint preview", "baseline entry", "image context",
    "example kept",
)  # fmt: skip


class Configuration(Contract):
    """One row for each question that the project's own configuration answers; yes is as it should be."""

    topic: Series[str] = Field(isin=TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable, a file, or a place in one
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    service: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]
