"""Who sent requests: the networks of addresses, and whether a proxy stands for the callers."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress

import pandas as pd

from audit_lib.logins.detections.thresholds import DetectionPolicy


def network_of(client: str) -> str:
    """The /24 or /64 of an address; a client that is none is its own network."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def networks_of(clients: "pd.Series[str]") -> "pd.Series[str]":
    """The network of each client."""
    known = {client: network_of(client) for client in clients.unique()}
    return clients.map(known).astype("str")


def collapse(asked: pd.DataFrame, private: Mapping[str, bool]) -> str:
    """Whether nearly all requests seem to come from a proxy (docs/detections.md#common-gates)."""
    sums = asked.groupby("client")["count"].sum().drop("", errors="ignore")
    inside = sums[[private.get(client, False) for client in sums.index]].sort_values(ascending=False)
    share = inside.head(3).sum() / sums.sum() if sums.sum() else 0.0
    if share <= 0.95:
        return ""
    number = min(3, len(inside))
    return f"{share:.0%} of the requests come from {number} private addresses, so a proxy hides the callers"


def is_known(client: str, rules: DetectionPolicy) -> bool:
    """Whether an address is one that the policy names as its own (known_clients)."""
    with suppress(ValueError):
        address = ipaddress.ip_address(client)
        return any(address in network for network in rules.known_clients)
    return False


def private_clients(asked: pd.DataFrame, rules: DetectionPolicy) -> dict[str, bool]:
    """For each client that is an address whether it is one that a proxy has."""
    found = {}
    for client in asked["client"].unique():
        with suppress(ValueError):
            address = ipaddress.ip_address(client)
            found[str(client)] = any(address in network for network in rules.proxy_networks)
    return found
