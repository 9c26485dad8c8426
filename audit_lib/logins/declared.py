"""Declared logins in the logs: which requests are to one, which of them succeed, how often each failed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.logins.contracts import DeclaredLogins
from audit_lib.logs.logins import bare_route
from audit_lib.settings import Login

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
