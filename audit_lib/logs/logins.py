"""Declared logins: which requests and messages are failed logins, and how one ended that was redirected."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.in_words import DECLARED, NOTICE, POSSIBLE
from audit_lib.logs.templates import Block, parse_template
from audit_lib.logs.times import MINUTE, NONE, SECOND
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.settings import Login

FAILED_LOGIN = "login_failed"  # the kind of messages that report one
FAILURES, LET_IN = (FAILED_LOGIN, DECLARED), "login succeeded"  # kinds of failed logins; a message's name
# Events of a login that is answered with a redirect, and of a request to where one may lead.
LOGIN_MOVED, LOGIN_SENT = OPEN_LOGINS = ("login answered with a redirect", "request to where a login leads")
_BEFORE = ("client: ", "from ", "ip: ", "IP=", "address: ")  # what stands before an address
_ADDRESS = (*(f"{{text}}{it}{{client}}" for it in _BEFORE), "{text}({client})", "")


class LoginAnswer(NamedTuple):
    """Requests that bear on a declared login, by status, method and perhaps a parameter."""

    event: str  # one of OPEN_LOGINS; "" for a failed login, which is a request like other refusals
    statuses: range
    method: str
    parameter: bytes = b""  # in small letters; b"": whatever the query is

    def fits(self, status: int, method: str, query: bytes) -> bool:
        """Whether a request on its route is one of these."""
        names = [b"", *(pair.partition(b"=")[0].lower() for pair in query.split(b"&"))]
        return status in self.statuses and method == self.method and self.parameter in names


def bare_route(route: str) -> bytes:
    """A route in small letters, without a slash at its end; beyond ASCII the case counts."""
    return route.encode("utf-8", "surrogatepass").lower().removesuffix(b"/") or route.encode()


def answers_of(logins: Iterable[Login], counted: Collection[int]) -> Mapping[bytes, list[LoginAnswer]]:
    """What requests are to these logins, by route, in order; statuses `counted` anyway stay as they are."""
    found: defaultdict[bytes, list[LoginAnswer]] = defaultdict(list)
    for login in logins:
        own, failed = found[bare_route(login.route)], {*login.failed_statuses} - {*counted}
        own += [LoginAnswer("", range(status, status + 1), login.method) for status in failed]
        own += [LoginAnswer(LOGIN_MOVED, range(300, 400), login.method)] if login.failed_redirect else []
        for target in filter(None, (login.failed_redirect, login.succeeded_redirect)):
            path, _, parameter = target.partition("?")
            sent = LoginAnswer(LOGIN_SENT, range(200, 400), "GET", parameter.lower().encode())
            found[bare_route(path)].append(sent)
    return {
        route: sorted(answers, key=lambda it: (("", *OPEN_LOGINS).index(it.event), not it.parameter))
        for route, answers in found.items()
    }


def phrases_of(logins: Iterable[Login]) -> Iterator[Block]:
    """What is written of how each login ended: with its address, and without."""
    for one in logins:
        kind = FAILED_LOGIN if one.failed_statuses or one.failed_redirect else DECLARED
        failed = (f"login {one.name}", one.failed_message, kind)
        yield from (
            Block(name, parse_template(f"{{text}}{text}{it}"), kind=kind, method=one.method, route=one.route)
            for name, text, kind in (failed, (LET_IN, one.succeeded_message, NOTICE))
            for it in (_ADDRESS if text else ())
        )


def settle_logins(
    requests: pd.DataFrame, events: pd.DataFrame, logins: Sequence[Login]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The requests and events with each redirected login counted as it ended: failed, possibly so, or not."""
    is_open = events["message"].isin(OPEN_LOGINS)
    if not is_open.any():
        return requests, events
    steps = events[is_open].sort_values("line", kind="stable")
    following = steps.groupby("client", observed=True)[["message", "at", "route", "subject"]].shift(-1)
    kinds = [_kind(*pair, logins) for pair in zip(steps.itertuples(), following.itertuples(), strict=True)]
    steps = steps.assign(kind=kinds, minute=steps["at"].clip(-1) // MINUTE, count=1, message="")
    failed = steps.loc[steps["kind"].ne("other")].assign(subject="")[list(events)]
    return (
        pd.concat([requests, steps[list(requests)]], ignore_index=True),
        pd.concat([events[~is_open], failed], ignore_index=True),
    )


def _kind(step: Any, after: Any, logins: Sequence[Login]) -> str:
    if step.message == LOGIN_SENT:
        return "other"
    is_near = NONE in (step.at, after.at) or abs(after.at - step.at) <= 30 * SECOND  # for a browser to follow
    here = (step.method, bare_route(step.route))
    own = [each for each in logins if each.failed_redirect and (each.method, bare_route(each.route)) == here]
    if after.message != LOGIN_SENT or step.client in ("", NOT_AN_ADDRESS) or not is_near:
        return POSSIBLE
    failed = [it.failed_redirect for it in own if _leads_to(it.failed_redirect, after)]
    succeeded = [it.succeeded_redirect for it in own if _leads_to(it.succeeded_redirect, after)]
    if failed and succeeded:  # where both lead to one path, the parameter tells
        return DECLARED if "?" in "".join(failed) or "?" not in "".join(succeeded) else "other"
    return DECLARED if failed else "other" if succeeded else POSSIBLE


def _leads_to(target: str, after: Any) -> bool:
    path, _, parameter = target.partition("?")
    return (
        path != ""
        and bare_route(path) == bare_route(after.route)
        and parameter.lower() in ("", after.subject)
    )
