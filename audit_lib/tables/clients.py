"""Who sent the requests of a window, and what is known of each from before it."""

import ipaddress
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.contracts import Clients
from audit_lib.tables.requests import REFUSED, Window, bounded, maybe_within, surely_within

BURST = pd.Timedelta(minutes=10)  # fail2ban's findtime (detections.md, 1)
HISTORY = pd.Timedelta(days=7)  # less than a week of logs before the window tells no newcomer from a regular
FAILURES = ("unauthorized", "forbidden", "login_failed")


def network(client: str) -> str:
    """The /24 or /64 of an address; "" for what is none."""
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


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


def tabulate_clients(requests: pd.DataFrame, events: pd.DataFrame, window: Window) -> pd.DataFrame:
    """`Clients`: everyone who may have sent a request in the window, the most failures first."""
    here = requests[maybe_within(requests, window)]
    before = requests[(requests["not_after_at"] < window.since) & _succeeded(requests)]
    past = before.groupby("client")["count"].sum()
    networks = {network(client) for client in past.index} - {""}
    history = bool(len(requests)) and requests["not_before_at"].min() <= window.since - HISTORY
    bursts = worst_bursts(events, window)
    by_client = requests.groupby("client")
    first = by_client["not_before_at"].min().to_dict()
    last = by_client["not_after_at"].max().to_dict()
    rows: list[dict[str, Any]] = []
    for name, group in here.groupby("client"):
        client = str(name)
        row = _row(client, group, window) | {
            "successes_before": int(past.get(client, 0)),
            "worst_burst": bursts.get(client, 0),
            "first_at": first[client],
            "last_at": last[client],
        }
        rows.append(row | {"classification": _classification(row, networks, history)})
    rows.sort(key=lambda row: (-row["failures"], -row["requests"], row["client"]))
    return Clients.of(rows)


def _succeeded(requests: pd.DataFrame) -> "pd.Series[bool]":
    return requests["protected"] & requests["status"].between(200, 299)


def _row(client: str, group: pd.DataFrame, window: Window) -> dict[str, Any]:
    sure = surely_within(group, window)
    return {
        "client": client,
        "network": network(client),
        "requests": int(group["count"].sum()),
        "failures": int(group.loc[group["status"].isin(REFUSED), "count"].sum()),
        "successes": int(group.loc[_succeeded(group), "count"].sum()),
        "may_be": int(group.loc[~sure, "count"].sum()),
        "routes": int(group["route"].nunique()),
    }


def _classification(row: dict[str, Any], networks: set[str], history: bool) -> str:
    if not row["client"]:
        return "unnamed"
    if is_internal(row["client"]):
        return "internal"
    if row["successes_before"]:
        return "known"
    if not row["successes"]:
        return "failing only" if row["failures"] else "no history" if not history else "new network"
    if not history:
        return "no history"
    return "new address" if row["network"] in networks else "new network"


def worst_bursts(events: pd.DataFrame, window: Window) -> dict[str, int]:
    """For each client the most failures that surely lie within ten minutes of each other."""
    rows = bounded(events[events["kind"].isin(FAILURES)])
    rows = rows[maybe_within(rows, window) & rows["not_before_at"].notna() & rows["not_after_at"].notna()]
    return {str(client): burst(group) for client, group in rows.groupby("client")}


def burst(rows: pd.DataFrame) -> int:
    """The most events of a frame with bounds that surely lie within ten minutes."""
    low = rows["not_before_at"].astype("int64").to_numpy()
    high = rows["not_after_at"].astype("int64").to_numpy()
    span = BURST // pd.Timedelta(microseconds=1)
    short = high - low <= span
    low, high = np.sort(low[short]), np.sort(high[short])
    ends = np.searchsorted(high, low + span, side="right")
    # Of short ones, those that began earlier also ended within the span: what is left lies inside it.
    starts = np.searchsorted(low, low, side="left")
    return int((ends - starts).max(initial=0))
