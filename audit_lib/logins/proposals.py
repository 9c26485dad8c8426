"""Logins that nobody declared, as the logs show them: asked about, and proposed as a block to take over."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import DECLARED, REQUEST_KINDS
from audit_lib.logins.declared import READING, REDIRECTS
from audit_lib.logs.logins import bare_route
from audit_lib.settings import Login
from audit_lib.settings.fields import METHODS, ROUTE

# Words of routes that log people or programs in, and of those beside them that do something else.
_ABOUT = frozenset(
    {"login", "log-in", "signin", "sign-in", "logon", "session", "sessions", "auth", "authenticate"}
    | {"authentication", "token", "tokens", "oauth", "sso"}
)
_OTHER = frozenset(
    {"logout", "log-out", "signout", "sign-out", "logoff", "register", "registration", "signup", "sign-up"}
    | {"reset", "forgot", "recover", "verify", "confirm", "refresh", "revoke", "csrf", "check", "change"}
)
_PHRASE = re.compile(r"(log|sign)[-_ ]?(in|out|on|off|up)")
_MOST = 5
_LEAST = 2  # answers of a status that are worth a question


@dataclass(frozen=True)
class Proposal:
    """A route that may log people in, with what it answered."""

    method: str
    route: str
    answers: tuple[tuple[int, int], ...]  # status and how many, in the order of the statuses
    failed: tuple[int, ...]  # statuses that may be failures; (): no status tells
    succeeded: tuple[int, ...]
    uncounted: bool  # failures of it may be among requests that count as none

    @property
    def question(self) -> str:
        """The question in words."""
        told = [f"{status} {count:,} {'time' if count == 1 else 'times'}" for status, count in self.answers]
        listed = " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
        return f"{self.method} {self.route} was answered {listed}: is that your login?"

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of TOML that declare it."""
        named = (f'name = "{_name(self.route)}"', f'route = "{self.route}"', f'method = "{self.method}"')
        if self.failed:
            told = f"failed_statuses = {[*self.failed]}", f"succeeded_statuses = {[*self.succeeded]}"
        else:
            told = (
                'failed_redirect = "/…"  # where who failed is sent, perhaps with ?parameter; or',
                'failed_message = "…"  # what the application writes then',
            )
        return ("[[logins]]", *named, *told)

    @property
    def declaration(self) -> str:
        """The same in one line."""
        return " · ".join(line.partition("  # ")[0] for line in self.lines)

    @property
    def block(self) -> str:
        """The question and the declaration as comments, to be taken over."""
        return "\n".join(f"# {line}" for line in (self.question, *self.lines))


def propose(
    counts: pd.DataFrame, logins: Iterable[Login], counted: Sequence[int] = tuple(REQUEST_KINDS)
) -> tuple[Proposal, ...]:
    """The routes that look like logins, were answered as one, and are not declared; the busiest first.

    `counts` are LogCounts, `counted` the statuses that count as a failure anyway.
    """
    asked = counts[counts["status"].notna() & ~counts["method"].isin((*READING, ""))]
    asked = asked[asked["method"].isin(METHODS) & asked["kind"].ne(DECLARED)]
    known = {(login.method, bare_route(login.route)) for login in logins}
    names = {route for route in asked["route"].unique() if ROUTE.fullmatch(route) and _logs_in(route)}
    asked = asked[asked["route"].isin(names)]
    answers: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for row in rows(asked[["method", "route", "status", "count"]]):
        answers[row.method, row.route][int(row.status)] += int(row.count)
    found = [
        proposal
        for (method, route), own in answers.items()
        if (method, bare_route(route)) not in known
        for proposal in _proposal(method, route, own, counted)
    ]
    return tuple(sorted(found, key=_busiest)[:_MOST])


def _busiest(one: Proposal) -> tuple[int, str, str]:
    return -sum(count for _, count in one.answers), one.route, one.method


def _logs_in(route: str) -> bool:
    """Whether the words of a route are those of a login, and not of what stands beside it."""
    words = set(re.split(r"[/._-]+", route.lower()))
    words |= set(re.split(r"[/._]+", route.lower()))
    words |= {found[0].replace("_", "-").replace(" ", "-") for found in _PHRASE.finditer(route.lower())}
    return bool(words & _ABOUT) and not words & _OTHER


def _proposal(
    method: str, route: str, answers: Mapping[int, int], counted: Sequence[int]
) -> Iterator[Proposal]:
    """A route with answers to who failed and to who got in, or with redirects that may be either."""
    good = [status for status in answers if 200 <= status < 300]
    moved = [status for status in answers if status in REDIRECTS]
    bad = [status for status in answers if 400 <= status < 500 and status not in (404, 405, 429)]
    bad = [status for status in bad if answers[status] >= _LEAST]
    shown = {status: count for status, count in answers.items() if status in (*good, *moved, *bad)}
    if not good and not moved:
        return
    if bad:
        failed, succeeded = bad, [*good, *moved]
    elif good and moved:
        # A form that is shown again, and a redirect for who got in.
        failed, succeeded = good, moved
    elif moved and sum(answers[status] for status in moved) >= _LEAST:
        failed, succeeded = [], []
    else:
        return
    uncounted = not failed or not set(failed) <= set(counted)
    yield Proposal(
        method,
        route,
        tuple(sorted(shown.items())),
        tuple(sorted(failed)),
        tuple(sorted(succeeded)),
        uncounted,
    )


def _name(route: str) -> str:
    """A name for a login by the last word of its route."""
    words = [word for word in re.split(r"[^A-Za-z0-9-]+", route) if word and word != "id"]
    return words[-1][:40].strip("-") if words else "login"
