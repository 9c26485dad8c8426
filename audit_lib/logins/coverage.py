"""What logs would have shown: the facts that earn a *none*, *quiet*, *unlikely* or *pass*, found once.

`NEEDS` says which facts each verdict rests on. The first that is missing is the reason that is said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES, POSSIBLE
from audit_lib.logins.declared import READING, REDIRECTS, has_failed, propose
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.requests import network_of
from audit_lib.logins.traffic import FAILED_STARTS, START_MESSAGES, Traffic
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.project_logs import BROKEN_OFF, COPY
from audit_lib.logs.values import NOT_AN_ADDRESS

MINUTE, HOUR, DAY = pd.Timedelta(minutes=1), pd.Timedelta(hours=1), pd.Timedelta(days=1)
CLOCK_BACK = pd.Timedelta(minutes=10)  # what goes back further is no order of two writers
CHANCE = 1e-6  # so unlikely must a stretch without refusals be before it is a hint
# So many days together are thin below this share of what is usual; with fewer requests chance makes some so.
THIN = ((7, 0.25, 50), (1, 0.05, 20))
# Two days are copies of each other if they agree in so many requests of so many addresses, to the minute.
COPIED, COPIED_CLIENTS = 10, 3

READ_WHOLE = {"every log read", "lines understood", "own words", "clocks", "instances"}
_ALWAYS = {*READ_WHOLE, "an answer", "times", "days", "whole logs"}
_WHO = {"clients named", "clients are callers"}
_LOGINS = {"a failed login declared", "a login seen", "a failed login seen", "certain messages", *_ALWAYS}
NEEDS: Mapping[str, set[str]] = {
    "guessing": {*_LOGINS, *_WHO},
    "spraying": {*_LOGINS, *_WHO, "routes"},
    "let-in": {*_LOGINS, *_WHO, "routes", "a success seen"},
    "known-clients-failing": {*_LOGINS, "routes", "a success seen", "zone", "order"},
    "probing": {*_WHO, *_ALWAYS, "routes"},
    "secret-in-url": {*_ALWAYS, "queries kept"},
    "application-failing": {*_ALWAYS, "wording", "a usual rate", "zone", "order"},
}


@dataclass(frozen=True)
class Coverage:
    """Why facts do not hold of some logs, by fact in the order in which one is said; "" for one that holds."""

    missing: Mapping[str, str]

    def reason(self, facts: Collection[str]) -> str:
        """The one reason why finding nothing proves nothing; "" if all these facts hold."""
        return next((text for fact, text in self.missing.items() if fact in facts and text), "")


def cover(traffic: Traffic) -> Coverage:
    """The facts of the logs of a window."""
    facts = {**_of_reading(traffic), **_of_logins(traffic), **_of_requests(traffic), **_of_times(traffic)}
    if traffic.counts.empty and traffic.events.empty:
        return Coverage(dict.fromkeys(facts, facts["every log read"] or "no log line of the period was read"))
    return Coverage(facts)


def _number(number: float, what: str) -> str:
    return f"{int(number):,} {what}" if number else ""


def _listed(logs: Iterable[str]) -> str:
    first, *more = sorted(set(logs)) or [""]
    return f"{first} and {counted(len(more), 'more log')}" if more else first


def _of_reading(traffic: Traffic) -> dict[str, str]:
    sources, events, latest = traffic.sources, traffic.events, pd.Timestamp(traffic.as_of) + MINUTE
    unread = [
        f"{log.source}: {log.reason or log.state}"
        for log in rows(sources)
        # The packed copy of a log that was read beside it is no loss.
        if (log.state != "read" and not log.reason.startswith(COPY)) or log.reason.startswith(BROKEN_OFF)
    ]
    # Also beyond the period, of which no request is counted.
    back = events["message"].eq(CLOCK_SET_BACK) & events["not_after_at"].gt(latest)
    late = sorted({*sources.loc[sources["last_at"].gt(latest), "source"], *events.loc[back, "file"]})
    logs = _listed(log.pattern for log in traffic.log_sources if not log.instances)
    own_words = "lines may tell of refusals in words that no format knows"
    return {
        "every log read": next(iter(unread), ""),
        "lines understood": _number(sources["not_understood"].sum(), "lines of the logs were not understood"),
        "own words": _number(sources["own_words"].sum(), own_words),
        "clocks": f"{late[0]} holds a time after the review: a clock is wrong" if late else "",
        "instances": logs
        and f"another instance may have a log of its own: declare `instances` of {logs} in audit.toml",
    }


def _of_logins(traffic: Traffic) -> dict[str, str]:
    policy, requests, counts = traffic.policy, traffic.requests, traffic.counts
    protected = (requests["protected"] | requests["on_login"]) & requests["there"]
    # Where messages tell a failed login, the policy's declaration of their kinds is what is needed.
    messages_tell = policy.failure_declared and not policy.failed_statuses
    own, refusals = set(requests.loc[requests["there"], "route"]), traffic.refusals
    seen = (refusals["status"].isna() | refusals["route"].isin(own)).any()
    messages = counts[counts["status"].isna() & counts["kind"].isin((FAILED_LOGIN, POSSIBLE))]
    failed = messages[messages["kind"].eq(FAILED_LOGIN)]
    private = [not policy.clients and policy.is_private(client) for client in failed["client"]]
    hosts = failed.loc[failed["client"].eq(NOT_AN_ADDRESS), "count"].sum()
    uncertain = (
        _number(failed["untimed"].sum(), "failed logins that messages report have no time of their own"),
        _number(failed.loc[private, "count"].sum(), "failed logins are of private addresses, perhaps a proxy's"),
        _number(hosts, "failed logins are of hosts that are named instead of their address"),
        _number(
            messages["count"].sum() - failed["count"].sum(),
            "possible failed logins are in words that no format knows",
        ),
    )
    # A redirect after a form that refused others is a login or a refusal: the policy would say which.
    moved = requests["status"].isin(REDIRECTS) & ~requests["method"].isin(READING) & ~requests["on_login"]
    moved &= requests["route"].isin(set(traffic.failures["route"]))
    entered = (requests["let_in"] & requests["there"]).any()
    return {
        "a failed login declared": _undeclared(traffic),
        "a login seen": ""
        if protected.any() or messages_tell
        else "no request to a login route or a protected route that the application is known to have was seen: "
        "name them in the policy ([access])",
        "a failed login seen": ""
        if seen
        else _number(failed["count"].sum(), "failed logins are known by messages alone, and not what is answered")
        or "no failed login on a route that the application has was seen: perhaps these logs would show none",
        "a success seen": _number(
            requests.loc[moved, "count"].sum(), "redirects on routes that refuse may be logins that succeed"
        )
        if entered
        else "no login that succeeds, and no answer on a protected route was seen",
        "certain messages": next(filter(None, uncertain), ""),
    }


def _undeclared(traffic: Traffic) -> str:
    """Who may change audit.toml alone makes nothing known by declaring what never happens."""
    policy, counts = traffic.policy, traffic.counts
    declared = policy.failure_declared or has_failed(policy.added_logins, counts)
    proposals = propose(counts, policy.logins, policy.failed_statuses)
    questions = (each.question for each in proposals if each.uncounted or not declared)
    moved = counts.loc[counts["kind"].eq(POSSIBLE) & counts["status"].notna(), "count"].sum()
    added = "audit.toml alone declares logins, and none of them was seen to fail"
    reasons = (
        *(f"{question} Declare it ([[logins]])" for question in questions),
        _number(moved, "logins were answered with a redirect that no declared request follows"),
        "" if declared else added if policy.added_logins else "the policy does not declare what a failed login is",
    )
    return next(filter(None, reasons), "")


def _of_requests(traffic: Traffic) -> dict[str, str]:
    policy, events, asked = traffic.policy, traffic.events, traffic.asked_counts
    started = events["message"].isin(START_MESSAGES).any()
    wordings = [("database_failure",), *([] if started else [FAILED_STARTS])]
    addresses = [client for client in asked["client"].unique() if network_of(client) != client]
    public = sum(not policy.is_private(address) for address in addresses)
    few = policy.public_addresses is None or public < policy.public_addresses
    least, seen = policy.rules["application-failing"].expected, traffic.requests
    mean = int(seen["count"].sum()) / max(1, seen["at"].dt.floor("D").nunique())
    answer = "no request was answered with 2xx: the log may be another application's"
    proxy = f"{public} public addresses are in the logs, and fewer than {policy.public_addresses} may be a proxy's"
    return {
        "an answer": "" if asked["status"].between(200, 299).any() else answer,
        "times": _number(traffic.refusals["untimed"].sum(), "failed logins have no time of their own")
        or _number(asked["untimed"].sum(), "requests have no time of their own"),
        "clients named": _number(
            asked.loc[asked["client"].isin(("", NOT_AN_ADDRESS)), "count"].sum(), "requests have no address"
        ),
        "clients are callers": traffic.collapsed
        or (f'{proxy}; the policy may say otherwise (clients = "real")' if few and not policy.clients else ""),
        "routes": _number(
            asked.loc[asked["route"].eq(OTHER_ROUTES), "count"].sum(), f"requests are under {OTHER_ROUTES}"
        ),
        "a usual rate": ""
        if mean >= least
        else f"{mean:.1f} requests a day are too few to show silence: this needs {least:.0f}",
        "wording": next(filter(None, (unknown_wording(kinds, events, policy) for kinds in wordings)), ""),
        "queries kept": ""
        if policy.logs_queries
        else "the policy does not say that logs keep queries (logs_queries)",
    }


def unknown_wording(kinds: tuple[str, ...], events: pd.DataFrame, policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    seen = events.loc[events["status"].isna(), "kind"].isin(kinds).any()
    if seen or {*policy.known_messages, *policy.failure.messages} & {*kinds}:
        return ""
    names = " or ".join(kinds).replace("_", " ")
    text = f"no message of the kind {names} was ever met in these logs, and the policy does not say"
    return f"{text} that the formats know this application's wording (known_messages)"


def _of_times(traffic: Traffic) -> dict[str, str]:
    sources, events, window = traffic.sources, traffic.events, traffic.window
    days = max(0, -int(-(window.until - window.since) // DAY))
    read = days_by_service(sources, traffic.counts)
    left, service = (days - int(read.min()), read.idxmin()) if len(read) else (days, "any service")
    assumed = _listed(sources.loc[sources["zone_assumed"].fillna(False).astype(bool), "source"])
    steps = events[events["message"].eq(CLOCK_SET_BACK)]
    back = _listed(steps.loc[(steps["not_after_at"] - steps["at"]).gt(CLOCK_BACK), "file"])
    return {
        "days": f"{left} of {days} days have no line of {service}" if left > 0 else "",
        "zone": assumed
        and f"times without a zone may be hours off: declare `time_zone` of {assumed} in audit.toml",
        "order": back and f"times go back within {back}",
        "whole logs": next(_hints(traffic), ""),
    }


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """How many days have a request or message, by `environment/service` of each log that holds any."""
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.groupby(log_counts["file"].map(of_file))["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def _hints(traffic: Traffic) -> Iterator[str]:
    """Hints at lines that are missing, thinned, copied, dated late or of another application.

    None is a proof, so none is an incident. But while one stands, finding nothing proves nothing.
    """
    requests, policy, end = traffic.requests, traffic.policy, pd.Timestamp(traffic.window.until)
    logs = traffic.sources[traffic.sources["state"].eq("read")].dropna(subset="sha256")
    for _, group in logs[logs["sha256"].duplicated(keep=False)].groupby("sha256"):
        yield f"{' and '.join(sorted(group['source']))} hold the same bytes"
    if requests.empty:
        return
    # Only an answer shows that a route is there: scanners ask for login pages of any application.
    named = (*policy.access.protected, *(login.route for login in policy.own_logins))
    if named and not any(matches_glob(route, named) for route in set(requests.loc[requests["there"], "route"])):
        yield "no route that the policy names was answered with 2xx: the log may be another application's"
    at, pause = requests["at"], end - requests["at"].iloc[-1]
    if at.iloc[-1] - at.iloc[0] >= DAY and pause > max(at.diff().max(), HOUR):
        hours = counted(round(pause / HOUR), "hour")
        yield f"the log ends {hours} before the period does, with the longest pause in it"
    bad = requests.assign(bad=requests["count"].where(requests["refused"], 0))
    days = bad.groupby(at.dt.floor("D"))[["count", "bad"]].sum().asfreq("D", fill_value=0)
    whole = days.loc[days.index <= end + MINUTE - DAY, "count"]  # the day of the end is not whole
    for span, share, least in THIN:
        sums = whole.rolling(span).sum().dropna()
        usual = float(sums[sums > 0].median()) if len(whole) >= span + 7 else 0.0
        thin = sums[(sums > 0) & (sums < share * usual)]
        if usual >= least and len(thin):
            held = f"{thin.iloc[0]:,.0f} requests of usually {usual:,.0f}"
            yield f"{counted(span, 'day')} until {thin.index[0]:%Y-%m-%d} hold {held}: the log may be thinned"
    refusing = days.loc[days["count"].gt(0), "bad"].gt(0)
    longest = int((~refusing).groupby(refusing.cumsum()).sum().max())
    # As usual is what the days outside of the stretch show; it may begin on any day.
    usual = refusing.sum() / (len(refusing) - longest + 1)
    if refusing.any() and len(refusing) * (1 - usual) ** longest < CHANCE:
        yield f"{longest} days in a row have no refusal, {usual:.0%} of the others do: some may be filtered out"
    # Nothing that people do repeats itself to the minute.
    keys = requests[["client", "method", "route", "status", "count"]].assign(at=requests["seconds"] % 86400)
    frame = requests.assign(row=pd.util.hash_pandas_object(keys, index=False), day=at.dt.floor("D"))
    sums = frame.groupby("day").agg(row=("row", "sum"), rows=("row", "size"), clients=("client", "nunique"))
    busy = sums[sums["rows"].ge(COPIED) & sums["clients"].ge(COPIED_CLIENTS)]
    for day in busy.index[busy.duplicated(["row", "rows"])]:
        yield f"{day:%Y-%m-%d} repeats another day to the minute: lines may be copied"
    if holes := len(silences(traffic)):
        yield f"no request for {counted(holes, 'long stretch', 'long stretches')}: lines may be missing"


def silences(traffic: Traffic) -> list[tuple[float, float, float]]:
    """Stretches without a request in which many were to be expected: first and last second, and how many."""
    rule, requests = traffic.policy.rules["application-failing"], traffic.requests
    minutes = requests["seconds"].drop_duplicates() // 60
    hours = requests.groupby(requests["at"].dt.floor("h"))["count"].sum().asfreq("h", fill_value=0)
    by_hour = hours.groupby(pd.DatetimeIndex(hours.index).hour).median().reindex(range(24), fill_value=0)
    usual, found = by_hour.to_numpy() / 60, []
    for last, pause in zip(minutes, minutes.diff(), strict=True):
        if pause > rule.silence_minutes:
            first = int(last - pause)
            missed = float(usual[np.arange(first, min(int(last), first + 7 * 1440)) // 60 % 24].sum())
            found += [(first * 60.0, last * 60.0, missed)] if missed >= rule.expected else []
    return found
