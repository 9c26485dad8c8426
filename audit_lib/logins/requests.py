"""What logs hold by the policy: requests with the bounds of their time, windows, and who is new in them."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.in_words import DECLARED, OTHER_ROUTES
from audit_lib.logins.contracts import Requests
from audit_lib.logins.declared import READING, REDIRECTS, entered, on_logins
from audit_lib.logins.parameters import REFUSED, DetectionPolicy
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.read import LogRead
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.secrecy import identities as shown
from audit_lib.secrecy.keeper import Key

_MINUTE = pd.Timedelta(minutes=1) - pd.Timedelta(microseconds=1)
_DAY = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
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

    An event that carries a time has it as both bounds. A client that is named as a host is none: one word
    stands for all of them.
    """
    frames = []
    for frame in (logs.counts, logs.events, logs.minutes):
        coded = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
        frames.append(frame.astype(dict.fromkeys(coded, "str")))
    counts, events, minutes = frames
    own = events["at"].where(events["message"].ne(CLOCK_SET_BACK))  # how far, its bounds say
    bounds = {name: own.fillna(events[name]) for name in ("not_before_at", "not_after_at")}
    at = minutes["minute_at"]
    timed = minutes.assign(timed=True, not_before_at=at, not_after_at=at + _MINUTE)
    timed = timed.sort_values(["minute_at", "file", "client", "route", "method", "status"], kind="stable")
    requests = pd.concat([_untimed(counts), timed], ignore_index=True)
    events, requests = (
        frame.assign(client=frame["client"].mask(frame["client"].eq(NOT_AN_ADDRESS), ""))
        for frame in (events.assign(**bounds), requests)
    )
    return Activity(logs.sources, counts, events, _judged(requests, policy))


def _untimed(counts: pd.DataFrame) -> pd.DataFrame:
    """Each on or after its day, and before the end of the next day that its file names."""
    days = counts[["file", "day"]].dropna().drop_duplicates().sort_values(["file", "day"])
    days["end"] = days.groupby("file")["day"].shift(-1)
    own = counts[counts["status"].notna() & counts["untimed"].gt(0)].merge(days, "left", ["file", "day"])
    # Before its first date a file says nothing: such lines lie before the end of that day.
    end = own["end"].mask(own["day"].isna(), own["file"].map(days.groupby("file")["day"].min()))
    first, last = (pd.to_datetime(name, utc=True).astype("datetime64[us, UTC]") for name in (own["day"], end))
    return own.assign(
        not_before_at=first,
        not_after_at=last + _DAY,
        timed=False,
        declared=own["kind"].eq(DECLARED).astype("int64"),
        count=own["untimed"],
        line=own["untimed_line"].astype("int64"),
    )


def _judged(requests: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """`Requests`, with what the policy says of each."""
    frame = requests.drop(columns="kind", errors="ignore")
    status, route, access = frame["status"], frame["route"], policy.access
    refusing = set(route[status.isin(REFUSED)])
    protected = mapped(route, lambda name: access.protects(name, refusing)).astype(bool)
    refused = status.isin((*REFUSED, *policy.failed_statuses)) | frame["declared"].eq(1)
    answered = status.between(200, 299)
    on_login, by_own = fits(route, access.login), on_logins(frame, policy.own_logins)
    by_added, added = on_logins(frame, policy.added_logins), entered(frame, policy.added_logins) & ~refused
    usual = on_login & ~by_own & ~frame["method"].isin((*READING, "")) & ~refused
    usual &= answered | status.isin(REDIRECTS)
    let_in = usual | (entered(frame, policy.own_logins) & ~refused) | (answered & protected)
    # A refusal alone shows no route: gateways refuse what nobody serves. Who wrote its name knows of it.
    named = [name for name in (*access.login, *access.protected) if "*" not in name]
    is_shown = answered | let_in | ((by_own | route.isin(named)) & ~status.isin(_MISSING))
    judged = frame.assign(
        network=mapped(frame["client"], network_of).astype("str"),
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


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows (with bounds) that may be in a window."""
    return frame[maybe_within(frame, window)]


def maybe_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows may be in the window: a bound that is not known excludes nothing."""
    outside = frame["not_after_at"].lt(window.since) | frame["not_before_at"].gt(window.until)
    return ~outside.fillna(False).astype(bool)


def surely_within(frame: pd.DataFrame, window: Window) -> "pd.Series[bool]":
    """Which rows (with bounds) are in the window whatever their true time."""
    return frame["not_before_at"].ge(window.since) & frame["not_after_at"].le(window.until)


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
    good, past = succeeded(requests), requests["not_after_at"].lt(window.since)
    known, networks = (set(requests.loc[good & past, name]) for name in ("client", "network"))
    here = requests[maybe_within(requests, window)]
    failures, successes = (here["count"].where(mask, 0) for mask in (here["refused"], good.loc[here.index]))
    sums = here.assign(requests=here["count"], failures=failures, successes=successes).groupby("client")
    frame = sums[["requests", "failures", "successes"]].sum()
    frame = frame.assign(network=sums["network"].first()).reset_index()
    answered, reaches = (
        frame["successes"].gt(0),
        reaches_back(requests, window, policy.thresholds["let-in"].days),
    )
    classes = {
        "unnamed": frame["client"].eq(""),
        "internal": frame["client"].map(policy.is_private).astype(bool) & (not policy.clients),
        "known": frame["client"].isin(known),
        "failing only": frame["failures"].gt(0) & ~answered,
        "not known if new": pd.Series(not reaches, frame.index),
        "new address": answered & frame["network"].isin(networks),
    }
    frame["classification"] = np.select([*classes.values()], [*classes], "new network")
    order = frame.sort_values(["failures", "requests", "client"], ascending=[False, False, True])
    return order.reset_index(drop=True)


def address_label(logs: LogRead, key: Key) -> shown.Label:
    """What tells an address from others of its network, the same in each run: without a key its number."""
    if key.origin != "throw-away":
        return shown.keyed_label(key)
    named = pd.concat([frame[["file", "line", "client"]] for frame in (logs.counts, logs.events)])
    clients = named.sort_values(["file", "line"], kind="stable")["client"].unique()
    in_texts = (address for text in logs.events["subject"].unique() for address in shown.addresses_in(text))
    return shown.numbered_label([*clients, *in_texts])


def with_addresses(
    tables: Mapping[str, pd.DataFrame], label: shown.Label, identities: str, known: Callable[[str], bool]
) -> dict[str, pd.DataFrame]:
    """The log tables as addresses may be shown in them; those that the policy knows are marked."""
    if identities == "full":
        return {name: shown.marked_clients(table, known) for name, table in tables.items()}

    def marked(client: str) -> str:
        return f"{label(client)} (known)" if known(client) else label(client)

    return {name: shown.mask_frame(table, marked) for name, table in tables.items()}
