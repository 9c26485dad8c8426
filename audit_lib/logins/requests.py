"""Requests with the bounds of their time, which routes ask for a secret, and who sent them in a window."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from audit_lib.base.bounded import matches_glob
from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.logins.contracts import Clients, Requests
from audit_lib.settings import Policy

REFUSED = (401, 403)
NOT_KNOWN = "not known if new"  # class of an address, since too little was read of the time before
TEXTS = ("file", "client", "method", "route")
_MINUTE = pd.Timedelta(minutes=1) - pd.Timedelta(microseconds=1)
_DAY = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
# The documentation networks count as private in Python, and as the internet's here.
_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


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
        """The rules of a policy and its logins; what audit.toml adds makes no route less protected."""
        found = {name: tuple(policy.access.get(name, ())) for name in ("open", "login", "protected")}
        own = tuple(login.route for login in policy.logins if not login.added)
        return cls(**found | {"login": tuple(dict.fromkeys((*found["login"], *own)))})

    @property
    def named_in_full(self) -> tuple[str, ...]:
        """The routes that ask for a secret or log in, by their whole name: who wrote it knows of them."""
        return tuple(route for route in (*self.login, *self.protected) if "*" not in route)

    def protects(self, route: str, refusing: Iterable[str]) -> bool:
        """Whether a route asks for a secret: the policy says so, or it is among those that have refused."""
        if route == OTHER_ROUTES or matches_glob(route, self.open) or matches_glob(route, self.login):
            return False
        return route in refusing or matches_glob(route, self.protected)


def tabulate_requests(
    minutes: pd.DataFrame, counts: pd.DataFrame, access: Access, refused: Iterable[int] = REFUSED
) -> pd.DataFrame:
    """`Requests`, from LogMinutes and from the untimed ones of LogCounts; `refused` are statuses.

    An untimed request is on or after its day, and before the end of the next day that its file names.
    """
    timed = minutes.sort_values("minute_at", kind="stable").assign(timed=True)
    timed = timed.assign(not_before_at=timed["minute_at"], not_after_at=timed["minute_at"] + _MINUTE)
    parts = [_untimed(counts), timed]
    columns: dict[str, Any] = {}
    for name in Requests.types():
        if name in TEXTS:
            texts = [part[name].astype("category") for part in parts]
            columns[name] = union_categoricals(texts, sort_categories=True)
        elif name in timed:
            columns[name] = pd.concat([part[name] for part in parts], ignore_index=True).array
    route, status = columns["route"], columns["status"]
    refusing = set(route.categories[np.unique(route.codes[np.isin(status, REFUSED)])])
    rules = np.array([access.protects(name, refusing) for name in route.categories], dtype=bool)
    columns["protected"] = rules[route.codes]
    columns["refused"] = np.isin(status, list(refused)) | (columns["declared"] == 1)
    return Requests.checked(pd.DataFrame(columns)[list(Requests.types())])


def _untimed(counts: pd.DataFrame) -> pd.DataFrame:
    rows = counts[counts["status"].notna() & (counts["untimed"] > 0)]
    following: dict[tuple[Any, Any], str] = {}
    for file, group in counts[counts["day"].notna()].groupby("file"):
        days = sorted(set(group["day"]))
        following |= {(file, day): after for day, after in pairwise(days)}
        # Before its first date a file says nothing: such lines lie before the end of that day.
        following[file, None] = days[0]
    keys = zip(rows["file"], rows["day"].astype(object).where(rows["day"].notna(), None), strict=True)
    ends = pd.Series([following.get(key) for key in keys], index=rows.index, dtype="object")
    first, last = (
        pd.to_datetime(days, utc=True).astype("datetime64[us, UTC]") for days in (rows["day"], ends)
    )
    return rows.assign(
        not_before_at=first,
        not_after_at=last + _DAY,
        timed=False,
        declared=rows["kind"].eq(DECLARED).astype("int64"),
        count=rows["untimed"],
        line=rows["untimed_line"].astype("int64"),
    )


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows (with bounds) that may be in a window."""
    return frame[maybe_within(frame, window)]


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


def succeeded(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got a 2xx on a protected route."""
    return requests["protected"] & requests["status"].between(200, 299)


def unanswered(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got nothing of what they asked for: refused, limited (429), or a server error."""
    return requests["refused"] | requests["status"].eq(429) | requests["status"].ge(500)


def totals(requests: pd.DataFrame, key: str, chosen: "pd.Series[bool] | None" = None) -> "pd.Series[int]":
    """How many of the requests that are chosen each client or route has; of none there is no row."""
    counts = requests["count"] if chosen is None else requests["count"].where(chosen, 0)
    sums: pd.Series[int] = named(counts.groupby(requests[key], observed=True).sum())
    return sums[sums > 0]


def named(grouped: Any) -> Any:
    """A frame by category under its texts: pandas 3.1 cannot align over 127 categories."""
    return grouped.set_axis(grouped.index.astype("str"))


def instants_written(requests: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """One row for each instant at which a log was written: `file`, `at`, `line`, in the order of both."""
    timed = requests.loc[requests["timed"], ["file", "not_before_at", "line"]].astype({"file": "str"})
    said = events.loc[events["at"].notna(), ["file", "at", "line"]].astype({"file": "str"})
    every = pd.concat([timed.set_axis(said.columns, axis=1), said])
    return every.groupby(["file", "at"], as_index=False)[["line"]].min()


@lru_cache(maxsize=1 << 17)
def network(client: str) -> str:
    """The /24 or /64 of an address; "" for what is none."""
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def network_of(client: str) -> str:
    """The /24 or /64 of an address; a client that is none is its own network."""
    return network(client) or client


def _is_internal(client: str) -> bool:
    """Whether an address is of the application's own network: private, loopback or link-local."""
    if not network(client):
        return False
    address = ipaddress.ip_address(client.split("%", 1)[0])
    shown = any(address in net for net in _DOCUMENTATION if net.version == address.version)
    return not shown and (address.is_private or address.is_loopback or address.is_link_local)


def tabulate_spans(requests: pd.DataFrame) -> pd.DataFrame:
    """One row for each client, its index: `first_at` and `last_at` in all requests."""
    by_client = requests.groupby("client", observed=True)
    spans = by_client.agg(first_at=("not_before_at", "min"), last_at=("not_after_at", "max"))
    return pd.DataFrame(named(spans))


def tabulate_clients(
    requests: pd.DataFrame, window: Window, days: float, *, all_real: bool = False
) -> pd.DataFrame:
    """`Clients`: everyone who may have sent a request in the window, the most refused first.

    Unless the logs reach so many days back before the window, nobody is called new. If clients are
    `all_real` (clients = "real"), private addresses are callers like others.
    """
    history, here = reaches_back(requests, window, days), within(requests, window)
    past = totals(requests, "client", succeeded(requests) & (requests["not_after_at"] < window.since))
    frame = pd.DataFrame(
        {
            "requests": totals(here, "client"),
            "failures": totals(here, "client", here["refused"]),
            "successes": totals(here, "client", succeeded(here)),
            "may_be": totals(here, "client", ~surely_within(here, window)),
            "successes_before": past,
            "routes": named(here.groupby("client", observed=True)["route"].nunique()),
        }
    )
    frame = frame[frame["requests"].notna()].fillna(0).astype("int64").rename_axis("client")
    frame = frame.join(tabulate_spans(requests)).reset_index().astype({"client": "str"})
    frame["network"] = [network(client) for client in frame["client"]]
    known = {network(client) for client in past.index} - {""}
    frame["classification"] = [
        "internal" if not all_real and _is_internal(row.client) else _classify(row, known, history)
        for row in rows(frame)
    ]
    order = frame.sort_values(["failures", "requests", "client"], ascending=[False, False, True])
    return Clients.checked(order[list(Clients.types())])


def reaches_back(requests: pd.DataFrame, window: Window, days: float) -> bool:
    """Whether the logs reach so many days back before the window."""
    if requests.empty:
        return False
    return bool(requests["not_before_at"].min() <= window.since - pd.Timedelta(days=days))


def _classify(row: Any, networks: set[str], history: bool) -> str:
    if not row.client:
        return "unnamed"
    if row.successes_before:
        return "known"
    if not row.successes and row.failures:
        return "failing only"
    if not history:
        return NOT_KNOWN
    return "new address" if row.successes and row.network in networks else "new network"
