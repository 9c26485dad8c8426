"""What logs would have shown: the facts that earn a *none*, *quiet*, *unlikely* or *pass*, found once.

`FACTS` names each fact with a function that says why it does not hold, `NEEDS` what each verdict rests on.
The first fact that is missing is the reason that is said.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES, POSSIBLE
from audit_lib.logins.changes import FAILED_STARTS, START_MESSAGES
from audit_lib.logins.declared import READING, REDIRECTS, has_failed, propose
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.requests import network
from audit_lib.logins.tables import days_by_service
from audit_lib.logins.traffic import Traffic
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.project_logs import BROKEN_OFF, COPY

MINUTE, HOUR, DAY = pd.Timedelta(minutes=1), pd.Timedelta(hours=1), pd.Timedelta(days=1)
CLOCK_MINUTES = 10  # a time that goes back further is no order of two writers
CHANCE = 1e-6  # so unlikely must a stretch without refusals be before it is a hint
# So many days together are thin below this share of what is usual; with fewer requests chance makes some so.
THIN = ((7, 0.25, 50), (1, 0.05, 20))
DAYS = 7  # of fewer it is not known what is usual
# Two days are copies of each other if they agree in so many requests of so many addresses, to the minute.
COPIED, COPIED_CLIENTS = 10, 3
_THERE = "that the application is known to have was seen: name them in the policy ([access])"


def _read(traffic: Traffic) -> str:
    for row in rows(traffic.sources[traffic.sources["kind"].eq("log")]):
        # The packed copy of a log that was read beside it is no loss.
        lost = row.state != "read" and not row.reason.startswith(COPY)
        if lost or row.reason.startswith(BROKEN_OFF):
            return f"{row.source}: {row.reason or row.state}"
    return ""


def _understood(traffic: Traffic) -> str:
    lines = int(traffic.sources["not_understood"].sum())
    return f"lines of the logs that were not understood: {lines:,}" if lines else ""


def _own_words(traffic: Traffic) -> str:
    return _sum(traffic.sources, "lines may tell of refusals in words that no format knows", "own_words")


def _clocks(traffic: Traffic) -> str:
    """Times after the review, also beyond the period, of which no request is counted."""
    latest = pd.Timestamp(traffic.as_of) + MINUTE
    ends = traffic.sources["kind"].eq("log") & traffic.sources["last_at"].gt(latest)
    events = traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    late = sorted(
        {*traffic.sources.loc[ends, "source"], *events.loc[events["not_after_at"].gt(latest), "file"]}
    )
    return f"{late[0]} holds a time after the review: a clock is wrong" if late else ""


def _order(traffic: Traffic) -> str:
    steps = traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    back = steps[(steps["not_after_at"] - steps["at"]) > CLOCK_MINUTES * MINUTE]
    return f"times go back within {_listed(back['file'])}" if len(back) else ""


def _days(traffic: Traffic) -> str:
    days = max(0, -int(-(traffic.end - traffic.start).total_seconds() // 86400))
    read = days_by_service(traffic.sources, traffic.counts)
    left, service = (days - int(read.min()), read.idxmin()) if len(read) else (days, "any service")
    return f"{left} of {days} days have no line of {service}" if left > 0 else ""


def _instances(traffic: Traffic) -> str:
    logs = _listed(one.pattern for one in traffic.log_sources if not one.instances)
    return logs and f"another instance may have a log of its own: declare `instances` of {logs} in audit.toml"


def _zone(traffic: Traffic) -> str:
    assumed = traffic.sources["zone_assumed"].fillna(False).astype(bool)
    logs = _listed(traffic.sources.loc[assumed, "source"])
    return logs and f"times without a zone may be hours off: declare `time_zone` of {logs} in audit.toml"


def _listed(logs: Iterable[str]) -> str:
    first, *more = sorted(set(logs)) or [""]
    return f"{first} and {counted(len(more), 'more log')}" if more else first


def _answered(traffic: Traffic) -> str:
    if traffic.asked.empty:
        return "no request was recognised in the logs"
    none = "no request was answered with 2xx: the log may be another application's"
    return "" if traffic.asked["status"].between(200, 299).any() else none


def _declared_failure(traffic: Traffic) -> str:
    """Who may change audit.toml alone makes nothing known by declaring what never happens."""
    policy, counts = traffic.policy, traffic.counts
    declared = policy.failure_declared or has_failed(policy.added_logins, counts)
    asked = propose(counts, policy.logins, policy.failed_statuses)
    if open_ := [one.question for one in asked if one.uncounted or not declared]:
        return f"{open_[0]} Declare it ([[logins]])"
    moved = counts["kind"].eq(POSSIBLE) & counts["status"].notna()
    if left := int(counts.loc[moved, "count"].sum()):
        return f"{counted(left, 'login')} answered with a redirect that no declared request follows"
    if declared:
        return ""
    if policy.added_logins:
        return "audit.toml alone declares logins, and none of them was seen to fail"
    return "the policy does not declare what a failed login looks like"


def _login(traffic: Traffic) -> str:
    # Where messages tell a failed login, the policy's declaration of their kinds is what is needed.
    asked = (traffic.requests["protected"] | traffic.requests["on_login"]) & traffic.requests["there"]
    if asked.any() or (traffic.policy.failure_declared and not traffic.policy.failed_statuses):
        return ""
    return f"no request to a login route or a protected route {_THERE}"


def _failed_login(traffic: Traffic) -> str:
    own = set(traffic.requests.loc[traffic.requests["there"], "route"].unique())
    if (traffic.refusals["status"].isna() | traffic.refusals["route"].isin(own)).any():
        return ""
    messages = traffic.counts.loc[traffic.counts["kind"].eq(FAILED_LOGIN), "count"].sum()
    if messages:
        return (
            f"{messages:,} failed logins are known by messages alone: no request shows what is answered then"
        )
    routes = " on a route that the application is known to have" if len(traffic.refusals) else ""
    return f"no failed login was met in these logs{routes}, so it is not known that they would show one"


def _certain_messages(traffic: Traffic) -> str:
    said, policy = traffic.counts[traffic.counts["status"].isna()], traffic.policy
    failed, possible = (said[said["kind"].eq(kind)] for kind in (FAILED_LOGIN, POSSIBLE))
    inside = [not policy.clients and policy.is_private(one) for one in failed["client"]]
    private = failed.loc[inside, "count"].sum()
    numbers = {
        "failed logins that messages report without a time of their own": failed["untimed"].sum(),
        "failed logins that messages report of private addresses, which may be a proxy's": private,
        "failed logins of hosts that are named instead of their address": traffic.named_hosts,
        "possible failed logins, in words that no format knows": possible["count"].sum(),
    }
    return next((f"{text}: {number:,}" for text, number in numbers.items() if number), "")


def _callers(traffic: Traffic) -> str:
    """What is found stays found: its lines are there, whoever sent them."""
    policy = traffic.policy
    if policy.clients or traffic.collapsed:
        return traffic.collapsed
    addresses = sum(
        1 for one in traffic.asked["client"].unique() if network(one) and not policy.is_private(one)
    )
    least = policy.public_addresses
    if least is None:
        return "the policy does not say how many public addresses distinguish callers from a proxy"
    if addresses >= least:
        return ""
    text = f"public addresses in the logs: {addresses}; fewer than {least} may belong to a proxy"
    return f'{text}, and the policy does not say that they are callers (clients = "real")'


def _answers(traffic: Traffic) -> str:
    requests = traffic.requests
    if not (requests["let_in"] & requests["there"]).any():
        return "no login that succeeds, and no answer on a protected route was seen"
    # A redirect after a form that refused others is a login or a refusal: the policy would say which.
    moved = requests["status"].isin(REDIRECTS) & ~requests["method"].isin(READING) & ~requests["on_login"]
    moved &= requests["route"].isin(set(traffic.failures["route"]))
    count = int(requests.loc[moved, "count"].sum())
    return f"{count:,} redirects on routes that refuse may be logins that succeed" if count else ""


def _sum(rows: pd.DataFrame, what: str, column: str = "count") -> str:
    """So many of these in words; "" for none."""
    total = int(rows[column].sum())
    return f"{total:,} {what}" if total else ""


def _usual_rate(traffic: Traffic) -> str:
    least = traffic.policy.application_failing.expected
    mean = int(traffic.requests["count"].sum()) / max(1, traffic.requests["at"].dt.floor("D").nunique())
    text = f"{mean:.1f} requests a day are too few to show silence: this needs {least:.0f}"
    return "" if mean >= least else text


def unknown_wording(kinds: tuple[str, ...], events: pd.DataFrame, policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    seen = events.loc[events["status"].isna(), "kind"].isin(kinds).any()
    if seen or {*policy.known_messages, *policy.failed_messages} & {*kinds}:
        return ""
    words = " or ".join(kind.replace("_", " ") for kind in kinds)
    return (
        f"no message of the kind {words} was ever met in these logs, and the policy does not say that the "
        "formats know this application's wording (known_messages)"
    )


def _wording(traffic: Traffic) -> str:
    events, started = traffic.events, traffic.events["message"].isin(START_MESSAGES).any()
    starts = "" if started else unknown_wording(FAILED_STARTS, events, traffic.policy)
    return starts or unknown_wording(("database_failure",), events, traffic.policy)


def _unnamed(traffic: Traffic) -> str:
    return _sum(traffic.asked[traffic.asked["client"].eq("")], "requests have no address")


def _times(traffic: Traffic) -> str:
    failed = _sum(traffic.refusals, "failed logins have no time of their own", "untimed")
    return failed or _sum(traffic.asked, "requests have no time of their own", "untimed")


def _routes(traffic: Traffic) -> str:
    return _sum(traffic.asked[traffic.asked["route"].eq(OTHER_ROUTES)], f"requests are under {OTHER_ROUTES}")


def _queries(traffic: Traffic) -> str:
    kept = traffic.policy.logs_queries
    return "" if kept else "the policy does not say that logs keep queries (logs_queries)"


# Each fact, why it does not hold, and what it is for a reader; in the order in which one is said.
FACTS: Mapping[str, tuple[Callable[[Traffic], str], str]] = {
    "every log read": (_read, "Each log was read to its end"),
    "lines understood": (_understood, "Each line was understood"),
    "own words": (_own_words, "No line of text that may tell of a refusal in words of its own"),
    "clocks": (_clocks, "No time that has not come"),
    "an answer": (_answered, "A request that was answered with 2xx"),
    "a failed login declared": (_declared_failure, "What a failed login looks like, on each login route"),
    "a login seen": (_login, "A request to a login or protected route that is there"),
    "a failed login seen": (_failed_login, "A failed login on a route that is there"),
    "a success seen": (_answers, "A login that succeeds, or an answer on a protected route"),
    "certain messages": (_certain_messages, "No message that may tell of a failed login and does not count"),
    "times": (_times, "A time of each request"),
    "clients named": (_unnamed, "An address of each request"),
    "clients are callers": (_callers, 'Public addresses, or clients = "real" in the policy'),
    "routes": (_routes, "Each route under its own name"),
    "a usual rate": (_usual_rate, "So many requests a day that silence would show"),
    "wording": (_wording, "A start and a database failure, or their kinds in known_messages"),
    "queries kept": (_queries, "logs_queries in the policy"),
    "days": (_days, "A line of each day"),
    "instances": (_instances, "`instances` of each log in audit.toml"),
    "zone": (_zone, "A zone of each time, its own or a declared one"),
    "order": (_order, "Times that do not go back within a file"),
    "whole logs": (lambda it: next(hints(it), ""), "No hint at lines that are missing, copied or misdated"),
}
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
    """Why facts do not hold of some logs, by fact; "" for one that holds."""

    missing: Mapping[str, str]

    def reason(self, facts: Collection[str]) -> str:
        """The one reason why finding nothing proves nothing; "" if all these facts hold."""
        return next((text for fact, text in self.missing.items() if fact in facts and text), "")


def cover(traffic: Traffic) -> Coverage:
    """The facts of the logs of a period."""
    if traffic.counts.empty and traffic.events.empty:
        return Coverage(dict.fromkeys(FACTS, _read(traffic) or "no log line of the period was read"))
    return Coverage({fact: why(traffic) for fact, (why, _) in FACTS.items()})


def hints(traffic: Traffic) -> Iterator[str]:
    """Each hint at lines that are missing, thinned, copied, dated late or of another application.

    None is a proof, so none is an incident. But while one stands, finding nothing proves nothing.
    """
    logs = traffic.sources[traffic.sources["kind"].eq("log") & traffic.sources["state"].eq("read")]
    for _, group in logs[logs["sha256"].notna()].groupby("sha256", sort=True):
        if len(group) > 1:
            yield f"{' and '.join(sorted(group['source']))} hold the same bytes"
    if len(traffic.requests):
        yield from _of_another(traffic)
        yield from _at_the_end(traffic)
        yield from _thin(traffic)
        yield from _without_refusals(traffic.requests)
        yield from _copied(traffic.requests)
        if holes := len(silences(traffic)):
            yield f"no request for {counted(holes, 'long stretch', 'long stretches')}: lines may be missing"


def silences(traffic: Traffic) -> list[tuple[int, int, float]]:
    """Stretches without a request in which many were to be expected: first and last minute, and how many."""
    rule, requests = traffic.policy.application_failing, traffic.requests
    minutes = requests["minute"].drop_duplicates().sort_values()
    hours = requests.groupby(requests["at"].dt.floor("h"))["count"].sum().asfreq("h", fill_value=0)
    usual = (
        hours.groupby(pd.DatetimeIndex(hours.index).hour).median().reindex(range(24), fill_value=0).to_numpy()
        / 60
    )
    found = []
    for last, pause in zip(minutes, minutes.diff(), strict=True):
        if pause > rule.silence_minutes:
            first = int(last - pause)
            missed = float(usual[np.arange(first, min(last, first + 7 * 1440)) // 60 % 24].sum())
            if missed >= rule.expected:
                found.append((first, int(last), missed))
    return found


def _of_another(traffic: Traffic) -> Iterator[str]:
    """Why these may be requests to another application: of its routes this one has none.

    Only an answer shows that a route is there: scanners ask for login pages of any application.
    """
    answered = traffic.requests.loc[traffic.requests["there"], "route"].unique()
    named = traffic.policy.named_routes
    if named and not any(matches_glob(route, named) for route in answered):
        yield "no route that the policy names was answered with 2xx: the log may be another application's"


def _at_the_end(traffic: Traffic) -> Iterator[str]:
    """A silence at the end that is longer than ever before: who got in may have cut the log."""
    at, end = traffic.requests["at"].sort_values(), pd.Timestamp(traffic.end)
    lasts = at.iloc[-1] - at.iloc[0]  # of less than a day it is not known what is usual
    if lasts >= DAY and end - at.iloc[-1] > max(at.diff().max(), HOUR):
        hours = counted(round((end - at.iloc[-1]) / HOUR), "hour")
        yield f"the log ends {hours} before the period does, with the longest pause in it"


def _by_day(requests: pd.DataFrame) -> pd.DataFrame:
    """One row for each day from the first to the last: `count`, and `bad`, how many of it failed."""
    failed = requests["count"].where(requests["failed"], 0)
    sums = requests.assign(bad=failed).groupby(requests["at"].dt.floor("D"))[["count", "bad"]].sum()
    return sums.reindex(pd.date_range(sums.index[0], sums.index[-1], freq="D"), fill_value=0)


def _thin(traffic: Traffic) -> Iterator[str]:
    """Weeks and days of which hardly anything is left, where the others hold much."""
    days = _by_day(traffic.requests)["count"]
    days = days[days.index <= pd.Timestamp(traffic.end) + MINUTE - DAY]  # the day of the end is not whole
    for span, share, least in THIN:
        sums = days.rolling(span).sum().dropna()
        usual = float(sums[sums > 0].median()) if len(days) >= span + DAYS else 0.0
        thin = sums[(sums > 0) & (sums < share * usual)]
        if usual >= least and len(thin):
            first = f"{thin.index[0] - (span - 1) * DAY:%Y-%m-%d}"
            held = f"{thin.iloc[0]:,.0f} requests of usually {usual:,.0f}"
            yield f"{counted(span, 'day')} from {first} on hold {held}: the log may be thinned"


def _without_refusals(requests: pd.DataFrame) -> Iterator[str]:
    """The longest stretch of days with requests and no failed login, if chance does not explain it."""
    days = _by_day(requests)
    days = days[days["count"] > 0]
    refusing = days["bad"].gt(0)
    if not refusing.any():
        return
    longest = int((~refusing).groupby(refusing.cumsum()).sum().max())
    # As usual is what the days outside of the stretch show; it may begin on any day.
    share = refusing.sum() / (len(days) - longest + 1)
    if len(days) * (1 - share) ** longest < CHANCE:
        yield (
            f"{share:.0%} of the other days have a failed login, but {longest} days in a row have none: "
            "refusals may have been filtered out"
        )


def _copied(requests: pd.DataFrame) -> Iterator[str]:
    """Days that equal each other to the minute: nothing that people do repeats itself so."""
    columns = ["client", "method", "route", "status", "count"]
    frame = requests[columns].assign(minute=requests["minute"] % 1440)
    hashes = pd.util.hash_pandas_object(frame, index=False)
    groups = requests.assign(row=hashes).groupby(requests["at"].dt.floor("D").rename("day"))
    sums = groups.agg(row=("row", "sum"), rows=("row", "size"), clients=("client", "nunique"))
    busy = sums[sums["rows"].ge(COPIED) & sums["clients"].ge(COPIED_CLIENTS)]
    copies = busy[busy.duplicated(["row", "rows"], keep="first")]
    if len(copies):
        first = f"{copies.index[0]:%Y-%m-%d}"
        yield f"days that repeat another to the minute: {len(copies)}, as {first}; lines may be copied"
