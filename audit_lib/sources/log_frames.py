"""Builds the frames of the logs from the sums of their files."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from audit_lib.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.sources.log_rows import rows_of
from audit_lib.sources.log_sums import Columns, LogSums


class FileSums(NamedTuple):
    """The sums of one file, with its path."""

    source: str
    sums: LogSums


def counts_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogCounts: one row for each group of requests and messages of each file; notices are no part of it."""
    frame = _frame(files, lambda sums: sums.groups, LogCounts)
    keys = ["source", "day", "kind", "status", "client", "method", "route"]
    return LogCounts.checked(frame.sort_values(keys, kind="stable"))


def events_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogEvents: one row for each failed request and each message, in the order of file and line."""
    frame = _frame(files, lambda sums: sums.events, LogEvents)
    return LogEvents.checked(frame.sort_values(["source", "line", "message"], kind="stable"))


def minutes_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogMinutes: one row for each minute, status, client, method and route of the requests with a time."""
    frame = _frame(files, lambda sums: sums.moments, LogMinutes)
    keys = ["source", "minute_at", "status", "client", "method", "route"]
    return LogMinutes.checked(frame.sort_values(keys, kind="stable"))


def _frame(
    files: Sequence[FileSums], columns: Callable[[LogSums], Columns], contract: type[pd.DataFrame] | type
) -> pd.DataFrame:
    order = list(contract.to_schema().columns)  # type: ignore[union-attr]
    parts = [
        rows_of(source, sums, columns(sums))
        for source, sums in files
        if len(next(iter(columns(sums).values())))
    ]
    if not parts:
        return pd.DataFrame(columns=order)
    return pd.concat(parts, ignore_index=True)[order]
