"""What each frame holds: one pandera model a frame, validated by the function that builds it.

Times are UTC and end in `_at`; ages end in `_days`. A null says "not known", never "no".
No column of any frame holds a secret value: values are in the keeper, frames hold fingerprints.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

LINE_STATES = ("read", "not understood", "blank")
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
SEVERITIES = ("info", "low", "medium", "high", "critical")
STATUSES = ("open", "accepted", "unknown")


class Contract(pa.DataFrameModel):
    """The base of all contracts: exactly the columns named, coerced to their types, in their order."""

    class Config:
        """Nothing is added, nothing is missing."""

        strict = True
        coerce = True
        ordered = True

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """A validated frame of the rows given, with its columns and types also where there is no row."""
        columns = list(cls.to_schema().columns)
        frame = pd.DataFrame(list(rows), columns=columns)
        return cls.checked(frame)

    @classmethod
    def checked(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, validated, with a fresh index; the last line of the function that builds it."""
        return cls.validate(frame.reset_index(drop=True))


class Sources(Contract):
    """One row for each source that was expected or found, supplied or not."""

    source: Series[str]  # the path within the project, or "--env production/backend"
    kind: Series[
        str
    ]  # env file | example | backup | given values | log | export | guide | policy | ledger | git
    environment: Series[str]  # "" where it has none
    service: Series[str]
    state: Series[str] = pa.Field(isin=("read", "missing", "unreadable", "empty", "refused"))
    reason: Series[str]
    lines: Series[pd.Int64Dtype] = pa.Field(nullable=True)  # null: it has no lines, or was not read
    read: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    not_understood: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    blank: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    size_bytes: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    sha256: Series[str] = pa.Field(nullable=True)  # null for env files and exports
    modified_at: Series[Instant] = pa.Field(nullable=True)
    mode: Series[str] = pa.Field(nullable=True)  # "0600"; null where the platform has none
    tracked: Series[pd.BooleanDtype] = pa.Field(nullable=True)  # by git; null where there is no git
    ignored: Series[pd.BooleanDtype] = pa.Field(nullable=True)
    remedy: Series[str]  # for a source that is missing, the command that would supply it


class EnvEntries(Contract):
    """One row for each line of an env source; its state says where the line ended."""

    source: Series[str]
    kind: Series[str]  # env file | example | backup | given values
    environment: Series[str]
    service: Series[str]
    line: Series[int]  # 1-based; of the platform's JSON, the position of the entry
    state: Series[str] = pa.Field(isin=LINE_STATES)
    name: Series[str] = pa.Field(nullable=True)  # null on a comment (read), a blank, a line not understood
    fingerprint: Series[str] = pa.Field(nullable=True)  # null where there is no name or the value is empty
    faults: Series[str]  # comma-separated: duplicate, export, quoted, spaces, crlf, bom, dollar, …


class Inventory(Contract):
    """One row for each variable, environment and service that a policy expects or a source holds."""

    secret: Series[str]  # the policy's name for it, or the variable's own
    variable: Series[str]  # as it stands in the source
    environment: Series[str]
    service: Series[str]
    kind: Series[str]  # secret | identifier | setting | unlisted
    required: Series[str]
    component: Series[str]  # whole | password
    state: Series[str] = pa.Field(isin=("present", "empty", "missing", "not supplied"))
    source: Series[str]
    line: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    origin: Series[str]  # env file | given values
    fingerprint: Series[str] = pa.Field(nullable=True)  # of the component that is the secret
    placeholder: Series[pd.BooleanDtype] = pa.Field(nullable=True)  # null: no value to judge
    compromised: Series[pd.BooleanDtype] = pa.Field(nullable=True)  # equals a value known to be public
    template: Series[pd.BooleanDtype] = pa.Field(nullable=True)  # equals the value of an example file
    length: Series[str]  # ok | short | below good | "" where not judged
    min_length: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    good_length: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    format: Series[str]  # the format's name, "" where the policy states none
    format_ok: Series[pd.BooleanDtype] = pa.Field(nullable=True)
    strength_bits: Series[float] = pa.Field(nullable=True)  # an upper estimate, rounded down
    public: Series[bool]  # by prefix or by policy
    max_age_days: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    guide_lines: Series[str]


class Evidence(Contract):
    """One row for each piece of evidence of a secret's age: the true instant R satisfies lo < R <= hi."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    kind: Series[str]  # E1 … E21 of evidence.md
    clock: Series[str] = pa.Field(isin=("value", "tenure", "effective"))
    lo_at: Series[Instant] = pa.Field(nullable=True)  # null: minus infinity
    hi_at: Series[Instant] = pa.Field(nullable=True)  # null: plus infinity
    source: Series[str]  # place: ledger writer and entry, file, commit
    observed_at: Series[Instant]
    fingerprint: Series[str] = pa.Field(nullable=True)
    confidence: Series[int]  # higher is better (evidence.md, 3, last paragraph)
    text: Series[str]  # for a reader


class Freshness(Contract):
    """One row for each secret in each environment: how old it is, as an interval, and what follows."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = pa.Field(isin=FRESHNESS)
    age_days_min: Series[float] = pa.Field(nullable=True)  # tenure clock: at least so old; null: not known
    age_days_max: Series[float] = pa.Field(nullable=True)  # tenure clock: at most so old; null: no bound
    value_age_days_min: Series[float] = pa.Field(nullable=True)  # value clock
    value_age_days_max: Series[float] = pa.Field(nullable=True)
    max_age_days: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    overdue_from_at: Series[Instant] = pa.Field(nullable=True)  # provably overdue from
    possibly_overdue_from_at: Series[Instant] = pa.Field(nullable=True)
    lo_at: Series[Instant] = pa.Field(nullable=True)
    hi_at: Series[Instant] = pa.Field(nullable=True)
    lo_evidence: Series[str]  # the binding evidence on that side, "" where there is none
    hi_evidence: Series[str]
    reason: Series[str]  # of unknown: no evidence | straddles | conflict | reviewed late | …
    next_evidence: Series[str]  # the cheapest evidence that would decide
    conflict: Series[bool]
    claimed_not_done: Series[bool]  # a rotation was recorded, the value did not change
    rotated_back: Series[bool]  # the value was in force before, another one between
    unrecorded_rotation: Series[bool]
    evidence_left_out: Series[int]  # pieces dated after as_of


class Drift(Contract):
    """One row for each pair of places that hold the same or, where they must be equal, another value."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    other_secret: Series[str]
    other_environment: Series[str]
    other_service: Series[str]
    component: Series[str]  # whole | password | user | host | database
    relation: Series[str] = pa.Field(isin=("same", "different", "unknown"))
    expected: Series[str] = pa.Field(isin=("same", "different", "any"))
    why: Series[str]  # pairing | environments | names | must differ | example
    group: Series[str]  # "value A": the same letter is the same value; "" where not compared


class LogCounts(Contract):
    """One row for each group of requests and messages in the period; every line is in `lines` of Sources."""

    source: Series[str]
    day: Series[str] = pa.Field(nullable=True)  # "2026-09-30" UTC; null: no date before it in its file
    kind: Series[str]  # unauthorized | forbidden | rate_limited | other | login_failed | …  (design.md)
    status: Series[pd.Int64Dtype] = pa.Field(nullable=True)  # null on messages
    client: Series[str]  # "" where the line names none
    method: Series[str]
    route: Series[str]  # path without query, identifiers collapsed
    count: Series[int]
    untimed: Series[int]  # how many of `count` carry no time of their own


class LogEvents(Contract):
    """One row for each failed request and each message of a known kind, with its place."""

    source: Series[str]
    line: Series[int]
    at: Series[Instant] = pa.Field(nullable=True)  # null: the line carries no time
    not_before_at: Series[Instant] = pa.Field(nullable=True)  # the nearest timed lines of the file
    not_after_at: Series[Instant] = pa.Field(nullable=True)
    day: Series[str] = pa.Field(nullable=True)
    kind: Series[str]
    message: Series[str]  # the message kind's name in log_formats.toml; "" for a request
    status: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    client: Series[str]
    method: Series[str]
    route: Series[str]
    subject: Series[str]  # what the message names: a variable, a masked e-mail address; never a value


class Detections(Contract):
    """One row for each incident found, and one for each detection that found none or could not be applied."""

    detection: Series[str]  # A1 … A20
    verdict: Series[str] = pa.Field(isin=("found", "none", "unknown"))
    reason: Series[str]
    subject: Series[str]
    classification: Series[str]
    first_at: Series[Instant] = pa.Field(nullable=True)
    last_at: Series[Instant] = pa.Field(nullable=True)
    count: Series[int]
    severity: Series[str] = pa.Field(isin=SEVERITIES)
    evidence: Series[str]  # file:line, separated by "; "


class Leaks(Contract):
    """One row for each leaked secret, however many names, files and encodings."""

    leak_id: Series[str]
    variable: Series[str]
    kind: Series[str]  # leak | template | weak default | truncated | pattern
    matched: Series[str] = pa.Field(isin=("exact", "pattern", "truncated"))
    fingerprint: Series[str] = pa.Field(nullable=True)
    first_commit: Series[str]
    first_at: Series[Instant] = pa.Field(nullable=True)
    at_head: Series[bool]
    reachable: Series[bool]
    in_force: Series[str]  # environments, comma-separated; "" where it is in force nowhere
    occurrences: Series[int]


class LeakPlaces(Contract):
    """One row for each place of a leak."""

    leak_id: Series[str]
    source: Series[str]  # blob | path | commit message | working tree | log | bundle | …
    path: Series[str]
    line: Series[pd.Int64Dtype] = pa.Field(nullable=True)
    commit: Series[str]
    encoding: Series[str]


class Findings(Contract):
    """One row for each finding; unknowns are rows too."""

    id: Series[str] = pa.Field(unique=True)  # check + subject + environment and service; no path, no line
    check: Series[str]
    severity: Series[str] = pa.Field(isin=SEVERITIES)
    status: Series[str] = pa.Field(isin=STATUSES)
    subject: Series[str]
    environment: Series[str]
    service: Series[str]
    evidence: Series[str]
    where: Series[str]
    remedy: Series[str]
    controls: Series[str]  # separated by "; "
    guide_lines: Series[str]
    accepted_by: Series[str]
    accepted_until_at: Series[Instant] = pa.Field(nullable=True)


class Changes(Contract):
    """One row for each difference to the previous report."""

    id: Series[str]
    change: Series[str] = pa.Field(isin=("new", "closed", "kept", "no longer known"))
    was: Series[str]
    now: Series[str]
