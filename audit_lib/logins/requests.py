"""What logs hold by the policy: requests with the bounds of their time, windows, and who is new in them."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.logins.contracts import Requests
from audit_lib.logins.declared import READING, REDIRECTS, entered, on_logins
from audit_lib.logins.parameters import REFUSED, DetectionPolicy
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.read import LogRead
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.secrecy import identities as shown
from audit_lib.secrecy.keeper import Key

_MINUTE = pd.Timedelta(minutes=1) - pd.Timedelta(microseconds=1)
_MISSING = (404, 405, 410)  # answered if there is no such route, or none by that method


@dataclass(frozen=True)
class Window:
    """The time that is looked at, both ends inclusive, UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Activity:
    """What logs hold, by the policy: Sources, LogCounts, LogEvents with bounds, Requests."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    requests: pd.DataFrame

    def within(self, window: Window) -> "Activity":
        """The same, without what surely lies outside of a window."""
        first, last = f"{window.since:%Y-%m-%d}", f"{window.until:%Y-%m-%d}"
        counts = self.counts[self.counts["day"].isna() | self.counts["day"].between(first, last)]
        return Activity(self.sources, counts, within(self.events, window), within(self.requests, window))


def tabulate_activity(logs: LogRead, policy: DetectionPolicy) -> Activity:
    """The frames of logs as detections need them.

    An event that carries a time has it as both bounds. A request without one lies on or after its day. A
    client that is named as a host is none: one word stands for all of them.
    """
    counts, events, minutes = (
        frame.astype(dict.fromkeys(frame.select_dtypes("category"), "str"))
        for frame in (logs.counts, logs.events, logs.minutes)
    )
    own = events["at"].where(events["message"].ne(CLOCK_SET_BACK))  # how far, its bounds say
    bounds = {name: own.fillna(events[name]) for name in ("not_before_at", "not_after_at")}
    at, hosts = minutes["minute_at"], {NOT_AN_ADDRESS: ""}
    timed = minutes.assign(timed=True, not_before_at=at, not_after_at=at + _MINUTE)
    timed = timed.sort_values(["minute_at", "file", "client", "route", "method", "status"], kind="stable")
    untimed = counts[counts["status"].notna() & counts["untimed"].gt(0)]
    untimed = untimed.assign(
        timed=False,
        not_before_at=pd.to_datetime(untimed["day"], utc=True).astype("datetime64[us, UTC]"),
        not_after_at=None,
        declared=untimed["kind"].eq(DECLARED).astype("int64"),
        count=untimed["untimed"],
        line=untimed["untimed_line"],
    )
    requests = pd.concat([untimed, timed], ignore_index=True)
    events = events.assign(**bounds, client=events["client"].replace(hosts))
    requests = requests.assign(client=requests["client"].replace(hosts))
    return Activity(logs.sources, counts, events, _judged(requests, policy))


def _judged(requests: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """`Requests`, with what the policy says of each."""
    status, route, access = requests["status"], requests["route"], policy.access
    refusing = set(route[status.isin(REFUSED)])
    protected = are_protected(route, refusing, policy)
    refused = status.isin((*REFUSED, *policy.failed_statuses)) | requests["declared"].eq(1)
    answered, on_login = status.between(200, 299), fits(route, access.login)
    by_own, by_added = (on_logins(requests, logins) for logins in (policy.own_logins, policy.added_logins))
    added = entered(requests, policy.added_logins) & ~refused
    usual = on_login & ~by_own & ~requests["method"].isin((*READING, "")) & ~refused
    usual &= answered | status.isin(REDIRECTS)
    let_in = usual | (entered(requests, policy.own_logins) & ~refused) | (answered & protected)
    # A refusal alone shows no route: gateways refuse what nobody serves. Who wrote its name knows of it.
    named = [name for name in (*access.login, *access.protected) if "*" not in name]
    is_shown = answered | let_in | ((by_own | route.isin(named)) & ~status.isin(_MISSING))
    judged = requests.assign(
        network=mapped(requests["client"], network_of).astype("str"),
        refused=refused,
        protected=protected,
        on_login=on_login | by_added,
        let_in=let_in | added,
        added=added & ~let_in,
        doubtful=usual & by_added & ~added,
        there=route.isin(set(route[is_shown]) - {OTHER_ROUTES}),
    )
    return Requests.checked(judged[list(Requests.types())])


def mapped(texts: "pd.Series[str]", judge: Callable[[str], Any]) -> "pd.Series[Any]":
    """Each text judged, each that differs once."""
    return texts.map({text: judge(text) for text in texts.unique()})


def fits(routes: "pd.Series[str]", globs: tuple[str, ...]) -> "pd.Series[bool]":
    """Which routes a glob fits, letter case aside; of many under one name nothing is said."""
    return mapped(routes, lambda route: route != OTHER_ROUTES and matches_glob(route, globs)).astype(bool)


def are_protected(routes: "pd.Series[str]", refusing: set[str], policy: DetectionPolicy) -> "pd.Series[bool]":
    """Which routes ask for a secret: the policy says so, or they are among those that have refused."""
    free = fits(routes, (*policy.access.open, *policy.access.login)) | routes.eq(OTHER_ROUTES)
    return (routes.isin(refusing) | fits(routes, policy.access.protected)) & ~free


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows (with bounds) that may be in a window."""
    return frame[maybe_within(frame, window)]


def maybe_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows may be in the window: a bound that is not known excludes nothing."""
    outside = frame["not_after_at"].lt(window.since) | frame["not_before_at"].gt(window.until)
    return ~outside.fillna(False).astype(bool)


def succeeded(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got a 2xx on a protected route."""
    return requests["protected"] & requests["status"].between(200, 299)


def unanswered(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which requests got nothing of what they asked for: refused, limited (429), or a server error."""
    return requests["refused"] | requests["status"].eq(429) | requests["status"].ge(500)


@lru_cache(maxsize=1 << 17)
def network_of(client: str) -> str:
    """The /24 or /64 of an address; a client that is none is its own network."""
    try:
        address = ipaddress.ip_address(client.split("%", 1)[0])
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def reaches_back(requests: pd.DataFrame, window: Window, days: float) -> bool:
    """Whether the logs reach so many days back before the window."""
    return bool(requests["not_before_at"].min() <= window.since - pd.Timedelta(days=days))


def tabulate_clients(requests: pd.DataFrame, window: Window, policy: DetectionPolicy) -> pd.DataFrame:
    """One row for each client with requests that may be in the window, the most refused first.

    Its columns: client, network, requests, failures, successes (2xx on protected routes), and
    classification: known | new address | new network | failing only | internal | unnamed | not known if new
    (the logs do not reach back so far).
    """
    good = succeeded(requests)
    before = requests[good & requests["not_after_at"].lt(window.since)]
    count = requests["count"]
    sums = {"requests": count, "failures": count * requests["refused"], "successes": count * good}
    here = within(requests.assign(**sums), window).groupby("client", as_index=False)
    frame = here.agg({"network": "first", **dict.fromkeys(sums, "sum")})
    client, answered = frame["client"], frame["successes"].gt(0)
    classes = {
        "unnamed": client.eq(""),
        "internal": client.map(policy.is_private).astype(bool) & (not policy.clients),
        "known": client.isin(before["client"]),
        "failing only": frame["failures"].gt(0) & ~answered,
        "not known if new": client.eq(client)
        & (not reaches_back(requests, window, policy.thresholds["let-in"].days)),
        "new address": answered & frame["network"].isin(before["network"]),
    }
    frame["classification"] = np.select([*classes.values()], [*classes], "new network")
    order = ["failures", "requests", "client"]
    return frame.sort_values(order, ascending=[False, False, True], ignore_index=True)


def address_label(logs: LogRead, key: Key) -> shown.Label:
    """What tells an address from others of its network, the same in each run: without a key its number."""
    if key.origin != "throw-away":
        return shown.keyed_label(key)
    named = pd.concat([frame[["file", "line", "client"]] for frame in (logs.counts, logs.events)])
    clients = named.sort_values(["file", "line"], kind="stable")["client"].unique()
    in_texts = (address for text in logs.events["subject"].unique() for address in shown.addresses_in(text))
    return shown.numbered_label([*clients, *in_texts])


def with_addresses(
    table: pd.DataFrame, label: shown.Label, identities: str, known: Callable[[str], bool]
) -> pd.DataFrame:
    """The log table as addresses may be shown in it; those that the policy knows are marked."""
    if identities == "full":
        return shown.marked_clients(table, known)
    return shown.mask_frame(table, lambda client: label(client) + (" (known)" if known(client) else ""))
