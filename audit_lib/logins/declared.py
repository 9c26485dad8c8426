"""Declared logins in the logs, how often each failed and succeeded; and logins that nobody declared."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES, POSSIBLE, REQUEST_KINDS
from audit_lib.logins.contracts import DeclaredLogins
from audit_lib.logs.logins import FAILED_LOGIN, bare_route
from audit_lib.settings import Login
from audit_lib.settings.fields import METHODS, ROUTE

# What a login route answers to who got in, and by which method nobody logs in.
REDIRECTS = (302, 303)
# What is answered if there is no such route, or none by that method.
_MISSING = (404, 405, 410)
READING = ("GET", "HEAD", "OPTIONS")


def by_login(requests: pd.DataFrame, logins: Sequence[Login]) -> Iterator[tuple[Login, "pd.Series[bool]"]]:
    """Each login with which requests are to it; of many routes under one name nothing is said."""
    asked = {bare_route(login.route) for login in logins}
    routes = [route for route in requests["route"].unique() if bare_route(route) in asked] if asked else []
    for login in logins:
        own = [route for route in routes if bare_route(route) == bare_route(login.route)]
        yield login, requests["route"].isin(own) & requests["method"].eq(login.method)


def on_logins(requests: pd.DataFrame, logins: Sequence[Login]) -> "pd.Series[bool]":
    """Which requests are to any of these logins."""
    found = pd.Series(False, index=requests.index)
    for _, own in by_login(requests, logins):
        found |= own
    return found


def on_known_routes(
    requests: pd.DataFrame, logins: Sequence[Login], named: tuple[str, ...]
) -> "pd.Series[bool]":
    """Which requests are on routes that the application has: answered once, or named and not missing.

    A refusal alone shows no route: gateways refuse what nobody serves. `requests` are those of Traffic.
    """
    known = on_logins(requests, logins) | requests["route"].isin(named)
    shown = requests["succeeded"] | requests["let_in"] | (known & ~requests["status"].isin(_MISSING))
    return requests["route"].isin(set(requests.loc[shown, "route"].unique()) - {OTHER_ROUTES})


def entered(requests: pd.DataFrame, logins: Sequence[Login]) -> "pd.Series[bool]":
    """Which requests are logins that succeed, by what these logins declare."""
    found = pd.Series(False, index=requests.index)
    for login, own in by_login(requests, logins):
        found |= own & _succeeds(requests["status"], login)
    return found & requests["declared"].eq(0)


def _succeeds(status: "pd.Series[int]", login: Login) -> "pd.Series[bool]":
    """By the statuses that it declares; else, if statuses alone tell a failure, by the usual ones."""
    if login.succeeded_statuses:
        return status.isin(login.succeeded_statuses)
    if login.failed_redirect or login.failed_message:
        return pd.Series(False, index=status.index)
    return (status.between(200, 299) | status.isin(REDIRECTS)) & ~status.isin(login.failed_statuses)


def tabulate_logins(logins: Sequence[Login], counts: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """`DeclaredLogins`: one row for each login that is declared, with what the logs hold of it."""
    return DeclaredLogins.of(_rows(logins, counts, events))


def _rows(logins: Sequence[Login], counts: pd.DataFrame, events: pd.DataFrame) -> Iterator[dict[str, object]]:
    asked = counts[counts["status"].notna()]
    asked = asked.assign(declared=asked["kind"].eq(DECLARED).astype("int64"))
    for login, there in by_login(asked, logins):
        own = asked[there]
        failed = own["declared"].eq(1) | own["status"].isin(login.failed_statuses)
        said = int(events["message"].eq(message_of(login)).sum())
        yield {
            "login": login.name,
            "declared_in": "audit.toml" if login.added else "policy",
            "method": login.method,
            "route": login.route,
            "failure": login.failure,
            "requests": int(own["count"].sum()),
            # Answers and messages tell of the same logins.
            "failed": max(int(own.loc[failed, "count"].sum()), said),
            "succeeded": int(own.loc[entered(own, [login]), "count"].sum()),
        }


def has_failed(logins: Sequence[Login], counts: pd.DataFrame) -> bool:
    """Whether any of these logins was seen to fail, by its message or by an answer of its route."""
    told = counts["kind"].eq(DECLARED) & counts["status"].isna()
    if told.any() and any(login.failed_message for login in logins):
        return True
    failed = (
        own & (counts["kind"].eq(DECLARED) | counts["status"].isin(login.failed_statuses))
        for login, own in by_login(counts, logins)
    )
    return any(bool(rows.any()) for rows in failed)


def message_of(login: Login) -> str:
    """The name of the message by which the application tells that the login failed."""
    return f"login {login.name}"


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
    said = bool(counts["kind"].isin((FAILED_LOGIN, POSSIBLE)).any())
    answers: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for row in rows(asked[["method", "route", "status", "count"]]):
        answers[row.method, row.route][int(row.status)] += int(row.count)
    found = [
        proposal
        for (method, route), own in answers.items()
        if (method, bare_route(route)) not in known
        for proposal in _proposal(method, route, own, counted, said)
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
    method: str, route: str, answers: Mapping[int, int], counted: Sequence[int], said: bool
) -> Iterator[Proposal]:
    """A route with answers to who failed and to who got in, or with redirects that may be either.

    If messages report failures (`said`), answers to who got in are enough, and 500 may be one to who failed.
    """
    good = [status for status in answers if 200 <= status < 300]
    moved = [status for status in answers if status in REDIRECTS]
    bad = [status for status in answers if 400 <= status < 500 and status not in (404, 405, 429)]
    bad = bad or [status for status in answers if status == 500 and said]
    bad = [status for status in bad if answers[status] >= _LEAST]
    shown = {status: count for status, count in answers.items() if status in (*good, *moved, *bad)}
    if not good and not moved and not said:
        return
    if bad:
        failed, succeeded = bad, [*good, *moved]
    elif good and moved:
        # A form that is shown again, and a redirect for who got in.
        failed, succeeded = good, moved
    elif said or (moved and sum(answers[status] for status in moved) >= _LEAST):
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
