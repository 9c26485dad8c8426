"""Guessing: failed logins of one address or network. Spraying: a few failures of each of many addresses."""

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.in_words import counted
from audit_lib.logins.detect.incidents import (
    EVERYONE,
    Incident,
    by_episode,
    in_order,
    in_windows,
    incident,
    of_source,
)
from audit_lib.logins.traffic import Traffic
from audit_lib.logs.logins import FAILED_LOGIN

PAUSE = 1440.0  # minutes: after a longer one a source begins anew
SEVERAL_ROUTES = 8


def find_guessing(traffic: Traffic, failures: pd.DataFrame) -> tuple[list[Incident], pd.Index]:
    """Failures of one address, then of one network by those that no address is found for; and which they are.

    `failures` are those that no mistype and no change explains.
    """
    found, loud = _of_sources(traffic, failures, "client")
    rest = failures.drop(loud)
    several = rest.groupby("network")["client"].transform("nunique").gt(1)
    networks, more = _of_sources(traffic, rest[several], "network")
    return [*found, *networks, *_without_address(traffic, found)], loud.union(more)


def _of_sources(traffic: Traffic, failures: pd.DataFrame, key: str) -> tuple[list[Incident], pd.Index]:
    """What reaches any rung of the ladder; of a network, with several addresses in its window."""
    events = in_order(failures, key)
    marks, least = np.zeros(len(events), bool), 2 if key == "network" else 1
    for number, minutes in traffic.policy.guessing.ladder:
        marks |= in_windows(events, key, minutes, number, label="client", labels=least)
    loud = events[marks]
    return by_episode(loud, key, PAUSE, lambda name, run: _guess(traffic, key, name, run)), loud.index


def _guess(traffic: Traffic, key: str, name: str, run: pd.DataFrame) -> Incident:
    policy = traffic.policy
    peak = int(run.groupby(run["seconds"] // 60).size().max())
    routes = sorted(set(run["route"]))
    ambiguous = policy.failure.ambiguous_routes if policy.failure else ()
    unclear = [route for route in routes if matches_glob(route, ambiguous)]
    let_in = run["success"].sub(run["seconds"]).le(policy.let_in.minutes * 60).any()
    words = {
        f"{failures_in_words(run)}, at most {peak} in a minute": True,
        f"of {run['client'].nunique()} addresses": key == "network",
        f"on {len(routes)} routes": len(routes) >= SEVERAL_ROUTES,
        "from where somebody was let in before": run["known"].any(),
        "then let in": let_in,
        f"a refusal on {''.join(unclear[:1])} can follow a correct password": unclear,
    }
    severity = policy.guessing.severity
    if len(run) >= policy.guessing.high and severity != "critical":
        severity = "high"
    text = "; ".join(word for word, holds in words.items() if holds)
    return incident(run, text, severity, **of_source(key, name))


def failures_in_words(run: pd.DataFrame) -> str:
    """`60 failed logins within 5 minutes`; `refused requests`, unless each is on a login route or told."""
    what = "failed logins" if run["on_login"].all() else "refused requests"
    minutes = int((run["seconds"].max() - run["seconds"].min()) // 60) + 1
    hours, days = round(minutes / 60), minutes // 1440 + 1
    span = counted(minutes, "minute") if minutes < 120 else counted(hours, "hour")
    return f"{len(run)} {what} within {counted(days, 'day') if days > 2 else span}"


def _without_address(traffic: Traffic, found: list[Incident]) -> list[Incident]:
    """Failed logins that messages report without an address, many at once, where no source is found then."""
    events, rule = traffic.events, traffic.policy.guessing
    said = events[events["kind"].eq(FAILED_LOGIN) & events["at"].notna() & events["client"].eq("")]
    for one in found:
        said = said[~one.during(said["at"])]
    said = in_order(said.assign(all=EVERYONE), "all")
    number, minutes = rule.without_address
    loud = said[in_windows(said, "all", minutes, number)]

    def build(name: str, run: pd.DataFrame) -> Incident:
        return incident(
            run, "failed logins that messages report without an address", rule.severity, subject=name
        )

    return by_episode(loud, "all", minutes, build)


def find_spraying(traffic: Traffic, failures: pd.DataFrame) -> list[Incident]:
    """Failures of addresses that were never let in before, on one route: of many networks in one window.

    `failures` are those that no mistype, no change and no guessing explains.
    """
    rule = traffic.policy.spraying
    events = in_order(failures[~failures["known"] & failures["client"].ne("")], "route")
    marks = np.zeros(len(events), bool)
    for number, networks, minutes in rule.ladder:
        most = rule.most_per_network
        marks |= in_windows(events, "route", minutes, number, label="network", labels=networks, most=most)
    found = by_episode(events[marks], "route", 2 * PAUSE, lambda route, run: _spray(traffic, route, run))
    return [one for one in found if not one.classification or _is_crowd(traffic, one)]


def _spray(traffic: Traffic, route: str, run: pd.DataFrame) -> Incident:
    addresses, networks = run["client"].nunique(), run["network"].nunique()
    text = f"{failures_in_words(run)}, of {addresses} addresses in {networks} networks"
    return incident(run, text, traffic.policy.spraying.severity, subject=route)


def _is_crowd(traffic: Traffic, found: Incident) -> bool:
    """Whether the addresses are many beside those that are let in on the route meanwhile.

    Of a busy application some people always give up.
    """
    good = traffic.requests[traffic.requests["let_in"] & traffic.requests["route"].eq(found.subject)]
    return (
        len(found.clients)
        >= traffic.policy.spraying.share * good.loc[found.during(good["at"]), "client"].nunique()
    )
