"""What logs would have shown: the facts that earn a *none*, *quiet*, *unlikely* or *pass*, found once."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.frames import rows
from audit_lib.base.in_words import DECLARED, POSSIBLE, counted, few
from audit_lib.logins.declared import READING, REDIRECTS, on_logins, propose
from audit_lib.logins.parameters import LOCAL, DetectionPolicy
from audit_lib.logins.traffic import FAILED_STARTS, START_MESSAGES, Traffic, are_failures, network_of, repeats
from audit_lib.logs.formats import CLOCK_SET_BACK, OTHER_ROUTES
from audit_lib.logs.logins import FAILED_LOGIN, FAILURES
from audit_lib.logs.read import BROKEN_OFF, COPY, ROTATED, days_by_service
from audit_lib.logs.values import NOT_AN_ADDRESS

Facts = list[tuple[str, Any, str]]  # each fact, what speaks against it if anything does, and the reason
MINUTE, HOUR, DAY = pd.Timedelta(minutes=1), pd.Timedelta(hours=1), pd.Timedelta(days=1)
THIN = ((7, 0.25, 50), (1, 0.05, 20))  # days that are thin below a share of the usual, if that is so much
DATABASE_FAILURE = ("database_failure",)
REPORTED = {  # of kinds of messages their subject, what they say, in how many minutes of an hour
    DATABASE_FAILURE: ("database", "the database could not be used", 1),
    ("connection_failed",): ("connection", "connections failed, as messages report", 3),  # not in a restart
    ("process_ended",): ("process", "processes ended, as messages report", 1),
    FAILED_STARTS: ("start", "a start failed, or the validation stopped it", 1),
}
CHANCE = 1e-6  # so unlikely must a stretch without refusals be before it is a hint

READ_WHOLE = {"every log read", "lines understood", "own words", "clocks", "instances"}
_ALWAYS = {*READ_WHOLE, "an answer", "times", "days", "whole logs"}
_WHO = {"clients named", "clients are callers"}
_LOGINS = {"a failed login declared", "a login seen", "a failed login seen", "certain messages", *_ALWAYS}
NEEDS: Mapping[str, set[str]] = {  # the facts on which each verdict rests
    "guessing": {*_LOGINS, *_WHO},
    "spraying": {*_LOGINS, *_WHO, "routes"},
    "let-in": {*_LOGINS, *_WHO, "routes", "a success seen"},
    "known-clients-failing": {*_LOGINS, "callers told apart", "routes", "a success seen", "zone", "order"},
    "probing": {*_WHO, *_ALWAYS, "routes"},
    "secret-in-url": {*_ALWAYS, "queries kept"},
    "application-failing": {*_ALWAYS, "wording", "a usual rate", "zone", "order"},
}


class Coverage(dict[str, str]):
    """Why facts do not hold of some logs, in the order in which one is said."""

    def reason(self, facts: Collection[str]) -> str:
        """The one reason why finding nothing proves nothing; "" if all these facts hold."""
        return next((text for fact, text in self.items() if fact in facts), "")


def cover(traffic: Traffic) -> Coverage:
    """The facts of the logs of a window."""
    missing, is_empty = Coverage(), traffic.activity.counts.empty and traffic.events.empty
    for facts in (_of_reading,) if is_empty else (_of_reading, _of_logins, _of_requests, _of_times):
        for fact, what, text in facts(traffic):
            if what:
                missing.setdefault(fact, text.format(what if isinstance(what, str) else int(what)))
    if is_empty:
        text = missing.get("every log read", "no log line of the period was read")
        return Coverage(dict.fromkeys(set().union(*NEEDS.values()), text))
    return missing


def _of_reading(traffic: Traffic) -> Facts:
    steps = traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    sources = traffic.activity.sources.loc[lambda source: source["kind"].eq("log")]
    lost = ~sources["state"].isin(("read", "empty")) & ~sources["reason"].str.startswith(COPY)  # no loss
    lost |= sources["reason"].str.startswith(BROKEN_OFF)
    end = pd.Timestamp(traffic.as_of or traffic.window.until) + MINUTE
    late = {*steps[steps["not_after_at"].gt(end)]["file"], *sources[sources["last_at"].gt(end)]["source"]}
    return [
        *(("every log read", f"{it.source}: {it.reason or it.state}", "{}") for it in rows(sources[lost])),
        ("clocks", few(sorted(late), 1), "{} holds a time after the review: a clock is wrong"),
    ]


def _of_requests(traffic: Traffic) -> Facts:
    policy, counts, requests = traffic.policy, traffic.activity.counts, traffic.requests
    asked, judged = counts.dropna(subset="status"), counts["status"].notna() | are_failures(counts, policy)
    unnamed, others = asked["client"].isin(("", NOT_AN_ADDRESS)), asked["route"].eq(OTHER_ROUTES)
    public = sum(network_of(one) != one and not policy.may_be_proxy(one) for one in asked["client"].unique())
    expected = traffic.rules["application-failing"].expected
    mean = int(requests["count"].sum()) / max(1, requests["at"].dt.floor("D").nunique())
    return [
        ("an answer", not asked["status"].between(200, 299).any(),
         "no request was answered with 2xx: the log may be another application's"),
        ("times", counts.loc[judged, "untimed"].sum(), "{:,} requests or failed logins carry no time"),
        ("clients named", asked.loc[unnamed, "count"].sum(),
         "no address was read in {:,} requests: pipe one to audit-lib explain, and declare its format"),
        *((fact, traffic.collapsed, "{}") for fact in ("clients are callers", "callers told apart")),
        ("clients are callers", not policy.clients and public < (policy.public_addresses or np.inf),
         f"{public} public addresses, as fewer than {policy.public_addresses} are, may be a proxy's; "
         '[detections] of audit.toml may say otherwise (clients = "real")'),
        ("routes", asked.loc[others, "count"].sum(), f"{{:,}} requests are under {OTHER_ROUTES}"),
        ("queries kept", not policy.logs_queries, "[detections] of audit.toml lacks logs_queries = true"),
        ("a usual rate", mean < expected, f"{mean:.1f} requests a day: silence shows from {expected:.0f} on"),
        ("wording", not traffic.events["message"].isin(START_MESSAGES).any()
         and unknown_wording(FAILED_STARTS, traffic.events, policy), "{}"),
        ("wording", unknown_wording(DATABASE_FAILURE, traffic.events, policy), "{}"),
    ]  # fmt: skip


def unknown_wording(kinds: tuple[str, ...], events: pd.DataFrame, policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    seen = events.loc[events["status"].isna(), "kind"].isin(kinds).any()
    if seen or {*policy.known_messages, *policy.failure.messages} & {*kinds}:
        return ""
    text = f"no message of the kind {' or '.join(kinds).replace('_', ' ')} was ever met in these logs, and "
    return f"{text}[detections] of audit.toml does not say that the formats know its wording (known_messages)"


def _of_logins(traffic: Traffic) -> Facts:
    policy, counts, requests = traffic.policy, traffic.activity.counts, traffic.requests
    # Who may change audit.toml alone makes nothing known by declaring what never happens.
    failing = {status for login in policy.added_logins for status in login.failed_statuses}
    has_failed = on_logins(counts, policy.added_logins) & counts["status"].isin(failing)
    declared = policy.failure_declared or bool((has_failed | counts["kind"].eq(DECLARED)).any())
    there, refusal = requests[requests["there"]], counts[are_failures(counts, policy)]
    sent = requests[requests["status"].isin(REDIRECTS) & requests["route"].isin(traffic.failures["route"])]
    sent = sent[~(sent["on_login"] | sent["method"].isin(READING))]
    sent = sent[~(sent["method"] + " " + sent["route"]).isin(policy.no_logins)]
    failed = counts[counts["kind"].eq(FAILED_LOGIN) & counts["status"].isna()].astype({"client": "str"})
    said = traffic.events[traffic.events["kind"].isin(FAILURES)].query("status.isna() and client == ''")
    fact, sure = "a failed login declared", "certain messages"
    why = [(lost := counts.loc[counts["kind"].eq(POSSIBLE) & counts["status"].notna(), "count"].sum(),
            f"{lost:,} logins were answered with a redirect that no declared request follows"),
           *((it.answers, f"{it.question} Declare it ([[logins]]), or say no (no_logins)")
             for it in propose(counts, requests.rename(columns={"at": "minute_at"}), policy)
             if it.uncounted or not declared)]  # fmt: skip
    return [
        *((fact, text * bool(count), "{}") for count, text in sorted(why, key=lambda it: -it[0])),
        (fact, not declared and bool(policy.added_logins),
         "audit.toml alone declares logins, and none of them was seen to fail"),
        (fact, not declared, "the policy does not declare what a failed login looks like"),
        ("a login seen", (policy.failure.statuses or not policy.failure_declared)
         and not (there["protected"] | there["on_login"]).any(),
         "no request to a login or protected route that the application has: name them ([access])"),
        ("a failed login seen", not (refusal["status"].isna() | refusal["route"].isin(there["route"])).any(),
         "no failed login on a route that the application has was seen: perhaps these logs show none"),
        ("a success seen", not there["let_in"].any(), "no login that succeeds, no protected answer was seen"),
        *(("a success seen", f"{it.method} {it.route}",
           "how a success of {} looks is not declared, or was not seen ([[logins]])")
        for it in policy.logins if it.failed_message and not any(one.failed_redirect or one.succeeded_statuses
            or (one.succeeded_message and 0 in {*there["status"]})  # a message
            for one in policy.logins if (one.method, one.route) == (it.method, it.route))),
        ("a success seen", few(sorted({*(sent["method"] + " " + sent["folder"])}), 1),  # a code may follow
         "{}, or below, refused some and redirected others: declare it ([[logins]]), or say no (no_logins)"),
        (sure, failed["untimed"].sum(), "{:,} failed logins that messages report have no time of their own"),
        (sure, failed.loc[[it == NOT_AN_ADDRESS or policy.may_be_proxy(it) for it in failed["client"]],
         "count"].sum(), "{:,} failed logins are of named hosts, or of private addresses, perhaps a proxy's"),
        (sure, refusal[refusal["client"].isin(LOCAL)]["count"].sum(), "{:,} failures are the server's own"),
        (sure, len(said) - len(repeats(said, traffic.failures.dropna(subset="status"))),
         "of {:,} failed logins that messages report no address was read"),
        (sure, counts.query("method == 'POST' and status == 200 and route.str.match('.*/graphql/?$')").loc[
          lambda it: ~(on_logins(it, policy.logins) | ("POST " + it["route"]).isin(policy.no_logins)), "count"
         ].sum(), "{:,} answers of GraphQL may be to failed logins: declare them, or say no (no_logins)"),
        (sure, len(traffic.unclear),
         "{:,} possible failed logins are in unknown words: declare them (failed_message of [[logins]])"),
    ]  # fmt: skip


def _of_times(traffic: Traffic) -> Facts:
    sources = traffic.activity.sources.loc[lambda source: source["kind"].eq("log")]
    steps = traffic.events[traffic.events["message"].eq(CLOCK_SET_BACK)]
    back = (steps["not_after_at"] - steps["at"]).gt(10 * MINUTE)  # below, it may be the order of two writers
    same = sources.loc[sources["sha256"].notna() & sources["sha256"].duplicated(keep=False), "source"]
    days = max(0, -int(-(traffic.window.until - traffic.window.since) // DAY))
    read = days_by_service(sources, traffic.activity.counts)
    whole = sources["source"].str.replace(ROTATED, "", regex=True)  # one of a rotation may be empty
    empty = sources["state"].eq("empty") & ~whole.isin(whole[sources["state"].eq("read")])
    left, service = (days - int(read.min()), read.idxmin()) if len(read) else (days, "any service")
    return [
        ("instances", few(sorted({log.pattern for log in traffic.log_sources if not log.instances}), 1),
         "another instance may have a log of its own: declare `instances` of {} in audit.toml"),
        ("lines understood", sources["not_understood"].sum(), "{:,} lines of the logs were not understood"),
        ("every log read", few(sources.loc[empty, "source"], 1), "{}: empty"),
        ("own words", sources["own_words"].sum(), "{:,} lines may be refusals in words that no format knows"),
        ("zone", few(sorted({*sources.loc[sources["zone_assumed"].eq(True).fillna(False), "source"]}), 1),
         "times without a zone may be hours off: declare `time_zone` of {} in audit.toml"),
        ("order", few(sorted({*steps.loc[back, "file"]}), 1), "times go back within {}"),
        ("days", left > 0 and f"{left} of {days} days have no line of {service}", "{}"),
        ("whole logs", " and ".join(sorted(same)), "{} hold the same bytes"),
        *(("whole logs", hint, "{}") for hint in (_hints(traffic) if len(traffic.requests) else ())),
    ]  # fmt: skip


def _hints(traffic: Traffic) -> list[str]:
    """Hints at lines that are missing, thinned, or of another application. Only an answer shows a route; a
    log that is kept by the days of its zone may end before the day of UTC."""
    requests, policy, end = traffic.requests, traffic.policy, pd.Timestamp(traffic.window.until)
    midnights = [end.tz_convert(log.time_zone).floor("D") for log in traffic.log_sources]
    last_day = min([end, *(one for one in midnights if end - one <= one.utcoffset())])  # type: ignore[operator]
    named = (*policy.access.protected, *(login.route for login in policy.own_logins))
    other = named and not any(matches_glob(route, named) for route in {*requests["route"][requests["there"]]})
    at, pause, holes = requests["at"], last_day - requests["at"].iloc[-1], len(list(silences(traffic)))
    cut = at.iloc[-1] - at.iloc[0] >= DAY and pause > max(at.diff().max(), HOUR)
    bad = requests.assign(bad=requests["count"].where(requests["refused"], 0))
    days = bad.groupby(at.dt.floor("D"))[["count", "bad"]].sum().asfreq("D", fill_value=0)
    refusing = days.loc[days["count"].gt(0), "bad"].gt(0)
    longest = int((~refusing).groupby(refusing.cumsum()).sum().max())
    usual = refusing.sum() / (len(refusing) - longest + 1)  # as the days outside of the stretch show
    rare = refusing.any() and len(refusing) * (1 - usual) ** longest < CHANCE
    hints = {
        "no route that the policy names was answered with 2xx: the log may be another application's": other,
        f"the log ends {counted(round(pause / HOUR), 'hour')} before the period does: the longest pause": cut,
        **dict.fromkeys(_thin_stretches(days.loc[traffic.window.since : end + MINUTE - DAY, "count"]), True),
        f"{longest} days in a row have no refusal, {usual:.0%} of the others do: perhaps filtered out": rare,
        f"no request for {counted(holes, 'long stretch', 'long stretches')}: lines may be missing": holes,
    }
    return [text for text, holds in hints.items() if holds]


def _thin_stretches(counts: "pd.Series[int]") -> Iterator[str]:
    for span, share, least in THIN:
        held = counts.rolling(span).sum().dropna()
        usual = float(held[held > 0].median()) if len(counts) >= span + 7 else 0.0
        thin = held[(held > 0) & (held < share * usual)]
        if usual >= least and len(thin):
            rest = f"{thin.iloc[0]:,.0f} requests of usually {usual:,.0f}"
            yield f"{counted(span, 'day')} until {thin.index[0]:%Y-%m-%d} hold {rest}: the log may be thinned"


def silences(traffic: Traffic) -> Iterator[tuple[float, float, "np.ndarray[Any, Any]"]]:
    """Stretches without a request in which many are usual: first and last second, and `_comparable` days."""
    rule, requests = traffic.rules["application-failing"], traffic.requests
    counts = requests.groupby(requests["seconds"].astype(int) // 60)["count"].sum()
    minutes, held = counts.index.to_numpy(), np.array([0, *counts.cumsum()])
    for first, last in pairwise(minutes.tolist()):
        is_long = last - first > rule.silence_minutes
        if is_long and np.median(then := _comparable(first, last, minutes, held)) >= rule.expected:
            yield first * 60.0, last * 60.0, then


def _comparable(first: int, last: int, minutes: Any, held: Any) -> "np.ndarray[Any, Any]":
    """The requests of each comparable day in the hours of a silence: workdays are alike, and weekends, else
    days as active outside of them. Of fewer than three it is one number: the least of another or the mean."""
    days = np.arange(-((first - minutes[0]) // 1440), (minutes[-1] - last) // 1440 + 1)
    low, high = (np.searchsorted(minutes, at + days * 1440, "right") for at in (first, last))
    since, until = first // 1440 + days, last // 1440 + days + 1
    workdays = np.busday_count(since.astype("M8[D]"), until.astype("M8[D]"))
    active = np.searchsorted(minutes, until * 1440) - np.searchsorted(minutes, since * 1440) - (high - low)
    own, is_other = days == 0, (abs(days) * 1440 >= last - first) & (active > 0)
    near = (until - since == 1) & (active <= 2 * active[own]) & (active[own] <= 2 * active)
    for alike in (is_other & (workdays == workdays[own]), is_other & near):
        if alike.sum() >= 3:
            return np.array((held[high] - held[low])[alike])
    mean = held[-1] * (last - first) // (minutes[-1] - minutes[0])
    return np.array([(held[high] - held[low])[is_other].min(initial=mean)])


def unusual_silences(traffic: Traffic) -> Iterator[tuple[float, float, int]]:
    """Silences in which each of three or more comparable days has many requests, and the fewest that one has.
    A log that has silences half as telling on three other days proves none."""
    every, expected = list(silences(traffic)), traffic.rules["application-failing"].expected
    for first, last, then in every:
        such = {at // 86400 for at, _, each in every if np.median(each) >= np.median(then) / 2}
        if then.min() >= expected and len(then) >= 3 and len(such - {first // 86400}) < 3:
            yield first, last, int(then.min())
