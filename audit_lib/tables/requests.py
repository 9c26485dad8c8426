"""Requests with the bounds of their time, and which routes ask for a secret."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pandas as pd

from audit_lib.contracts import Requests
from audit_lib.policy import Policy
from audit_lib.secrecy.values import matches_glob

REFUSED = (401, 403)
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
        table = policy.options.get("access", {})
        texts = table if isinstance(table, Mapping) else {}
        return cls(**{name: tuple(map(str, texts.get(name, ()))) for name in ("open", "login", "protected")})

    def protects(self, route: str, refusing: Iterable[str]) -> bool:
        """Whether a route asks for a secret: the policy says so, or it is among those that have refused."""
        if matches_glob(route, self.open) or matches_glob(route, self.login):
            return False
        return route in refusing or matches_glob(route, self.protected)


def tabulate_requests(minutes: pd.DataFrame, counts: pd.DataFrame, access: Access) -> pd.DataFrame:
    """`Requests`, from LogMinutes and from the untimed ones of LogCounts.

    An untimed request lies on or after its day, and before the end of the next day that its file names.
    """
    timed = minutes.assign(
        not_before_at=minutes["minute_at"], not_after_at=minutes["minute_at"] + _MINUTE, timed=True
    )
    parts = [timed, _untimed(counts)]
    columns = [name for name in Requests.to_schema().columns if name != "protected"]
    frame = pd.concat([part[columns] for part in parts if len(part)] or [timed[columns]], ignore_index=True)
    refusing = set(frame.loc[frame["status"].isin(REFUSED), "route"])
    rules = {route: access.protects(route, refusing) for route in frame["route"].unique()}
    frame["protected"] = frame["route"].map(rules).astype(bool) if len(frame) else pd.Series(dtype=bool)
    # Both parts stand in an order of their own: sorting millions of rows anew would take seconds.
    return Requests.checked(frame[list(Requests.to_schema().columns)])


def _untimed(counts: pd.DataFrame) -> pd.DataFrame:
    rows = counts[counts["status"].notna() & (counts["untimed"] > 0)]
    days = pd.to_datetime(rows["day"], utc=True).astype("datetime64[us, UTC]")
    following = _following_days(counts)
    ends = [following.get((source, day)) for source, day in zip(rows["source"], rows["day"], strict=True)]
    after = pd.to_datetime(pd.Series(ends, index=rows.index, dtype="object"), utc=True)
    return rows.assign(
        not_before_at=days,
        not_after_at=after.astype("datetime64[us, UTC]") + _DAY,
        timed=False,
        count=rows["untimed"],
    )


def _following_days(counts: pd.DataFrame) -> dict[tuple[Any, Any], str]:
    """For each file and day the next day that the file names: an untimed line ends before it is over."""
    named = counts[counts["day"].notna()]
    found: dict[tuple[Any, Any], str] = {}
    for source, group in named.groupby("source"):
        days = sorted(set(group["day"]))
        found |= {(source, day): after for day, after in pairwise(days)}
        # Before its first date a file says nothing: such lines lie before the end of that day.
        found[source, None] = days[0]
    return found


def surely_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows (with bounds) lie in the window whatever their true time."""
    return (frame["not_before_at"] >= window.since) & (frame["not_after_at"] <= window.until)


def maybe_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows may lie in the window: a bound that is not known excludes nothing."""
    after = frame["not_after_at"].isna() | (frame["not_after_at"] >= window.since)
    return after & (frame["not_before_at"].isna() | (frame["not_before_at"] <= window.until))


def bounded(events: pd.DataFrame) -> pd.DataFrame:
    """LogEvents whose bounds are their own instant where they carry one."""
    return events.assign(
        not_before_at=events["at"].fillna(events["not_before_at"]),
        not_after_at=events["at"].fillna(events["not_after_at"]),
    )
