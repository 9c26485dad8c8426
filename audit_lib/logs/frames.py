"""What logs gave, as frames: built from the sums of their files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.base.frames import Contract, Sources
from audit_lib.logs.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.logs.file_counts import EVENT_NAMES, KINDS, Columns, LogSums, day_text
from audit_lib.logs.units import MINUTE, NONE, Ints


@dataclass(frozen=True)
class LogRead:
    """What the logs gave: frames by the contracts Sources, LogCounts, LogEvents and LogMinutes."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    minutes: pd.DataFrame
    digest: str = ""  # names all that decided them, where it is known; keyed, so that it tells nothing


def nothing_read() -> LogRead:
    """What a command has that reads no logs."""
    return LogRead(Sources.of([]), LogCounts.of([]), LogEvents.of([]), LogMinutes.of([]))


def rows_of(source: str, sums: LogSums, columns: Columns) -> pd.DataFrame:
    """One file's columns with numbers turned into what they stand for."""
    names, messages = np.array(sums.names, object), np.array(sums.messages, object)
    frame: dict[str, object] = {"file": source}
    for name, numbers in columns.items():
        if name in EVENT_NAMES:
            frame[name] = names[numbers]
        elif name == "message":
            frame[name] = messages[numbers]
        elif name == "kind":
            frame[name] = np.array(KINDS, object)[numbers]
        elif name == "day":
            frame[name] = _days(numbers)
        elif name in ("status", "untimed_line"):
            frame[name] = pd.array(numbers, "Int64")
            frame[name][numbers == 0] = pd.NA  # type: ignore[index]
        elif name == "minute":
            frame["minute_at"] = _instants(numbers * MINUTE)
        elif name in ("at", "not_before", "not_after"):
            frame[name if name == "at" else f"{name}_at"] = _instants(numbers)
        else:
            frame[name] = numbers
    return pd.DataFrame(frame)


def _days(numbers: Ints) -> np.ndarray:
    place, distinct = pd.factorize(numbers)
    return np.array([day_text(number) for number in distinct.tolist()], object)[place]


def _instants(micros: Ints) -> pd.DatetimeIndex:
    stamps = micros.astype("datetime64[us]")
    stamps[micros == NONE] = np.datetime64("NaT", "us")
    return pd.DatetimeIndex(stamps, tz="UTC")


class FileSums(NamedTuple):
    """The sums of one file, with its path."""

    source: str
    sums: LogSums


def counts_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogCounts: one row for each group of requests and messages of each file; notices are no part of it."""
    frame = _frame(files, lambda sums: sums.groups, LogCounts)
    keys = ["file", "day", "kind", "status", "client", "method", "route"]
    return LogCounts.checked(frame.sort_values(keys, kind="stable"))


def events_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogEvents: one row for each failed request and each message, in the order of file and line."""
    frame = _frame(files, lambda sums: sums.events, LogEvents)
    return LogEvents.checked(frame.sort_values(["file", "line", "message"], kind="stable"))


def minutes_frame(files: Sequence[FileSums]) -> pd.DataFrame:
    """LogMinutes: one row for each minute, status, client, method and route of the requests with a time."""
    frame = _frame(files, lambda sums: sums.moments, LogMinutes)
    keys = ["file", "minute_at", "status", "client", "method", "route", "declared"]
    return LogMinutes.checked(frame.sort_values(keys, kind="stable"))


def _frame(
    files: Sequence[FileSums], columns: Callable[[LogSums], Columns], contract: type[Contract]
) -> pd.DataFrame:
    order = list(contract.columns())
    parts = [
        rows_of(source, sums, columns(sums))
        for source, sums in files
        if len(next(iter(columns(sums).values())))
    ]
    if not parts:
        return pd.DataFrame(columns=order)
    return pd.concat(parts, ignore_index=True)[order]
