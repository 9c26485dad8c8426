"""Declared logins in the logs, how often each failed and succeeded; and logins that nobody declared."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.in_words import DECLARED, POSSIBLE, counted as in_words
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logs.logins import FAILED_LOGIN, bare_route
from audit_lib.settings import Login
from audit_lib.settings.keys import TEXTS

REDIRECTS, READING = (302, 303), ("GET", "HEAD", "OPTIONS")  # to who got in; methods by which nobody logs in
WRITING = {*TEXTS["words"]["method"]} - {*READING}
_PATTERNS = {name: re.compile(text) for name, text in TEXTS["patterns"].items()}
_MOST, _LEAST = 5, 2  # questions, and answers of a status that are worth one
_SUCCESS = '# succeeded_redirect = "/…"  # where who got in is sent: without it nobody is seen to get in'
_FAILURE = ('failed_redirect = "/…"  # where who failed is sent, perhaps with ?parameter; or',
            'failed_message = "…"  # what the application writes then')  # fmt: skip


def on_logins(requests: pd.DataFrame, logins: Sequence[Login]) -> "pd.Series[bool]":
    """Which requests are to any of these logins, by their methods."""
    wanted = {(login.method, bare_route(login.route)) for login in logins}
    bare = requests["route"].map({name: bare_route(name) for name in requests["route"].unique()})
    return pd.Series([*zip(requests["method"], bare, strict=True)], requests.index).isin(wanted)


def entered(requests: pd.DataFrame, logins: Sequence[Login]) -> "pd.Series[bool]":
    """Which requests, or messages (status 0), are logins that succeed: as declared, else if statuses tell."""
    result, status = pd.Series(False, index=requests.index), requests["status"]
    moved = status.isin(REDIRECTS) & requests["kind"].ne(POSSIBLE)
    for login in logins:
        said = login.succeeded_message or (login.failed_message and not login.failed_redirect)
        usual = (moved if login.failed_redirect else status.between(200, 299) | moved) & (not said)
        good = status.isin(login.succeeded_statuses) if login.succeeded_statuses else usual
        result |= on_logins(requests, [login]) & (good | status.eq(0)) & ~status.isin(login.failed_statuses)
    return result


def may_log_in(route: str) -> bool:
    """Whether a route looks like a login or the step that checks its code, not like a sign-up or a reset."""
    does_other = _PATTERNS["does_other"].search(route) and not _PATTERNS["login_step"].search(route)
    return bool(_PATTERNS["route"].fullmatch(route) and _PATTERNS["logs_in"].search(route) and not does_other)


def tries_in_words(run: pd.DataFrame, number: str) -> str:
    """So many tries, and within which time, in words: `12 failed logins within 3 hours`."""
    what = "failed logins" if run["on_login"].all() else "refused requests"
    minutes = int((run["seconds"].max() - run["seconds"].min()) // 60) + 1
    hours = in_words(round(minutes / 60), "hour") if minutes < 2880 else in_words(minutes // 1440 + 1, "day")
    return f"{number} {what} within {in_words(minutes, 'minute') if minutes < 120 else hours}"


class Proposal(NamedTuple):
    """A route that may log people in."""

    question: str
    block: str  # the question and the declaration as comments, to be taken over
    uncounted: bool  # failures of it may be among requests that count as none
    answers: int  # that it gave


def _ways_on(minutes: pd.DataFrame, routes: Iterable[str]) -> dict[Any, dict[Any, Any]]:
    """What is asked next, by method, route and status: `way`, from 1 if it is always a login's page to -1 if
    always another, and `back`, the login's page that is asked for most if it is asked for twice."""
    asking = minutes.loc[minutes["route"].isin(routes) & minutes["client"].ne(""), "client"]
    rows = minutes[minutes["client"].isin(asking)].sort_values(["file", "client", "line"])
    then = rows.groupby(["file", "client"], observed=True)[["method", "route", "minute_at"]].shift(-1)
    is_page = then["route"].eq(rows["route"]) | then["route"].isin(filter(may_log_in, rows["route"].unique()))
    is_soon = then["method"].isin(READING) & (then["minute_at"] - rows["minute_at"]).le("1min")
    rows = rows.assign(way=(2 * is_page - 1).where(is_soon, 0), back=then["route"].where(is_page & is_soon))
    sums: dict[str, Any] = {"way": "mean", "back": lambda it: next(iter(it[it.duplicated()].mode()), "")}
    return rows.groupby(["method", "route", "status"], observed=True).agg(sums).to_dict("index")


def propose(counts: pd.DataFrame, minutes: pd.DataFrame, policy: DetectionPolicy) -> tuple[Proposal, ...]:
    """The routes of LogCounts that look like logins and are not declared as one or none, busiest first. Where
    messages report failures, 500 may be one. Of two answers beside a failure one may be the form again."""
    reported = bool(counts["kind"].isin((FAILED_LOGIN, POSSIBLE)).any())
    requests = counts[counts["status"].notna() & counts["kind"].ne(DECLARED) & counts["method"].isin(WRITING)]
    requests = requests[requests["route"].isin(filter(may_log_in, requests["route"].unique()))]
    none = (requests["method"] + " " + requests["route"]).isin(policy.no_logins)
    requests = requests[~(none | on_logins(requests, policy.logins))].astype({"status": int})
    ways, proposals = _ways_on(minutes, requests["route"].unique()), []
    names = {login.name for login in policy.logins}
    for (method, route), own in requests.groupby(["method", "route"]):
        answers: dict[Any, int] = own.groupby("status")["count"].sum().to_dict()
        often = [status for status, count in answers.items() if count >= _LEAST]
        good, moved = [it for it in answers if it // 100 == 2], [it for it in answers if it in REDIRECTS]
        again = sum(answers[status] for status in good if moved) > answers.get(403, 0)
        form = {403, 400} if again else {403} if {401, 422} & {*often} else set()  # without its token
        bad = [it for it in often if it // 100 == 4 and it not in {404, 405, 419, 429, *form}]
        bad = bad or [status for status in often if reported and status == 500]
        shown = {status: answers[status] for status in sorted({*good, *moved, *bad})}
        then = {each: ways[key] for each in shown if (key := (method, route, each)) in ways}
        moves = [to for it, to in then.items() if it in moved and (to["way"] > 0.5 or {*bad, *good} <= {400})]
        elsewhere = [each for each, to in then.items() if to["way"] < -0.5 and not to["back"]]
        let_in = [one for one in (*good, *moved) if one in elsewhere or not (good and moved)] or good
        failed, succeeded = (bad, let_in) if bad else (good, moved) if good and moved else ([], [])
        if back := next((to["back"] for to in moves if to["back"]), ""):
            failed, succeeded = [], elsewhere
        is_step = _PATTERNS["login_step"].search(str(route))
        if shown and (bad and succeeded if is_step else reported or succeeded or {*moved} & {*often}):
            words = " and ".join(f"{status} {in_words(count, 'time')}" for status, count in shown.items())
            question = f"{method} {route} was answered {words}: is that your login?"
            fails = f'failed_redirect = "{back}"' if back else f"failed_statuses = {failed}" * bool(failed)
            uncounted = not failed or not {*failed} <= {*policy.failure.statuses}
            block = [f"# {question}", *_declaration(str(method), str(route), fails, succeeded, names)]
            proposals.append(Proposal(question, "\n# ".join(block), uncounted, sum(shown.values())))
    return tuple(sorted(proposals, key=lambda each: (-each.answers, each.question))[:_MOST])


def _declaration(method: str, route: str, fails: str, succeeded: list[int], names: set[str]) -> list[str]:
    """The lines of a declaration, under a name that is none of these and joins them."""
    name = "-".join(re.findall(r"[A-Za-z0-9]+", route.replace("{id}", ""))[-3:])[:30]
    while name in names:
        name += "-2"
    names.add(name)
    answers = [fails, f"succeeded_statuses = {succeeded}" if succeeded else _SUCCESS] if fails else _FAILURE
    return ["[[logins]]", f'name = "{name}"', f'route = "{route}"', f'method = "{method}"', *answers]
