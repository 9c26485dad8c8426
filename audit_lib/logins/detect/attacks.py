"""Attackers in the logs: guessing, spraying, let in after failures, probing; and secrets in URLs."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.detect.incidents import EVERYONE, Episodes, Incident, by_source, find_episodes, incident
from audit_lib.logins.requests import fits
from audit_lib.logins.traffic import Traffic, next_success
from audit_lib.logs.formats import SECRET_IN_URL
from audit_lib.logs.logins import FAILED_LOGIN

MINUTE, HOUR, DAY = 60, 3600, 86400
# Minutes after which who fails, or who probes, begins anew.
PAUSE, PROBING_PAUSE = 1440, 60
PROBED = (400, 403, 404)
# A file or folder whose name begins with a dot, but for that of RFC 8615.
_DOTFILE = re.compile(r"/\.(?!well-known(?:/|$))[^/.]")


def find_guessing(traffic: Traffic, failures: pd.DataFrame) -> Episodes:
    """Failures of one address, then of one network by those that no address is found for.

    `failures` are those that no mistype and no change explains. Where no source is found, failed logins that
    messages report without an address, many at once.
    """
    rule, events = traffic.policy.thresholds["guessing"], traffic.events

    def find(own: pd.DataFrame, key: str, field: str) -> Episodes:
        return find_episodes(own, key, rule.ladder, PAUSE, partial(_guess, traffic, field))

    def build(name: str, run: pd.DataFrame) -> Incident:
        text = "failed logins that messages report without an address"
        return incident(run, text, rule.severity, subject=name)

    guesses, part = by_source(failures, find)
    unnamed = events[events["kind"].eq(FAILED_LOGIN) & events["at"].notna() & events["client"].eq("")]
    for guess in guesses:
        unnamed = unnamed[~guess.during(unnamed["at"])]
    ladder = [rule.without_address]
    more, _ = find_episodes(unnamed.assign(all=EVERYONE), "all", ladder, ladder[0][-1], build)
    return [*guesses, *more], part


def _guess(traffic: Traffic, field: str, name: str, run: pd.DataFrame) -> Incident:
    rule, failure = traffic.policy.thresholds["guessing"], traffic.policy.failure
    peak, routes = int(run.groupby(run["seconds"] // MINUTE).size().max()), sorted(set(run["route"]))
    unclear = [route for route in routes if matches_glob(route, failure.ambiguous_routes)]
    soon = traffic.policy.thresholds["let-in"].minutes * MINUTE
    clauses = {
        f"{failures_in_words(run)}, at most {peak} in a minute": True,
        f"of {run['client'].nunique()} addresses": field == "subject",
        f"on {len(routes)} routes": len(routes) > 1,
        "from where somebody was let in before": run["known"].any(),
        "then let in": run["success"].sub(run["seconds"]).le(soon).any(),
        f"a refusal on {''.join(unclear[:1])} can follow a correct password": unclear,
    }
    high = len(run) >= rule.high and rule.severity != "critical"
    return incident(run, clauses, "high" if high else rule.severity, **{field: name})


def failures_in_words(run: pd.DataFrame) -> str:
    """`60 failed logins within 5 minutes`; `refused requests`, unless each is on a login route or told."""
    what = "failed logins" if run["on_login"].all() else "refused requests"
    minutes = int((run["seconds"].max() - run["seconds"].min()) // 60) + 1
    hours, days = round(minutes / 60), minutes // 1440 + 1
    span = counted(minutes, "minute") if minutes < 120 else counted(hours, "hour")
    return f"{len(run)} {what} within {counted(days, 'day') if days > 2 else span}"


def find_spraying(traffic: Traffic, failures: pd.DataFrame) -> Iterator[Incident]:
    """Failures of addresses that were never let in before, on one route: of many networks in one window.

    `failures` are those that no mistype, no change and no guessing explains.
    """
    rule, good = traffic.policy.thresholds["spraying"], traffic.let_in

    def build(route: str, run: pd.DataFrame) -> Incident:
        addresses, networks = run["client"].nunique(), run["network"].nunique()
        text = f"{failures_in_words(run)}, of {addresses} addresses in {networks} networks"
        return incident(run, text, rule.severity, subject=route)

    strangers = failures[~failures["known"] & failures["client"].ne("")]
    counting = {"label": "network", "most": rule.most_per_network}
    for spray in find_episodes(strangers, "route", rule.ladder, 2 * PAUSE, build, **counting)[0]:
        # In a busy application some always give up: beside those who are let in they must be many.
        meanwhile = good[
            good["route"].eq(spray.subject) & (spray.during(good["at"]) if spray.clients else False)
        ]
        if len(spray.clients) >= rule.share * meanwhile["client"].nunique():
            yield spray


def find_let_in(traffic: Traffic, failures: pd.DataFrame) -> list[Incident]:
    """The successes of an address that its own failures lead up to, then those that its network's do.

    Successes are known by the minute: one in the minute of the last failure may be before it, and is said.
    """
    rule, good, incidents = traffic.policy.thresholds["let-in"], traffic.let_in, list[Incident]()
    own = _leading_up(traffic, failures, "client")
    own = own[~own["known"] | own.groupby(["client", "answered"])["line"].transform("size").ge(rule.known)]
    # An address that was let in before is a person, and no part of what another of its network does.
    rest = failures[~failures["known"]].drop(own.index, errors="ignore")
    shared = _leading_up(traffic, rest, "network")
    shared = shared[shared.groupby(["network", "answered"])["client"].transform("nunique").gt(1)]
    # A network that was let in shortly before is one of people.
    before = shared.assign(first=shared.groupby(["network", "answered"])["seconds"].transform("min") - MINUTE)
    before = before[["network", "first"]].reset_index().sort_values("first", kind="stable")
    by: Any = {"left_on": "first", "right_on": "seconds", "by": "network"}
    last = pd.merge_asof(before, good[["network", "seconds"]], **by)
    used = last.loc[(last["first"] - last["seconds"]).le(rule.quiet_hours * HOUR), "index"]
    for key, leading in (("client", own), ("network", shared.drop(used))):
        # What it does after its first success is its own doing.
        first = leading[leading["answered"].eq(leading.groupby(key)["answered"].transform("min"))]
        build = partial(_success, traffic, key)
        incidents += find_episodes(first, key, [(1, float("inf"))], float("inf"), build)[0]
    return incidents


def _leading_up(traffic: Traffic, failures: pd.DataFrame, key: str) -> pd.DataFrame:
    """The failures of a run that a success ends soon, if the run reaches a rung of the ladder."""
    rule = traffic.policy.thresholds["let-in"]
    frame = failures.assign(answered=next_success(failures, traffic.let_in, key))
    frame = frame[frame["answered"].notna() & frame["client"].ne("")]
    runs = [frame[key], frame["answered"]]
    last = frame["seconds"].groupby(runs).transform("max")
    enough = pd.Series(False, index=frame.index)
    for number, *_, minutes in rule.ladder:
        near = frame["seconds"].ge(last - minutes * MINUTE)
        enough |= near & near.groupby(runs).transform("sum").ge(number)
    return frame[enough & (frame["answered"] - last).le(rule.minutes * MINUTE)]


def _success(traffic: Traffic, key: str, name: str, run: pd.DataFrame) -> Incident:
    """The incident, under the address that was answered: it is who got in."""
    rule, at, good = traffic.policy.thresholds["let-in"], float(run["answered"].iloc[0]), traffic.let_in
    answer = good[good[key].eq(name) & good["seconds"].eq(at)].iloc[0]
    several = f" of {run['client'].nunique()} addresses of its network" if key == "network" else ""
    sure = run["seconds"].lt(at).sum() >= rule.ladder[0][0]
    # Tries of the last day belong to the same arrival. Logs that do not reach so far back show nothing.
    begun, seconds = run["seconds"].min(), traffic.requests["seconds"]
    earlier = seconds.between(begun - rule.days * DAY, begun - DAY)
    earlier &= traffic.requests["network"].eq(answer["network"])
    clauses = {
        f"{len(run)} failures{several}, then let in on {answer['route']}": True,
        "in the same minute: which came first is not known": not sure,
        "audit.toml does not declare this a success": answer["doubtful"],
        f"its network was not seen in the {rule.days:.0f} days before": not earlier.any()
        and seconds.min() <= begun - rule.days * DAY,
    }
    whole = incident(run, clauses, "high" if not sure and rule.severity == "critical" else rule.severity)
    evidence = (*whole.evidence, f"{answer['file']}:{answer['line']}")
    return replace(
        whole, client=answer["client"], last_at=max(whole.last_at, answer["at"]), evidence=evidence
    )


def find_probing(traffic: Traffic) -> list[Incident]:
    """An address or network that asks for many routes that are not there, or for sensitive files."""
    requests, rule, route = traffic.requests, traffic.policy.thresholds["probing"], traffic.requests["route"]

    def find(own: pd.DataFrame, key: str, field: str) -> Episodes:
        def build(name: str, run: pd.DataFrame) -> Incident:
            least = "at least " if run["route"].eq(OTHER_ROUTES).any() else ""
            text = f"{least}{run['route'].nunique()} requested routes that do not exist or are not allowed"
            return incident(run, text, rule.severity, **{field: name})

        ladder = [(1, rule.routes + 1, rule.minutes)]
        return find_episodes(own, key, ladder, PROBING_PAUSE, build, label="route")

    def find_files(own: pd.DataFrame, key: str, field: str) -> Episodes:
        def build(name: str, weighed: pd.DataFrame) -> Incident:
            run = requests.loc[weighed.index]
            if answered := sorted(run.loc[run["status"].between(200, 299), "route"]):
                text = f"{answered[0]} was requested and answered, but must not be served"
                return incident(run, text, "critical", **{field: name})
            text = f"requests for files such as {run['route'].iloc[0]}, none answered"
            return incident(run, text, rule.severity, **{field: name})

        # An answer is enough.
        weighed = own.assign(count=own["count"].mask(own["status"].between(200, 299), rule.sensitive))
        return find_episodes(weighed, key, [(rule.sensitive, PROBING_PAUSE)], PROBING_PAUSE, build)

    hidden = route.map({name: bool(_DOTFILE.search(name)) for name in route.unique()}).astype(bool)
    hidden &= ~fits(route, traffic.policy.access.open)
    sensitive = requests[fits(route, traffic.policy.sensitive_routes) | hidden]
    probed = requests[requests["status"].isin(PROBED)]
    return [*by_source(probed, find)[0], *by_source(sensitive, find_files)[0]]


def find_secrets_in_urls(traffic: Traffic) -> list[Incident]:
    """Requests whose query names a secret: one for each route and parameter. The log has the value."""
    hits = traffic.events[traffic.events["message"].eq(SECRET_IN_URL)]
    severity = traffic.policy.thresholds["secret-in-url"].severity
    return [
        incident(own, f"the query parameter {name} is in the log with its value", severity, subject=route)
        for (route, name), own in hits.groupby(["route", "subject"])
    ]
