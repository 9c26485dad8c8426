"""What a rotation breaks, for how long and for whom, as far as logs and deploy lists show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.in_words import counted, day_words
from audit_lib.logins.requests import Window, succeeded, tabulate_clients, within
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.scope import ConsumerPlace, RotationScope
from audit_lib.settings import Policy

DAYS = 14
NO_LOGS = f"not known: no log line of the last {DAYS} days was read"
NO_LIST = "not known: no deploy list shows how long one takes"


@dataclass(frozen=True)
class Effects:
    """What to expect, as pairs of a topic and a sentence, and the words that steps ask for."""

    as_of: datetime
    asked: bool  # callers of the application send the secret
    window: str  # how long callers are refused, in words
    broken: str  # what fails in that time, in words
    lines: tuple[tuple[str, str], ...]


def expected_effects(scope: RotationScope, policy: Policy, read: RotationRead) -> Effects:
    """The effects of rotating everything in scope, by the logs of the last days; each may be not known."""
    minutes = [_minutes(one, read.deploys) for one in scope.consumers]
    window, longest = _window(scope, minutes)
    asked = scope.is_sent(policy)
    broken = _broken(scope, asked=asked)
    refused = "none: both values are valid meanwhile" if scope.overlap == "yes" else _failures(read, longest)
    refused = refused if asked else "none: callers do not send it"
    lines = (
        ("Clients", _clients(read)),
        ("Refused meanwhile", broken),
        ("Expected failures", refused),
        ("Window", window),
        ("Sessions lost", scope.rule.sessions_lost or "not known: the policy does not say (sessions_lost)"),
        ("Overlap of old and new", _OVERLAP[scope.overlap] if scope.secret else _SETTING),
        *(("Refresh", text) for text in _refreshes(scope, minutes)),
        ("Changes with it", _coupled(scope)),
    )
    return Effects(read.as_of, asked, window, broken, lines)


_OVERLAP = {
    "yes": "possible: revoke the old value when nothing uses it any more",
    "no": "impossible: the old value stops working when the new one starts",
    "unknown": "not known: the policy does not say (overlap); plan as if it were impossible",
}


_SETTING = "does not matter: nothing is revoked"


def _broken(scope: RotationScope, *, asked: bool) -> str:
    names = ", ".join(dict.fromkeys(one.consumer.name for one in scope.consumers)) or "what reads it"
    if scope.overlap == "yes":
        return f"nothing but what the refresh of {names} interrupts"
    if asked:
        return "callers with the old value get 401 until they and the last consumer have the new one"
    return f"what it opens is out of reach of {names} until the new value is in use there"


def _minutes(one: ConsumerPlace, deploys: pd.DataFrame) -> float | None:
    """How long a deploy of a consumer took, by the median of those listed, in minutes."""
    here = deploys[deploys["environment"].eq(one.environment) & deploys["service"].eq(one.consumer.name)]
    took = (here["ended_at"] - here["began_at"])[here["outcome"].eq("took effect")].dropna()
    return None if took.empty else float(took.dt.total_seconds().median()) / 60


def _window(scope: RotationScope, minutes: list[float | None]) -> tuple[str, float | None]:
    """How long it takes in the environment that takes longest: in words, and if it is known in minutes."""
    if scope.overlap == "yes":
        return "no window is needed: old and new value overlap", 0.0
    known = [one for one in minutes if one is not None]
    if not known:
        return NO_LIST, None
    least = max(known)
    some = len(known) < len(minutes)
    unknown = f"; of {counted(len(minutes) - len(known), 'consumer')} it is not known" if some else ""
    return f"at least {least:.0f} min, the time that a deploy takes{unknown}", least


def _requests(read: RotationRead) -> pd.DataFrame:
    return within(read.requests, Window(read.as_of - timedelta(days=DAYS), read.as_of))


def _clients(read: RotationRead) -> str:
    """Who was answered lately, by class of address."""
    here = _requests(read)
    if here.empty:
        return NO_LOGS
    window = Window(read.as_of - timedelta(days=DAYS), read.as_of)
    table = tabulate_clients(read.requests, window, 0)
    answered = table[table["successes"] > 0].groupby("classification").agg(
        clients=("client", "size"), successes=("successes", "sum")
    )  # fmt: skip
    classes = "; ".join(
        f"{name}: {counted(int(clients), 'address', 'addresses')}, answered {int(successes):,} times"
        for name, clients, successes in answered.itertuples()
    )
    since = day_words(window.since)
    return (
        f"since {since}: {classes}" if classes else f"since {since} nobody was answered on protected routes"
    )


def _failures(read: RotationRead, minutes: float | None) -> str:
    """How many requests are refused in so many minutes, if callers ask as they did lately."""
    here = _requests(read)
    answered = here[succeeded(here)]
    if here.empty:
        return NO_LOGS
    if minutes is None:
        return "not known, since the window is not"
    total = int(answered["count"].sum())
    expected = total * minutes / (DAYS * 24 * 60)
    about = f"about {expected:.0f}" if expected >= 1 else "fewer than one"
    return (
        f"{about} in each {minutes:.0f} min, by {total:,} answered in {DAYS} days; "
        "more if clients keep the old value"
    )


def _refreshes(scope: RotationScope, minutes: list[float | None]) -> Iterator[str]:
    for one, took in zip(scope.consumers, minutes, strict=True):
        time = "how long is not known" if took is None else f"about {took:.0f} min"
        how = {"never": "somebody enters the value there"}.get(one.refresh, one.refresh)
        yield f"{one}: {how}, {time}"


def _coupled(scope: RotationScope) -> str:
    told = [f"{rule.name} (the same value)" for rule in scope.twins]
    told += [f"{rule.name} (a value of its own)" for rule in scope.partners]
    told += [f"not {name}, which must stay different" for name in scope.rule.differs
             if name not in {rule.name for rule in scope.rules}]  # fmt: skip
    return ", ".join(told) or "nothing"
