"""What logs would have shown: the facts that earn a *none*, *quiet*, *unlikely* or *pass*, found once.

`NEEDS` says which facts each verdict rests on. The first that is missing is the reason that is said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import rows
from audit_lib.base.in_words import OTHER_ROUTES, POSSIBLE, counted
from audit_lib.logins.contracts import LogCoverage
from audit_lib.logins.declared import READING, REDIRECTS, has_failed, propose
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.requests import network_of
from audit_lib.logins.traffic import FAILED_STARTS, START_MESSAGES, Traffic
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.read import BROKEN_OFF, COPY
from audit_lib.logs.values import NOT_AN_ADDRESS

NOTHING_COUNTED = "no request and no message was recognised in the lines that were read"
Facts = Iterator[tuple[str, str]]  # each fact, and why it does not hold
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
    """Why facts do not hold of some logs, in the order in which one is said; "" for a fact that holds."""

    missing: Mapping[str, str]

    def reason(self, facts: Collection[str]) -> str:
        """The one reason why finding nothing proves nothing; "" if all these facts hold."""
        return next((text for fact, text in self.missing.items() if fact in facts and text), "")


def cover(traffic: Traffic) -> Coverage:
    """The facts of the logs of a window."""
    themes = (_of_reading, _of_logins, _of_requests, _of_times)
    facts = {fact: why for theme in themes for fact, why in theme(traffic)}
    if traffic.counts.empty and traffic.events.empty:
        return Coverage(dict.fromkeys(facts, facts["every log read"] or "no log line of the period was read"))
    return Coverage(facts)


def _if_any(number: float, what: str) -> str:
    return f"{int(number):,} {what}" if number else ""


def _listed(logs: Iterable[str], text: str) -> str:
    first, *more = sorted(set(logs)) or [""]
    return text.format(f"{first} and {counted(len(more), 'more log')}" if more else first) if first else ""


def _of_reading(traffic: Traffic) -> Facts:
    sources, events, latest = traffic.sources, traffic.events, pd.Timestamp(traffic.as_of) + MINUTE
    steps = events[events["message"].eq(CLOCK_SET_BACK)]
    # The packed copy of a log that was read beside it is no loss.
    lost = sources["state"].ne("read") & ~sources["reason"].str.startswith(COPY)
    unread = sources[lost | sources["reason"].str.startswith(BROKEN_OFF)]
    yield "every log read", next((f"{log.source}: {log.reason or log.state}" for log in rows(unread)), "")
    lines, words = sources["not_understood"].sum(), sources["own_words"].sum()
    yield "lines understood", _if_any(lines, "lines of the logs were not understood")
    yield "own words", _if_any(words, "lines may tell of refusals in words that no format knows")
    # Also beyond the period, of which no request is counted.
    late = (
        steps.loc[steps["not_after_at"].gt(latest), "file"],
        sources.loc[sources["last_at"].gt(latest), "source"],
    )
    yield "clocks", _listed(pd.concat(late), "{} holds a time after the review: a clock is wrong")


def _of_requests(traffic: Traffic) -> Facts:
    policy, events, asked = traffic.policy, traffic.events, traffic.asked_counts
    answer = "no request was answered with 2xx: the log may be another application's"
    yield "an answer", "" if asked["status"].between(200, 299).any() else answer
    untimed = _if_any(traffic.refusals["untimed"].sum(), "failed logins have no time of their own")
    yield "times", untimed or _if_any(asked["untimed"].sum(), "requests have no time of their own")
    unnamed = asked["client"].isin(("", NOT_AN_ADDRESS))
    yield "clients named", _if_any(asked.loc[unnamed, "count"].sum(), "requests have no address")
    addresses = [client for client in asked["client"].unique() if network_of(client) != client]
    public, least = (
        sum(not policy.is_private(address) for address in addresses),
        policy.public_addresses or np.inf,
    )
    few = f"{public} public addresses are in the logs, and fewer than {least} may be a proxy's"
    few += '; the policy may say otherwise (clients = "real")'
    yield "clients are callers", traffic.collapsed or ("" if policy.clients or public >= least else few)
    others = asked.loc[asked["route"].eq(OTHER_ROUTES), "count"].sum()
    yield "routes", _if_any(others, f"requests are under {OTHER_ROUTES}")
    kept = "the policy does not say that logs keep queries (logs_queries)"
    yield "queries kept", "" if policy.logs_queries else kept
    expected, requests = policy.thresholds["application-failing"].expected, traffic.requests
    mean = int(requests["count"].sum()) / max(1, requests["at"].dt.floor("D").nunique())
    few = f"{mean:.1f} requests a day are too few to show silence: this needs {expected:.0f}"
    yield "a usual rate", "" if mean >= expected else few
    started = events["message"].isin(START_MESSAGES).any()
    starts = "" if started else unknown_wording(FAILED_STARTS, events, policy)
    yield "wording", starts or unknown_wording(("database_failure",), events, policy)


def unknown_wording(kinds: tuple[str, ...], events: pd.DataFrame, policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    seen = events.loc[events["status"].isna(), "kind"].isin(kinds).any()
    if seen or {*policy.known_messages, *policy.failure.messages} & {*kinds}:
        return ""
    names = " or ".join(kinds).replace("_", " ")
    text = f"no message of the kind {names} was ever met in these logs, and the policy does not say"
    return f"{text} that the formats know this application's wording (known_messages)"


def _of_logins(traffic: Traffic) -> Facts:
    policy, counts, requests, refusals = traffic.policy, traffic.counts, traffic.requests, traffic.refusals
    own, there = set(requests.loc[requests["there"], "route"]), requests["there"]
    yield "a failed login declared", next(filter(None, _undeclared(traffic)), "")
    # Where messages tell a failed login, the policy's declaration of their kinds is what is needed.
    tell = policy.failure_declared and not policy.failed_statuses
    none = (
        "no request to a login or protected route that the application is known to have: name them ([access])"
    )
    logins = there & (requests["protected"] | requests["on_login"])
    yield "a login seen", "" if logins.any() or tell else none
    messages = counts[counts["status"].isna()]
    failed = messages[messages["kind"].eq(FAILED_LOGIN)]
    alone = _if_any(
        failed["count"].sum(), "failed logins are known by messages alone, and not what is answered"
    )
    none = "no failed login on a route that the application has was seen: perhaps these logs would show none"
    seen = refusals["status"].isna() | refusals["route"].isin(own)
    yield "a failed login seen", "" if seen.any() else alone or none
    # A redirect after a form that refused others is a login or a refusal: the policy would say which.
    moved = requests["status"].isin(REDIRECTS) & ~requests["method"].isin(READING) & ~requests["on_login"]
    moved &= requests["route"].isin(set(traffic.failures["route"]))
    perhaps = "redirects on routes that refuse may be logins that succeed"
    none = "no login that succeeds, and no answer on a protected route was seen"
    redirects = _if_any(requests.loc[moved, "count"].sum(), perhaps)
    yield "a success seen", redirects if (requests["let_in"] & there).any() else none
    private = [not policy.clients and policy.is_private(client) for client in failed["client"]]
    hosts = failed.loc[failed["client"].eq(NOT_AN_ADDRESS), "count"].sum()
    possible = messages.loc[messages["kind"].eq(POSSIBLE), "count"].sum()
    uncertain = (
        _if_any(failed["untimed"].sum(), "failed logins that messages report have no time of their own"),
        _if_any(
            failed.loc[private, "count"].sum(), "failed logins are of private addresses, perhaps a proxy's"
        ),
        _if_any(hosts, "failed logins are of hosts that are named instead of their address"),
        _if_any(possible, "possible failed logins are in words that no format knows"),
    )
    yield "certain messages", next(filter(None, uncertain), "")


def _undeclared(traffic: Traffic) -> Iterator[str]:
    """Who may change audit.toml alone makes nothing known by declaring what never happens."""
    policy, counts = traffic.policy, traffic.counts
    declared = policy.failure_declared or has_failed(policy.added_logins, counts)
    for proposal in propose(counts, policy.logins, policy.failed_statuses):
        yield f"{proposal.question} Declare it ([[logins]])" if proposal.uncounted or not declared else ""
    moved = counts.loc[counts["kind"].eq(POSSIBLE) & counts["status"].notna(), "count"].sum()
    yield _if_any(moved, "logins were answered with a redirect that no declared request follows")
    if not declared and policy.added_logins:
        yield "audit.toml alone declares logins, and none of them was seen to fail"
    yield "" if declared else "the policy does not declare what a failed login looks like"


def _of_times(traffic: Traffic) -> Facts:
    sources, steps = traffic.sources, traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    logs = (log.pattern for log in traffic.log_sources if not log.instances)
    another = "another instance may have a log of its own: declare `instances` of {} in audit.toml"
    yield "instances", _listed(logs, another)
    zoneless = sources.loc[sources["zone_assumed"].fillna(False).astype(bool), "source"]
    yield (
        "zone",
        _listed(zoneless, "times without a zone may be hours off: declare `time_zone` of {} in audit.toml"),
    )
    back = steps.loc[(steps["not_after_at"] - steps["at"]).gt(CLOCK_BACK), "file"]
    yield "order", _listed(back, "times go back within {}")
    days = max(0, -int(-(traffic.window.until - traffic.window.since) // DAY))
    read = days_by_service(sources, traffic.counts)
    left, service = (days - int(read.min()), read.idxmin()) if len(read) else (days, "any service")
    yield "days", f"{left} of {days} days have no line of {service}" if left > 0 else ""
    yield "whole logs", next(_hints(traffic), "")


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """How many days have a request or message, by `environment/service` of each log that holds any."""
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.groupby(log_counts["file"].map(of_file))["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`LogCoverage`: the quarter's days until `as_of` beside the days and lines that were read."""
    logs = sources[sources["kind"].eq("log")]
    read = logs[logs["state"].eq("read")]
    days = (min(quarter.end, as_of) - quarter.start).total_seconds() / 86400
    by_service = days_by_service(sources, log_counts)
    why = "" if len(log_counts) else "no log was read" if read.empty else NOTHING_COUNTED
    if len(read) and read["reason"].str.startswith(f"no line of {quarter}").all():
        why = "; ".join(sorted(set(read["reason"])))
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(by_service.min()) if len(by_service) else int(log_counts["day"].nunique()),
        "days": max(0, -int(-days // 1)),
        "why": why,
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])


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
    if named and not any(
        matches_glob(route, named) for route in set(requests.loc[requests["there"], "route"])
    ):
        yield "no route that the policy names was answered with 2xx: the log may be another application's"
    at, pause = requests["at"], end - requests["at"].iloc[-1]
    if at.iloc[-1] - at.iloc[0] >= DAY and pause > max(at.diff().max(), HOUR):
        hours = counted(round(pause / HOUR), "hour")
        yield f"the log ends {hours} before the period does, with the longest pause in it"
    bad = requests.assign(bad=requests["count"].where(requests["refused"], 0))
    days = bad.groupby(at.dt.floor("D"))[["count", "bad"]].sum().asfreq("D", fill_value=0)
    whole = days.loc[days.index <= end + MINUTE - DAY, "count"]  # the day of the end is not whole
    for span, share, least in THIN:
        held = whole.rolling(span).sum().dropna()
        usual = float(held[held > 0].median()) if len(whole) >= span + 7 else 0.0
        thin = held[(held > 0) & (held < share * usual)]
        if usual >= least and len(thin):
            few = f"{thin.iloc[0]:,.0f} requests of usually {usual:,.0f}"
            yield f"{counted(span, 'day')} until {thin.index[0]:%Y-%m-%d} hold {few}: the log may be thinned"
    refusing = days.loc[days["count"].gt(0), "bad"].gt(0)
    longest = int((~refusing).groupby(refusing.cumsum()).sum().max())
    # As usual is what the days outside of the stretch show; it may begin on any day.
    usual = refusing.sum() / (len(refusing) - longest + 1)
    if refusing.any() and len(refusing) * (1 - usual) ** longest < CHANCE:
        yield f"{longest} days in a row have no refusal, {usual:.0%} of the others do: perhaps filtered out"
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
    rule, requests = traffic.policy.thresholds["application-failing"], traffic.requests
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
