"""Guessing: failed logins of one address or network. Spraying: a few failures of each of many addresses."""

import numpy as np
import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
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
from audit_lib.logins.traffic import FAILED_LOGIN, Traffic

HOUR = 60
SEVERAL_ROUTES = 8


def find_guessing(traffic: Traffic, explained: "pd.Series[bool]") -> list[Incident]:
    """Failures of one address, then of one network by those that no address of it is found for.

    What ends in a success soon after few failures is mistyped, and what a change explains is no guess.
    """
    failures = traffic.failures[~explained & ~traffic.failures["mistype"]]
    found, rest = _of_sources(traffic, failures, "client")
    several = rest.groupby("network")["client"].transform("nunique").gt(1)
    networks, _ = _of_sources(traffic, rest[several], "network")
    return found + networks + _without_address(traffic, found)


def guesses(traffic: Traffic, explained: "pd.Series[bool]") -> pd.Index:
    """The failures that are part of guessing, by address or network: no address that sprays."""
    failures = traffic.failures[~explained & ~traffic.failures["mistype"]]
    alone = _climbing(traffic, in_order(failures, "client"), "client")
    rest = failures.drop(alone)
    several = rest[rest.groupby("network")["client"].transform("nunique").gt(1)]
    return alone.union(_climbing(traffic, in_order(several, "network"), "network"))


def _climbing(traffic: Traffic, events: pd.DataFrame, key: str) -> pd.Index:
    """The failures that reach any rung of the ladder; of a network, with several addresses in its window."""
    marks = np.zeros(len(events), bool)
    least = 2 if key == "network" else 1
    for failures, minutes in traffic.policy.guessing.ladder:
        marks |= in_windows(
            events,
            key,
            minutes,
            lambda total, clients, failures=failures: total >= failures and clients >= least,  # type: ignore[misc]
            label="client",
        )
    return events.index[marks]


def _of_sources(traffic: Traffic, failures: pd.DataFrame, key: str) -> tuple[list[Incident], pd.DataFrame]:
    """The incidents by address or network, and the failures that are part of none."""
    events = in_order(failures, key)
    loud = _climbing(traffic, events, key)
    pause = max(minutes for _, minutes in traffic.policy.guessing.ladder) / 7  # longer is another episode
    found = by_episode(events.loc[loud], key, pause, lambda name, run: _guess(traffic, key, name, run))
    return found, failures.drop(loud)


def _guess(traffic: Traffic, key: str, name: str, run: pd.DataFrame) -> Incident:
    policy = traffic.policy
    peak = int(run.groupby(run["seconds"] // 60).size().max())
    days, routes = run["at"].dt.floor("D").nunique(), run["route"].nunique()
    words = [f"{len(run)} {failures_in_words(run)} within {_span(run)}, at most {peak} in a minute"]
    if key == "network":
        words.append(f"of {run['client'].nunique()} addresses")
    if days > 1:
        words.append(f"on {days} days")
    if routes >= SEVERAL_ROUTES:
        words.append(f"on {routes} routes")
    if run["known"].any():
        words.append("from where somebody was let in before")
    if run["success"].sub(run["seconds"]).le(policy.let_in.minutes * 60).any():
        words.append("then let in")
    ambiguous = policy.failure.ambiguous_routes if policy.failure else ()
    if unclear := [route for route in sorted(set(run["route"])) if matches_glob(route, ambiguous)]:
        words.append(f"a refusal on {unclear[0]} can follow a correct password")
    high = len(run) >= policy.guessing.high
    severity = _at_least_high(policy.guessing.severity) if high else policy.guessing.severity
    return incident(run, "; ".join(words), severity, **of_source(key, name))


def _at_least_high(severity: str) -> str:
    return severity if severity == "critical" else "high"


def failures_in_words(run: pd.DataFrame) -> str:
    """`failed logins`, if each is on a login route or told by a message; else `refused requests`."""
    return "failed logins" if run["on_login"].all() else "refused requests"


def _span(run: pd.DataFrame) -> str:
    minutes = int((run["seconds"].max() - run["seconds"].min()) // 60) + 1
    if minutes < 2 * HOUR:
        return counted(minutes, "minute")
    return counted(round(minutes / HOUR), "hour") if minutes < 2880 else counted(minutes // 1440 + 1, "day")


def _without_address(traffic: Traffic, found: list[Incident]) -> list[Incident]:
    """Failed logins that messages report without an address, many at once, where no source is found then."""
    events = traffic.events
    said = events[events["kind"].eq(FAILED_LOGIN) & events["at"].notna() & events["client"].eq("")]
    said = in_order(said.assign(all=EVERYONE), "all")
    failures, minutes = traffic.policy.guessing.without_address
    loud = said[in_windows(said, "all", minutes, lambda total, _: total >= failures)]
    text = "failed logins within a short time, as the application reported without an address"
    severity = traffic.policy.guessing.severity
    all_ = by_episode(loud, "all", minutes, lambda name, run: incident(run, text, severity, subject=name))
    return [one for one in all_ if not any(_overlap(one, other) for other in found)]


def _overlap(one: Incident, other: Incident) -> bool:
    if one.first_at is None or one.last_at is None or other.first_at is None or other.last_at is None:
        return False
    return one.first_at <= other.last_at and other.first_at <= one.last_at


def find_spraying(traffic: Traffic, explained: "pd.Series[bool]") -> list[Incident]:
    """Failures of addresses that were never let in before, on one route: of many networks in one window.

    Slow ones count only on routes that the application has, and beside the addresses that are let in there.
    """
    rule = traffic.policy.spraying
    alone = guesses(traffic, explained)
    failures = traffic.failures.drop(alone)
    strange = ~explained[failures.index] & ~failures["mistype"] & ~failures["known"]
    events = in_order(failures[strange & failures["client"].ne("")], "route")
    marks = np.zeros(len(events), bool)
    for least, networks, minutes in rule.ladder:
        marks |= in_windows(
            events,
            "route",
            minutes,
            lambda total, labels, least=least, networks=networks: total >= least and labels >= networks,  # type: ignore[misc]
            label="network",
            most=rule.most_per_network,
        )
    pause = max(minutes for *_, minutes in rule.ladder) / 7
    found = by_episode(events[marks], "route", pause, lambda route, run: _spray(traffic, route, run))
    return [one for one in found if not one.classification or _is_crowd(traffic, one)]


def _spray(traffic: Traffic, route: str, run: pd.DataFrame) -> Incident:
    addresses, networks = run["client"].nunique(), run["network"].nunique()
    text = f"{len(run)} {failures_in_words(run)} within {_span(run)}"
    text += f", of {addresses} addresses in {networks} networks"
    return incident(run, text, traffic.policy.spraying.severity, subject=route)


def _is_crowd(traffic: Traffic, found: Incident) -> bool:
    """Whether the addresses are many beside those that are let in on the route meanwhile.

    Of a busy application some people always give up.
    """
    good = traffic.requests[traffic.requests["let_in"] & traffic.requests["route"].eq(found.subject)]
    there = good[found.during(good["at"])]
    return len(found.clients) >= traffic.policy.spraying.share * there["client"].nunique()
