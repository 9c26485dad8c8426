"""The frames about leaks: each leaked secret, and each of its places."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

from audit_lib.contracts.base import Contract, Instant


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
