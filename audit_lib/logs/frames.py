"""What logs gave, as frames: built from the sums of their files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.log_kinds import DECLARED, MOST_ROUTES, NOTICE, OTHER_ROUTES, REQUEST_KINDS
from audit_lib.logs.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.logs.tally import GROUP, LogSums, together
from audit_lib.logs.times import DAY, MINUTE, NONE

MOST_NAMES = MOST_ROUTES  # of routes and addresses that differ; the others are counted together
OTHER_CLIENTS = "(other addresses)"
_LAST = 1 << 62  # behind any other day, status, line
_BY_GROUP = ["file", "day", "kind", "status", "client", "method", "route"]
_BY_MINUTE = ["file", "minute", "status", "client", "method", "route", "declared"]


def tabulate(logs: Mapping[str, LogSums], most: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`LogCounts`, `LogEvents` and `LogMinutes` of logs by name; beyond so many routes the others are one."""
    if not logs:
        return LogCounts.of([]), LogEvents.of([]), LogMinutes.of([])
    requests = _limited(together([sums.requests.assign(file=name) for name, sums in logs.items()]), most)
    events = together([sums.events.assign(file=name) for name, sums in logs.items()])
    return _counts(requests, events), _events(events), _minutes(requests)


def _limited(requests: pd.DataFrame, routes: int) -> pd.DataFrame:
    """The requests with one name in place of the routes and addresses beyond the first ones.

    Routes that are answered with 404 and its like, which anyone may make up, are limited apart.
    """
    missed = requests["status"].between(400, 499) & ~requests["status"].isin(list(REQUEST_KINDS))
    for column, others, rows, most in (
        ("route", OTHER_ROUTES, missed, routes),
        ("route", OTHER_ROUTES, ~missed, routes),
        ("client", OTHER_CLIENTS, missed | ~missed, MOST_NAMES),
    ):
        names = requests.loc[rows & requests[column].ne(""), column].unique()
        if len(names) > most:
            folded = requests[column].astype("str").mask(rows & requests[column].isin(names[most:]), others)
            requests = requests.assign(**{column: folded.astype("category")})
    return requests


def _counts(requests: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """LogCounts: notices are no part of it."""
    messages = events[events["status"].eq(0) & events["kind"].ne(NOTICE)]
    untimed = requests["count"].where(requests["minute"] < 0, 0)
    both = together(
        [
            requests[["file", *GROUP[1:], "count", "line"]].assign(untimed=untimed),
            messages[["file", *GROUP[1:], "line"]].assign(count=1, untimed=messages["at"].eq(NONE) * 1),
        ]
    )
    both = both.assign(
        untimed_line=both["line"].where(both["untimed"] > 0, _LAST),
        **{name: both[name].where(both[name] > 0, _LAST) for name in ("day", "status")},
    )
    sums = {"count": "sum", "untimed": "sum", "line": "min", "untimed_line": "min"}
    groups = both.groupby(_BY_GROUP, observed=True, as_index=False).agg(sums)
    return LogCounts.checked(_shown(groups)[list(LogCounts.columns())])


def _events(events: pd.DataFrame) -> pd.DataFrame:
    """LogEvents: in the order of file and line."""
    ordered = events.sort_values(["file", "line", "message"], kind="stable")
    return LogEvents.checked(_shown(ordered)[list(LogEvents.columns())])


def _minutes(requests: pd.DataFrame) -> pd.DataFrame:
    """LogMinutes: of the requests with a time."""
    timed = requests[requests["minute"].ge(0)].assign(declared=requests["kind"].eq(DECLARED).astype("int64"))
    groups = timed.groupby(_BY_MINUTE, observed=True, as_index=False).agg({"count": "sum", "line": "min"})
    return LogMinutes.checked(_shown(groups)[list(LogMinutes.columns())])


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with days, minutes and instants in place of numbers, and nothing in place of no number."""
    shown: dict[str, Any] = {}
    for name, values in frame.items():
        if name == "day":
            days = ((values - 1) * DAY).where(~values.isin((0, _LAST)), NONE)
            shown["day"] = _instants(days).strftime("%Y-%m-%d")
        elif name in ("status", "untimed_line"):
            shown[str(name)] = values.astype("Int64").mask(values.isin((0, _LAST))).array
        elif name == "minute":
            shown["minute_at"] = _instants(values * MINUTE)
        elif name in ("at", "not_before", "not_after"):
            shown["at" if name == "at" else f"{name}_at"] = _instants(values)
        else:
            shown[str(name)] = values.array
    return pd.DataFrame(shown)


def _instants(micros: "pd.Series[Any]") -> pd.DatetimeIndex:
    stamps = micros.to_numpy().astype("datetime64[us]")
    stamps[micros.to_numpy() == NONE] = np.datetime64("NaT", "us")
    return pd.DatetimeIndex(stamps, tz="UTC")
