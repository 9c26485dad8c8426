"""What logs gave, as frames: built from the sums of their files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit_lib.base.frames import Sources
from audit_lib.base.log_kinds import DECLARED, NOTICE
from audit_lib.logs.contracts import LogCounts, LogDays, LogEvents, LogMinutes, LogShapes
from audit_lib.logs.sums import KIND_NUMBERS, KINDS, MOST_NAMES, NAMED, Columns, Joining, Sums
from audit_lib.logs.values import EPOCH, MINUTE, NONE

_TEXT = pd.StringDtype(na_value=np.nan)
_FIRST_DAY = EPOCH.date().toordinal() - 1
_NO_LINE = 1 << 62  # higher than any
_BY_GROUP = ["file", "day", "kind", "status", "client", "method", "route"]
_BY_MINUTE = ["file", "slot", "status", "client", "method", "route", "declared"]


@dataclass(frozen=True)
class LogRead:
    """What the logs gave: frames by the contracts Sources, LogCounts, LogEvents, LogMinutes, and so on."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    minutes: pd.DataFrame
    digest: str = ""  # names all that decided them, where it is known; keyed, so that it tells nothing
    days: pd.DataFrame = field(default_factory=lambda: LogDays.of([]))
    shapes: pd.DataFrame = field(default_factory=lambda: LogShapes.of([]))


class LogSums(NamedTuple):
    """The sums of one log, with its row of Sources."""

    row: dict[str, Any]
    sums: Sums


def nothing_read() -> LogRead:
    """What a command has that reads no logs."""
    return frames_of([], [])


def day_text(number: int) -> str | None:
    """The day of a number (days since 1970 and one; 0 is none), 2026-09-30."""
    return date.fromordinal(number + _FIRST_DAY).isoformat() if number else None


def frames_of(
    rows: Sequence[dict[str, Any]], read: Sequence[LogSums], digest: str = "", most: int = MOST_NAMES
) -> LogRead:
    """The frames of all logs: Sources of the rows, and what those that were read add up to."""
    joining = Joining(most)
    tables = [joining.renamed(log.sums) for log in read]
    texts = _Texts(joining.names, [log.row["source"] for log in read])
    requests = _numbered([requests for requests, _ in tables])
    events = _numbered([events for _, events in tables])
    return LogRead(
        Sources.of(rows),
        _counts(requests, events, texts),
        _events(events, texts),
        _minutes(requests, texts),
        digest,
        LogDays.of(_day_rows(read)),
        LogShapes.of(_shape_rows(read)),
    )


class _Texts:
    """What numbers stand for, and their ranks in the order of text."""

    def __init__(self, names: Sequence[str], files: Sequence[str]) -> None:
        self._kinds = {"file": files, "kind": KINDS} | dict.fromkeys((*NAMED, "message"), names)
        self._sorted: dict[int, tuple[Any, NDArray[Any]]] = {}

    def has(self, column: str) -> bool:
        """Whether the numbers of a column stand for texts."""
        return column in self._kinds

    def ranks(self, column: str, numbers: NDArray[Any]) -> NDArray[Any]:
        """The places of the texts of a column in their order."""
        ranks: NDArray[Any] = self._of(column)[1][numbers]
        return ranks

    def texts(self, column: str, numbers: NDArray[Any]) -> Any:
        """The texts of a column."""
        texts, ranks = self._of(column)
        return texts.take(ranks[numbers]) if len(texts) else pd.array([], _TEXT)

    def _of(self, column: str) -> tuple[Any, NDArray[Any]]:
        names = self._kinds[column]
        if id(names) not in self._sorted:
            order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
            ranks = np.empty(len(names), np.int64)
            ranks[order] = np.arange(len(names))
            self._sorted[id(names)] = pd.array([names[number] for number in order], _TEXT), ranks
        return self._sorted[id(names)]


def _numbered(tables: Sequence[Columns]) -> pd.DataFrame:
    """The rows of all files, with the number of each."""
    frames = [pd.DataFrame(columns, copy=False).assign(file=number) for number, columns in enumerate(tables)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _counts(requests: pd.DataFrame, events: pd.DataFrame, texts: _Texts) -> pd.DataFrame:
    """LogCounts: one row for each group of requests and messages of each file; notices are no part of it."""
    if requests.empty and events.empty:
        return LogCounts.of([])
    slot = requests["slot"].astype("int64")
    day = np.where(slot < 0, -1 - slot, slot // 1440 + 1)
    is_message = events["status"].eq(0) & events["kind"].ne(KIND_NUMBERS[NOTICE])
    messages = events[is_message].assign(count=1, untimed=lambda frame: frame["at"].eq(NONE).astype("int64"))
    both = pd.concat(
        [requests.assign(day=day, untimed=requests["count"].where(slot < 0, 0)), messages], ignore_index=True
    )
    both["untimed_line"] = both["line"].where(both["untimed"] > 0, _NO_LINE)
    groups = _grouped(
        both, _BY_GROUP, {"count": "sum", "untimed": "sum", "line": "min", "untimed_line": "min"}
    )
    groups["untimed_line"] = groups["untimed_line"].where(groups["untimed_line"] < _NO_LINE, 0)
    return LogCounts.checked(_shown(_sorted(groups, _BY_GROUP, texts), texts)[list(LogCounts.columns())])


def _events(events: pd.DataFrame, texts: _Texts) -> pd.DataFrame:
    """LogEvents: one row for each failed request and each message, in the order of file and line."""
    if events.empty:
        return LogEvents.of([])
    frame = _shown(_sorted(events, ["file", "line", "message"], texts), texts)
    return LogEvents.checked(frame[list(LogEvents.columns())])


def _minutes(requests: pd.DataFrame, texts: _Texts) -> pd.DataFrame:
    """LogMinutes: one row for each minute, status, client, method and route of the requests with a time."""
    if requests.empty:
        return LogMinutes.of([])
    timed = requests[(requests["slot"] >= 0) & (requests["status"] > 0)]
    declared = timed["kind"].eq(KIND_NUMBERS[DECLARED]).astype("int64")
    groups = _grouped(timed.assign(declared=declared), _BY_MINUTE, {"count": "sum", "line": "min"})
    frame = _shown(_sorted(groups, _BY_MINUTE, texts), texts)
    return LogMinutes.checked(frame[list(LogMinutes.columns())])


def _grouped(frame: pd.DataFrame, by: list[str], values: dict[str, str]) -> pd.DataFrame:
    if not frame.duplicated(by).any():
        return frame[[*by, *values]]
    return frame.groupby(by, sort=False, as_index=False).agg(values)


def _sorted(frame: pd.DataFrame, by: Sequence[str], texts: _Texts) -> pd.DataFrame:
    """The rows in the order of their texts; what is none of a day and a status comes last."""
    keys = []
    for column in reversed(by):
        numbers = frame[column].to_numpy(np.int64)
        if texts.has(column):
            numbers = texts.ranks(column, numbers)
        elif column in ("day", "status"):
            numbers = np.where(numbers == 0, _NO_LINE, numbers)
        keys.append(numbers)
    return frame.iloc[np.lexsort(keys)]


def _shown(frame: pd.DataFrame, texts: _Texts) -> pd.DataFrame:
    """The rows with numbers turned into what they stand for."""
    shown: dict[str, Any] = {}
    for column in frame:
        numbers = frame[column].to_numpy()
        if texts.has(str(column)):
            shown[str(column)] = texts.texts(str(column), numbers)
        elif column == "day":
            places, days = pd.factorize(numbers)
            shown["day"] = pd.array([day_text(day) for day in days.tolist()], _TEXT).take(places)
        elif column in ("status", "untimed_line"):
            shown[str(column)] = pd.arrays.IntegerArray(numbers.astype(np.int64), numbers == 0)
        elif column == "slot":
            shown["minute_at"] = _instants(numbers.astype(np.int64) * MINUTE)
        elif column in ("at", "not_before", "not_after"):
            shown["at" if column == "at" else f"{column}_at"] = _instants(numbers)
        else:
            shown[str(column)] = numbers.astype(np.int64)
    return pd.DataFrame(shown, copy=False)


def _instants(micros: NDArray[Any]) -> pd.DatetimeIndex:
    stamps = micros.astype("datetime64[us]")
    stamps[micros == NONE] = np.datetime64("NaT", "us")
    return pd.DatetimeIndex(stamps, tz="UTC")


def _place(log: LogSums) -> dict[str, Any]:
    return {
        "file": log.row["source"],
        "environment": log.row["environment"],
        "service": log.row["service"],
    }


def _day_rows(read: Sequence[LogSums]) -> list[dict[str, Any]]:
    return [
        _place(log) | {"day": day_text(day), "lines": lines}
        for log in read
        for day, lines in sorted(log.sums.days.items())
    ]


def _shape_rows(read: Sequence[LogSums]) -> list[dict[str, Any]]:
    return [
        _place(log) | {"state": unknown, "shape": shape, "lines": count, "line": line}
        for log in read
        for (unknown, shape), (count, line) in log.sums.shapes.items()
    ]
