"""Seven detections: what is found in the logs, what is not found, and what is not known and why."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.in_words import OTHER_ROUTES, counted
from audit_lib.logins.contracts import Detections
from audit_lib.logins.coverage import NEEDS, Coverage, cover
from audit_lib.logins.detect import failing
from audit_lib.logins.detect.incidents import (
    EVERYONE,
    Episodes,
    Incident,
    by_source,
    find_episodes,
    incident,
    places,
)
from audit_lib.logins.parameters import DetectionPolicy
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
# Those that say nothing if a proxy stands for the callers.
BY_SOURCE = ("guessing", "spraying", "let-in", "probing")


@dataclass(frozen=True)
class Verdict:
    """What a detection came to; `doubt` is the reason why there may be more than was found."""

    detection: str
    verdict: str  # found | none | unknown
    severity: str
    incidents: tuple[Incident, ...] = ()
    doubt: str = ""


def judge(traffic: Traffic, coverage: Coverage | None = None) -> tuple[Verdict, ...]:
    """What each detection came to, in the order of DETECTIONS."""
    coverage = coverage or cover(traffic)
    onsets = failing.find_onsets(traffic)
    explained = {place for onset in onsets for place in onset[2].index}
    strange = traffic.failures.drop(list(explained))
    unmistaken = strange[~strange["mistype"]]
    guesses, part = find_guessing(traffic, unmistaken)
    incidents = {
        "guessing": guesses,
        "spraying": find_spraying(traffic, unmistaken.drop(part)),
        "let-in": find_let_in(traffic, strange),
        "known-clients-failing": failing.find_known_clients_failing(traffic, onsets),
        "probing": find_probing(traffic),
        "secret-in-url": find_secrets_in_urls(traffic),
        "application-failing": failing.find_application_failing(traffic),
    }
    return tuple(_verdict(name, own, traffic, coverage) for name, own in incidents.items())


def _verdict(name: str, incidents: Iterable[Incident], traffic: Traffic, coverage: Coverage) -> Verdict:
    doubt, first = coverage.reason(NEEDS[name]), pd.Timestamp.min.tz_localize("UTC")
    hidden = name in BY_SOURCE and traffic.collapsed
    shown = [] if hidden else [_marked(each, traffic.policy) for each in incidents]
    shown.sort(key=lambda each: (each.first_at or first, each.subject, each.client, each.classification))
    verdict = "found" if shown else "unknown" if doubt else "none"
    return Verdict(name, verdict, traffic.policy.thresholds[name].severity, tuple(shown), doubt)


def _marked(found: Incident, policy: DetectionPolicy) -> Incident:
    """The incident with the word that clients of the policy's own take part: it stays what it is."""
    named = {found.client, *found.clients} - {""}
    known = sum(map(policy.is_known, named))
    part = "a known client" if len(named) == 1 else f"{known} of its {len(named)} addresses are known clients"
    text = f"{found.classification}; {part} (known_clients)"
    return replace(found, classification=text) if known else found


def tabulate(verdicts: Iterable[Verdict], name: Callable[[str], str] = str) -> pd.DataFrame:
    """`Detections`: a row for each incident, and one for each detection without any.

    `name` gives the text that stands for a client.
    """
    return Detections.of(row for verdict in verdicts for row in _rows(verdict, name))


def _rows(verdict: Verdict, name: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    nothing = Incident("", "info" if verdict.verdict == "none" else verdict.severity, 0)
    for found in verdict.incidents or (nothing,):
        shown = {field: value for field, value in vars(found).items() if field in Detections.types()}
        subject = name(found.client) if found.client else found.subject
        reason = "" if verdict.incidents else verdict.doubt
        own = {"detection": verdict.detection, "verdict": verdict.verdict, "reason": reason}
        yield {**shown, **own, "subject": subject, "evidence": "; ".join(found.evidence)}


# ---- Attackers ----


def find_guessing(traffic: Traffic, failures: pd.DataFrame) -> Episodes:
    """Failures of one address, then of one network by those that no address is found for.

    `failures` are those that no mistype and no change explains. Where no source is found, failed logins that
    messages report without an address, many at once.
    """
    rule, events = traffic.policy.thresholds["guessing"], traffic.events
    guesses, part = by_source(failures, rule.ladder, PAUSE, partial(_guess, traffic.policy))
    unnamed = events[events["kind"].eq(FAILED_LOGIN) & events["at"].notna() & events["client"].eq("")]
    for guess in guesses:
        unnamed = unnamed[~guess.during(unnamed["at"])]
    text, rung = "failed logins that messages report without an address", rule.without_address
    build = partial(incident, text=text, severity=rule.severity)
    more, _ = find_episodes(unnamed.assign(all=EVERYONE), "all", [rung], rung[-1], build)
    return [*guesses, *more], part


def _guess(policy: DetectionPolicy, run: pd.DataFrame) -> Incident:
    rule, addresses, routes = (
        policy.thresholds["guessing"],
        run["client"].nunique(),
        sorted(set(run["route"])),
    )
    unclear = [route for route in routes if matches_glob(route, policy.failure.ambiguous_routes)]
    soon = run["success"].sub(run["seconds"]).le(policy.thresholds["let-in"].minutes * MINUTE)
    clauses = {
        f"{_in_words(run)}, at most {run.groupby(run['seconds'] // MINUTE).size().max()} in a minute": True,
        f"of {addresses} addresses": addresses > 1,
        f"on {len(routes)} routes": len(routes) > 1,
        "from where somebody was let in before": run["known"].any(),
        "then let in": soon.any(),
        f"a refusal on {''.join(unclear[:1])} can follow a correct password": unclear,
    }
    high = len(run) >= rule.high and rule.severity != "critical"
    return incident(run, clauses, "high" if high else rule.severity)


def _in_words(run: pd.DataFrame) -> str:
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

    def build(run: pd.DataFrame) -> Incident:
        addresses, networks = run["client"].nunique(), run["network"].nunique()
        text = f"{_in_words(run)}, of {addresses} addresses in {networks} networks"
        return incident(run, text, rule.severity)

    strangers = failures[~failures["known"] & failures["client"].ne("")]
    counting = {"label": "network", "most": rule.most_per_network}
    for spray in find_episodes(strangers, "route", rule.ladder, 2 * PAUSE, build, **counting)[0]:
        # In a busy application some always give up: beside those who are let in they must be many.
        there = good[good["route"].eq(spray.subject)]
        meanwhile = there[spray.during(there["at"])]["client"].nunique() if spray.clients else 0
        if len(spray.clients) >= rule.share * meanwhile:
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
        incidents += find_episodes(first, key, [(1, np.inf)], np.inf, build)[0]
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


def _success(traffic: Traffic, key: str, run: pd.DataFrame) -> Incident:
    """The incident, under the address that was answered: it is who got in."""
    rule, at, good = traffic.policy.thresholds["let-in"], float(run["answered"].iloc[0]), traffic.let_in
    answer = good[good[key].eq(run[key].iloc[0]) & good["seconds"].eq(at)].iloc[0]
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
    severity = "high" if not sure and rule.severity == "critical" else rule.severity
    evidence = (*places(run), f"{answer['file']}:{answer['line']}")
    more = {
        "client": answer["client"],
        "last_at": max(run["at"].iloc[-1], answer["at"]),
        "evidence": evidence,
    }
    return incident(run, clauses, severity, **more)


def find_probing(traffic: Traffic) -> list[Incident]:
    """An address or network that asks for many routes that are not there, or for sensitive files."""
    requests, rule, route = traffic.requests, traffic.policy.thresholds["probing"], traffic.requests["route"]

    def missing(run: pd.DataFrame) -> Incident:
        least = "at least " if run["route"].eq(OTHER_ROUTES).any() else ""
        text = f"{least}{run['route'].nunique()} requested routes that do not exist or are not allowed"
        return incident(run, text, rule.severity)

    def files(run: pd.DataFrame) -> Incident:
        answered = sorted(run.loc[run["status"].between(200, 299), "route"])
        text = f"requests for files such as {run['route'].iloc[0]}, none answered"
        if answered:
            text = f"{answered[0]} was requested and answered, but must not be served"
        return incident(run, text, "critical" if answered else rule.severity)

    probed, many = requests[requests["status"].isin(PROBED)], [(1, rule.routes + 1, rule.minutes)]
    probes, _ = by_source(probed, many, PROBING_PAUSE, missing, label="route")
    hidden = route.map({name: bool(_DOTFILE.search(name)) for name in route.unique()}).astype(bool)
    hidden &= ~fits(route, traffic.policy.access.open)
    sensitive = requests[fits(route, traffic.policy.sensitive_routes) | hidden]
    weight = sensitive["count"].mask(sensitive["status"].between(200, 299), rule.sensitive)  # one is enough
    several = [(rule.sensitive, PROBING_PAUSE)]
    return [*probes, *by_source(sensitive.assign(weight=weight), several, PROBING_PAUSE, files)[0]]


def find_secrets_in_urls(traffic: Traffic) -> list[Incident]:
    """Requests whose query names a secret: one for each route and parameter. The log has the value."""
    hits = traffic.events[traffic.events["message"].eq(SECRET_IN_URL)]
    severity = traffic.policy.thresholds["secret-in-url"].severity
    return [
        incident(own, f"the query parameter {name} is in the log with its value", severity, subject=route)
        for (route, name), own in hits.groupby(["route", "subject"])
    ]
