"""Who sent the requests of a window, and what is known of each from before it."""

import ipaddress
from functools import lru_cache
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.logins.contracts import Clients
from audit_lib.logins.requests import Window, named, parts_within, succeeded, surely_within, totals

NOT_KNOWN = "not known if new"  # class of an address, since too little was read of the time before


@lru_cache(maxsize=1 << 17)
def network(client: str) -> str:
    """The /24 or /64 of an address; "" for what is none."""
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


@lru_cache(maxsize=1 << 17)
def is_internal(client: str) -> bool:
    """Whether an address is of the application's own network: private, loopback or link-local."""
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return False
    # The documentation networks count as private in Python, and as the internet's here.
    shown = any(address in net for net in _DOCUMENTATION if net.version == address.version)
    return not shown and (address.is_private or address.is_loopback or address.is_link_local)


_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


def tabulate_spans(requests: pd.DataFrame) -> pd.DataFrame:
    """One row for each client, its index: `first_at` and `last_at` in all requests.

    By `answered_at` it surely had its first answer, on whatever route.
    """
    by_client = requests.groupby("client", observed=True)
    spans = by_client.agg(first_at=("not_before_at", "min"), last_at=("not_after_at", "max"))
    answered = requests[requests["status"].between(200, 399) & ~requests["refused"]]
    first = answered.groupby("client", observed=True)["not_after_at"].min()
    return pd.DataFrame(named(spans.assign(answered_at=first)))


def tabulate_daily(requests: pd.DataFrame) -> pd.DataFrame:
    """One row for each day and client: `day`, `client`, `count` of the timed successes."""
    chosen = requests["timed"] & succeeded(requests)
    good = requests.loc[chosen, ["not_before_at", "client", "count"]]
    days = good["not_before_at"].dt.floor("D").rename("day")
    sums = good.groupby([days, "client"], observed=True)["count"].sum()
    return sums.reset_index().astype({"client": "str"})


def tabulate_clients(
    requests: pd.DataFrame,
    here: pd.DataFrame,
    spans: pd.DataFrame,
    daily: pd.DataFrame,
    window: Window,
    *,
    reaches_back: bool,
    all_real: bool = False,
) -> pd.DataFrame:
    """`Clients`: everyone who may have sent a request in the window, the most refused first.

    `here` are the requests that may be in the window, `spans` and `daily` as `tabulate_spans` and
    `tabulate_daily` give them. Unless the logs reach back far enough, nobody is called new. If clients are
    `all_real` (clients = "real"), private addresses are callers like others.
    """
    past = _successes_before(requests, daily, window)
    networks = {network(client) for client in past.index} - {""}
    routes = here[["client", "route"]].drop_duplicates().groupby("client", observed=True).size()
    frame = pd.DataFrame(
        {
            "requests": totals(here, "client"),
            "failures": totals(here, "client", here["refused"]),
            "successes": totals(here, "client", succeeded(here)),
            "may_be": totals(here, "client", ~surely_within(here, window)),
            "successes_before": past,
            "routes": named(routes),
        }
    )
    frame = frame[frame["requests"].notna()].fillna(0).astype("int64").rename_axis("client")
    frame = frame.join(spans).reset_index().astype({"client": "str"})
    frame["answered_before"] = frame["answered_at"].lt(window.since)
    frame["network"] = [network(client) for client in frame["client"]]
    internal = [not all_real and is_internal(client) for client in frame["client"]]
    classes = [_classification(row._asdict(), networks, reaches_back) for row in rows(frame)]
    frame["classification"] = [
        "internal" if inside else known for inside, known in zip(internal, classes, strict=True)
    ]
    order = frame.sort_values(["failures", "requests", "client"], ascending=[False, False, True])
    return Clients.checked(order[list(Clients.types())])


def _successes_before(requests: pd.DataFrame, daily: pd.DataFrame, window: Window) -> "pd.Series[int]":
    """How many successes of each client are surely before the window: whole days, then a part of one."""
    day = pd.Timestamp(window.since).floor("D")
    loose = requests.iloc[: int(requests["timed"].searchsorted(True))]
    _, rest = parts_within(requests, Window(day.to_pydatetime(), window.since))
    sums = [
        totals(part, "client", succeeded(part) & (part["not_after_at"] < window.since))
        for part in (loose, rest[rest["not_before_at"] >= day])
    ]
    days = daily[daily["day"] < day].groupby("client")["count"].sum()
    counts: pd.Series[int] = pd.concat([days, *sums]).groupby(level=0).sum()
    return counts


def reaches_back(requests: pd.DataFrame, window: Window, days: float | None) -> bool:
    """Whether the logs reach so many days back before the window; not known without a number."""
    if days is None or requests.empty:
        return False
    return bool(requests["not_before_at"].min() <= window.since - pd.Timedelta(days=days))


def _classification(row: dict[str, Any], networks: set[str], history: bool) -> str:
    if not row["client"]:
        return "unnamed"
    if row["successes_before"]:
        return "known"
    if row["answered_before"] and not row["successes"] and not row["failures"]:
        return "known"
    if not row["successes"]:
        return "failing only" if row["failures"] else NOT_KNOWN if not history else "new network"
    if not history:
        return NOT_KNOWN
    return "new address" if row["network"] in networks else "new network"
