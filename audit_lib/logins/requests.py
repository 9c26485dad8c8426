"""Requests with the bounds of their time, and which routes ask for a secret."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.logins.contracts import Requests
from audit_lib.settings import Policy

REFUSED = (401, 403)
_JUDGED = ("protected", "refused")
TEXTS = ("file", "client", "method", "route")
_MINUTE = pd.Timedelta(minutes=1) - pd.Timedelta(microseconds=1)
_DAY = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """The time that is looked at, both ends inclusive, UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Access:
    """Which routes ask for a secret, as globs: the policy's [access]."""

    open: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()

    @classmethod
    def of(cls, policy: Policy) -> "Access":
        """The rules of a policy; of one that says nothing, none."""
        found = {name: policy.access.get(name, ()) for name in ("open", "login", "protected")}
        # What audit.toml adds makes no route less protected.
        own = tuple(login.route for login in policy.logins if not login.added)
        return cls(**found | {"login": tuple(dict.fromkeys((*found["login"], *own)))})

    @property
    def named_in_full(self) -> tuple[str, ...]:
        """The routes that ask for a secret or log in, by their whole name: who wrote it knows of them."""
        return tuple(route for route in (*self.login, *self.protected) if "*" not in route)

    def protects(self, route: str, refusing: Iterable[str]) -> bool:
        """Whether a route asks for a secret: the policy says so, or it is among those that have refused.

        Of many routes under one name nothing is said.
        """
        if route == OTHER_ROUTES or matches_glob(route, self.open) or matches_glob(route, self.login):
            return False
        return route in refusing or matches_glob(route, self.protected)


def tabulate_requests(
    minutes: pd.DataFrame, counts: pd.DataFrame, access: Access, refused: Iterable[int] = REFUSED
) -> pd.DataFrame:
    """`Requests`, from LogMinutes and from the untimed ones of LogCounts; `refused` are statuses.

    An untimed request is on or after its day, and before the end of the next day that its file names.
    """
    if not minutes["minute_at"].is_monotonic_increasing:
        minutes = minutes.sort_values("minute_at", kind="stable")
    timed = minutes.assign(
        not_before_at=minutes["minute_at"], not_after_at=minutes["minute_at"] + _MINUTE, timed=True
    )
    parts = [_untimed(counts), timed]
    columns = {name: _below(name, parts) for name in Requests.types() if name not in _JUDGED}
    route, status = columns["route"], columns["status"]
    refusing = set(route.categories[np.unique(route.codes[np.isin(status, REFUSED)])])
    rules = np.array([access.protects(name, refusing) for name in route.categories], dtype=bool)
    failed = np.isin(status, list(refused)) | (columns["declared"] == 1)
    judged = {"protected": rules[route.codes], "refused": failed}
    frame = pd.DataFrame(columns | judged, copy=False)
    return Requests.checked(frame[list(Requests.types())])


def _below(name: str, parts: Iterable[pd.DataFrame]) -> Any:
    """A column of frames below each other; of text the categories, in their order."""
    if name in TEXTS:
        return union_categoricals([part[name].astype("category") for part in parts], sort_categories=True)
    return pd.concat([part[name] for part in parts], ignore_index=True).array


def _untimed(counts: pd.DataFrame) -> pd.DataFrame:
    rows = counts[counts["status"].notna() & (counts["untimed"] > 0)]
    days = pd.to_datetime(rows["day"], utc=True).astype("datetime64[us, UTC]")
    following = _following_days(counts)
    ends = [following.get((file, day)) for file, day in zip(rows["file"], rows["day"], strict=True)]
    after = pd.to_datetime(pd.Series(ends, index=rows.index, dtype="object"), utc=True)
    return rows.assign(
        not_before_at=days,
        not_after_at=after.astype("datetime64[us, UTC]") + _DAY,
        timed=False,
        declared=rows["kind"].eq(DECLARED).astype("int64"),
        count=rows["untimed"],
        line=rows["untimed_line"].astype("int64"),
    )


def _following_days(counts: pd.DataFrame) -> dict[tuple[Any, Any], str]:
    """For each file and day the next day that the file names: an untimed line ends before it is over."""
    named = counts[counts["day"].notna()]
    found: dict[tuple[Any, Any], str] = {}
    for file, group in named.groupby("file"):
        days = sorted(set(group["day"]))
        found |= {(file, day): after for day, after in pairwise(days)}
        # Before its first date a file says nothing: such lines lie before the end of that day.
        found[file, None] = days[0]
    return found


def within(requests: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The requests that may be in a window."""
    return pd.concat(parts_within(requests, window))


def parts_within(requests: pd.DataFrame, window: Window) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The untimed and the timed ones that may be in a window: these are in order, so a slice is cut."""
    untimed = int(requests["timed"].searchsorted(True))
    starts = requests["not_before_at"].iloc[untimed:]
    first = starts.searchsorted(pd.Timestamp(window.since) - _MINUTE, side="left")
    last = starts.searchsorted(pd.Timestamp(window.until), side="right")
    loose = requests.iloc[:untimed]
    timed = requests.iloc[untimed + int(first) : untimed + int(last)]
    return loose[maybe_within(loose, window)], timed


def succeeded(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got a 2xx on a protected route."""
    return requests["protected"] & requests["status"].between(200, 299)


def unanswered(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got nothing of what they asked for: refused, limited (429), or a server error."""
    return requests["refused"] | requests["status"].eq(429) | requests["status"].ge(500)


def answered_or_refused(requests: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The requests on protected routes that were answered 2xx, and 401 or 403."""
    asked = requests[requests["protected"]]
    return asked[asked["status"].between(200, 299)], asked[asked["refused"]]


def totals(requests: pd.DataFrame, key: str, chosen: "pd.Series[bool] | None" = None) -> "pd.Series[int]":
    """How many of the requests that are chosen each client or route has; of none there is no row."""
    counts = requests["count"] if chosen is None else requests["count"].where(chosen, 0)
    sums: pd.Series[int] = named(counts.groupby(requests[key], observed=True).sum())
    return sums[sums > 0]


def instants_written(requests: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """One row for each instant at which a log was written: `file`, `at`, `line`, in the order of both."""
    timed = requests.loc[requests["timed"], ["file", "not_before_at", "line"]]
    said = events.loc[events["at"].notna(), ["file", "at", "line"]]
    parts = [part.set_axis(said.columns, axis=1) for part in (timed, said)]
    # Millions of texts are grouped far sooner as categories, which two frames do not share.
    firsts = [_first_lines(part).astype({"file": "str"}) for part in parts]
    return _first_lines(pd.concat(firsts))


def _first_lines(lines: pd.DataFrame) -> pd.DataFrame:
    grouped: Any = lines.groupby(["file", "at"], as_index=False, observed=True)["line"].min()
    return pd.DataFrame(grouped)


def named(grouped: Any) -> Any:
    """What was grouped by a category, under its texts: pandas 3.1 cannot align over 127 categories."""
    return grouped.set_axis(grouped.index.astype("str"))


def surely_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows (with bounds) are in the window whatever their true time."""
    return (frame["not_before_at"] >= window.since) & (frame["not_after_at"] <= window.until)


def maybe_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows may be in the window: a bound that is not known excludes nothing."""
    after = frame["not_after_at"].isna() | (frame["not_after_at"] >= window.since)
    return after & (frame["not_before_at"].isna() | (frame["not_before_at"] <= window.until))


def bounded(events: pd.DataFrame) -> pd.DataFrame:
    """LogEvents whose bounds are their own instant where they carry one, texts as categories."""
    return events.assign(
        not_before_at=events["at"].fillna(events["not_before_at"]),
        not_after_at=events["at"].fillna(events["not_after_at"]),
        **{name: events[name].astype("category") for name in (*TEXTS, "kind", "message", "subject")},
    )
