"""Turns the columns of sums into rows of text and instants, for frames."""

import numpy as np
import pandas as pd

from audit_lib.sources.kernel.layout import MINUTE, NONE, Ints
from audit_lib.sources.log_sums import EVENT_NAMES, KINDS, Columns, LogSums, day_text


def rows_of(source: str, sums: LogSums, columns: Columns) -> pd.DataFrame:
    """One file's columns with numbers turned into what they stand for."""
    names, messages = np.array(sums.names, object), np.array(sums.messages, object)
    frame: dict[str, object] = {"source": source}
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
