"""What detections look at: requests and failed logins by the policy, windows, clients, changes on record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.in_words import DECLARED, POSSIBLE, REQUEST_KINDS, few
from audit_lib.ledger import Ledger
from audit_lib.logins.declared import READING, REDIRECTS, entered, may_log_in, on_logins
from audit_lib.logins.parameters import LOCAL, REFUSED, DetectionPolicy
from audit_lib.logs.formats import CLOCK_SET_BACK, OTHER_ROUTES
from audit_lib.logs.logins import FAILED_LOGIN, FAILURES, LET_IN, bare_route
from audit_lib.logs.read import LogRead
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.secrecy import identities as shown
from audit_lib.secrecy.keeper import Key
from audit_lib.settings import Login, LogSource

START_MESSAGES = ("secrets valid", "secrets invalid")  # of log_formats.toml: a process that starts writes one
FAILED_STARTS = ("startup_failed", "secret_validation_failed")
PROVEN_BY_SSH = ("ssh session without a login",)  # where only keys are allowed, nothing else proves one
_MOST_PER_LOGIN, _PROXIED = 5, 0.95  # mistypes of an address and day; a share of three that is a proxy's
_NEAR = 10_800  # seconds in which a login that does not tell how it ended may be one more of these tries
_MINUTE, _DAY = (pd.Timedelta(span) - pd.Timedelta("1us") for span in ("1min", "1D"))
_DOTFILE = r"/\.(?!well-known(?:/|$))[^/.]"  # or a folder; one is everybody's (RFC 8615)
_FOLDER = r"(.*?/\.[^/]+|/[^/]*)"  # the first with a dot, else the first: one that is served holds many files


@dataclass(frozen=True)
class Window:
    """The time that is looked at, both ends inclusive, UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Activity:
    """What logs hold, by the policy: Sources, LogCounts, LogEvents and requests with bounds of their time."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    requests: pd.DataFrame

    def within(self, window: Window) -> "Activity":
        """The same, without what surely lies outside of a window."""
        first, last = f"{window.since:%Y-%m-%d}", f"{window.until:%Y-%m-%d}"
        counts = self.counts[self.counts["day"].isna() | self.counts["day"].between(first, last)]
        return Activity(self.sources, counts, within(self.events, window), within(self.requests, window))


def tabulate_activity(logs: LogRead, policy: DetectionPolicy) -> Activity:
    """The frames of logs as detections need them; what is named as a host has no client.
    A request without a time lies on or after its day, and before the end of the next that its file names;
    before its first date a file says nothing: such a request lies before the end of that day."""
    counts, events, minutes = (
        frame.astype({name: "str" for name, kind in frame.dtypes.items() if kind == "category"})
        for frame in (logs.counts, logs.events, logs.minutes)
    )
    own = events["at"].where(events["message"].ne(CLOCK_SET_BACK))  # how far, its bounds say
    bounds = {name: own.fillna(events[name]) for name in ("not_before_at", "not_after_at")}
    at, hosts = minutes["minute_at"], {NOT_AN_ADDRESS: ""}
    timed = minutes.assign(timed=np.ones(len(at), bool), not_before_at=at, not_after_at=at + _MINUTE)
    order = ["at", "file", "client", "route", "method", "status"]
    timed = timed.rename(columns={"minute_at": "at"}).sort_values(order, kind="stable")
    requests, untimed = timed, counts[counts["status"].notna() & counts["untimed"].gt(0)]
    if len(untimed):  # they take the types of those that have a time, however few there are
        days = counts[["file", "day"]].dropna().drop_duplicates().sort_values(["file", "day"])
        days["end"] = days.groupby("file")["day"].shift(-1)
        untimed = untimed.merge(days, "left", ["file", "day"])
        first = untimed["file"].map(days.groupby("file")["day"].min())
        untimed = untimed.assign(
            timed=False, at=None, count=untimed["untimed"], line=untimed["untimed_line"],
            not_before_at=pd.to_datetime(untimed["day"], utc=True),
            not_after_at=pd.to_datetime(untimed["end"].mask(untimed["day"].isna(), first), utc=True) + _DAY,
        )  # fmt: skip
        requests = pd.concat([untimed[timed.columns], timed]).astype(timed.dtypes)
    events = events.assign(**bounds, client=events["client"].replace(hosts))
    said = events[events["message"].eq(LET_IN) & events["client"].ne("")].assign(
        status=0, count=0, timed=lambda it: it["at"].notna(), at=lambda it: it["at"].dt.floor("min")
    )
    requests = pd.concat([requests.replace({"client": hosts}), said[timed.columns].astype(timed.dtypes)])
    return Activity(logs.sources, counts, events, _judged(requests.reset_index(drop=True), policy))


def _judged(requests: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """Requests with what the policy says. refused: 401, 403, 429, or declared. unanswered: or server errors.
    granted: 2xx on a protected route. let_in: or a login that succeeds; what refuses is one despite
    no_logins. added: only by audit.toml, which excuses no failure of another route. doubtful: let in, not by
    that. door: the route, "" for a login. begins: below it a step is declared. there: its route was answered,
    or is named. sensitive: for a file that none serves, or of a dotted name but for those that many read.
    Who fails by a redirect, or a neighbour, was not let in by one that does not tell."""
    status, route, method, access = requests["status"], requests["route"], requests["method"], policy.access
    free = fits(route, (*access.open, *access.login)) | route.eq(OTHER_ROUTES)
    by_own, by_added = (on_logins(requests, logins) for logins in (policy.own_logins, policy.added_logins))
    shut = route[status.isin(REFUSED) & ~(by_own | by_added)]  # not what a login refuses
    protected = (route.isin(shut) | fits(route, access.protected)) & ~free
    refused = status.isin((*REQUEST_KINDS, *policy.failure.statuses)) | requests["kind"].eq(DECLARED)
    answered, on_login = status.between(200, 299) & method.ne("OPTIONS"), fits(route, access.login)
    added = entered(requests, policy.added_logins) & ~refused
    usual = on_login & ~by_own & ~method.isin((*READING, "")) & ~refused & (answered | status.isin(REDIRECTS))
    usual &= ~(method + " " + route).isin(policy.no_logins) | route.isin(route[refused])
    network, kind = requests["client"].map(cache(network_of)).astype("str"), requests["kind"]
    usual &= ~(kind.eq(POSSIBLE) & network.isin(network[kind.eq(DECLARED) & status.between(300, 399)]))
    let_in = usual | (entered(requests, policy.own_logins) & ~refused) | (answered & protected)
    steps = [bare_route(login.route) for login in policy.logins]
    begins = route.map(cache(lambda name: any(step.startswith(bare_route(name) + b"/") for step in steps)))
    is_named = by_own | route.isin([name for name in (*access.login, *access.protected) if "*" not in name])
    hidden, listed = route.str.contains(_DOTFILE), fits(route, policy.sensitive_routes)
    client, odd, folder = requests["client"], hidden | listed, route.str.extract(_FOLDER, expand=False)
    visitors = {*client[answered & ~odd]} - {"", *client[odd & status.between(400, 499)]}
    readers = client[answered & client.isin(visitors)].groupby(folder).nunique()
    published = readers.index[readers.ge(max(10, len(visitors) / 20))]
    is_shown = answered | let_in | (added & status.lt(400)) | (is_named & ~status.isin((404, 405, 410)))
    return requests.assign(
        network=network,
        folder=folder,
        refused=refused,
        unanswered=refused | status.ge(500),
        protected=protected,
        on_login=on_login | by_added,
        door=route.mask(on_login | by_added, ""),
        granted=answered & protected,
        let_in=let_in | added,
        added=added & ~let_in,
        doubtful=usual & by_added & ~added,
        begins=(on_login | by_added) & begins.astype(bool),
        there=route.isin(set(route[is_shown]) - {OTHER_ROUTES}),
        sensitive=listed | (hidden & ~(folder.isin(published) | fits(route, access.open))),
    )


def fits(routes: "pd.Series[str]", globs: tuple[str, ...]) -> "pd.Series[bool]":
    """Which routes a glob fits, letter case and a last slash aside; of many under one name none."""
    globs += tuple(f"{glob}/" for glob in globs)
    return routes.map(cache(lambda it: it != OTHER_ROUTES and matches_glob(it, globs))).astype(bool)


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows (with bounds) that may be in a window: a bound that is not known excludes nothing."""
    outside = frame["not_after_at"].lt(window.since) | frame["not_before_at"].gt(window.until)
    return frame[~outside.fillna(False).astype(bool)]


def network_of(client: str) -> str:
    """The /24 or /64 of an address; a client that is none is its own network."""
    return shown.locate(client)[1] or client


def tabulate_clients(requests: pd.DataFrame, window: Window, policy: DetectionPolicy) -> pd.DataFrame:
    """One row for each client with requests that may be in the window, the most refused first: client,
    network, requests, failures, successes (logins; 2xx if protected), classification."""
    before = requests[requests["let_in"] & requests["not_after_at"].lt(window.since)]
    parts: Any = {"requests": True, "failures": requests["refused"], "successes": requests["let_in"]}
    sums = {name: requests["count"] * part for name, part in parts.items()}
    here = within(requests.assign(**sums), window).groupby("client", as_index=False)
    frame = here.agg({"network": "first", **dict.fromkeys(sums, "sum")})
    client, reached = frame["client"], window.since - timedelta(days=policy.thresholds["let-in"].days)
    classes = {
        "unnamed": client.eq(""),
        "internal": client.map(policy.may_be_proxy).astype(bool),
        "known": client.isin(before["client"]),
        "failing only": frame["failures"].eq(frame["requests"]),
        "not known if new": client.eq(client) & (not requests["not_before_at"].min() <= reached),
        "new address": frame["network"].isin(before["network"]),
    }
    frame["classification"] = np.select([*classes.values()], [*classes], "new network")
    return frame.sort_values(["failures", "requests"], ascending=False, ignore_index=True)


def address_label(logs: LogRead, key: Key) -> shown.Label:
    """What tells an address from others of its network, the same in each run: without a key its number."""
    if key.origin != "throw-away":
        return shown.keyed_label(key)
    named = pd.concat([frame[["file", "line", "client"]] for frame in (logs.counts, logs.events)])
    return shown.numbered_label(named.sort_values(["file", "line"], kind="stable")["client"].unique())


def with_addresses(
    table: pd.DataFrame, label: shown.Label, identities: str, known: Callable[[str], bool]
) -> pd.DataFrame:
    """The log table as addresses may be shown in it; those that the policy knows are marked."""
    full = identities == "full"

    def marked(client: str) -> str:
        return f"{client if full else label(client)}{' (known)' if known(client) else ''}"

    client, subject = (partial(mask, label=marked) for mask in (shown.mask_client, shown.mask_text))
    return shown.map_texts(table, **({"client": marked} if full else {"client": client, "subject": subject}))


@dataclass(frozen=True)
class RecordedChange:
    """A rotation, a deploy or a start on record: it happened at some instant from `at` to `until`."""

    name: str  # the secret; "start" or "deploy" of the application
    at: pd.Timestamp
    until: pd.Timestamp
    place: str
    kind: str = "rotation"  # deploy | start


def recorded_changes(
    ledger: Ledger, events: pd.DataFrame, deploys: pd.DataFrame, window: Window
) -> tuple[RecordedChange, ...]:
    """Rotations of the ledger, deploys (also of two days before) and starts in the logs, in order of time."""
    changes = []
    for entry in ledger.of_kind("rotation"):
        at = pd.Timestamp(parse_instant(str(entry.body["claimed_at"]), entry.place))
        until = at + timedelta(days=1 if entry.body.get("day_only") else 0)
        changes.append(RecordedChange(str(entry.body["secret"]), at, until, entry.place))
    near = deploys["ended_at"].ge(window.since - timedelta(days=2)) & deploys["began_at"].le(window.until)
    for one in rows(deploys[near & deploys["outcome"].isin(("took effect", "not told"))]):
        changes.append(RecordedChange("deploy", one.began_at, one.ended_at, one.evidence, "deploy"))
    for one in rows(events[events["message"].isin(START_MESSAGES) & events["at"].notna()]):
        changes.append(RecordedChange("start", one.at, one.at, f"{one.file}:{one.line}", "start"))
    return tuple(sorted(changes, key=lambda change: (change.at, change.name, change.place)))


@dataclass(frozen=True)
class Traffic:
    """The logs of a window as detections need them. `requests` have a time, `let_in` are those of them that
    let somebody in, `events` are `LogEvents`. All have `seconds` since 1970, null without a time."""

    activity: Activity
    policy: DetectionPolicy
    window: Window
    log_sources: tuple[LogSource, ...]  # as audit.toml declares them
    changes: tuple[RecordedChange, ...] = ()
    as_of: datetime | None = None  # of the review, no line is of a later time; None: the end of the window

    rules = property(lambda it: it.policy.thresholds)  # by detection
    requests = cached_property(lambda it: _with_seconds(it.activity.requests[it.activity.requests["timed"]]))
    events = cached_property(lambda it: _with_seconds(it.activity.events))
    let_in = cached_property(lambda it: it.requests.query("let_in and client != '' and client not in @LOCAL"))

    @cached_property
    def failures(self) -> pd.DataFrame:
        """The failed logins with a time, in its order, as events with network, protected, on_login, is_step
        (of a login: what begins it lets nobody in), days (on which its client was let in before; known: any),
        used (so, there, by no login or days later), success (seconds of the minute that does) and mistype."""
        events, policy, requests = self.events, self.policy, self.requests
        failed = events[are_failures(events, policy) & events["at"].notna() & ~events["client"].isin(LOCAL)]
        messages = failed[failed["kind"].eq(DECLARED) & failed["status"].isna()]
        failed = failed.drop(repeats(messages, failed[failed["status"].notna()]).index)
        frame = pd.concat([failed, message_failures(events, failed, policy)])
        frame = frame.sort_values(["at", "file", "line"], kind="stable").reset_index(drop=True)
        logins = requests[requests["on_login"]]
        begun = tuple(bare_route(name) + b"/" for name in logins.loc[logins["begins"], "route"].unique())
        frame = frame.assign(
            is_step=frame["route"].map(cache(lambda name: bare_route(name).startswith(begun))).astype(bool),
            network=frame["client"].map(cache(network_of)).astype("str"),
            protected=frame["route"].isin(self.activity.requests.query("protected")["route"]),
            on_login=frame["kind"].isin(FAILURES) | frame["route"].isin(logins["route"]),
            door=lambda failed: failed["route"].mask(failed["on_login"], ""),
        )
        good = self.let_in.query("kind != @POSSIBLE and (not added or route in @frame.route)")
        return _with_successes(frame, good, policy)

    @cached_property
    def unclear(self) -> pd.DataFrame:
        """The possible failed logins of messages, but for one in each words beside each login that counts."""
        said = self.events[self.events["kind"].eq(POSSIBLE) & self.events["status"].isna()]
        beside = pd.DataFrame({"word": said["subject"], "of": repeats(said, self.failures.query("on_login"))})
        return said.drop(beside.dropna().drop_duplicates().index)

    @cached_property
    def untold(self) -> pd.DataFrame:
        """Logins whose redirect does not tell; `blind` if their client hardly reads anything else then."""
        asked = self.events.query("kind == @POSSIBLE and client != ''").dropna(subset=["at", "status"])
        near = self.requests.query("method in @READING and route not in @asked.route")
        seen = {*zip(near["client"], near["seconds"], strict=True)}
        each = zip(asked["client"], asked["seconds"] // 60 * 60, strict=True)
        followed = pd.Series([not seen.isdisjoint(((c, m), (c, m + 60))) for c, m in each], asked.index, bool)
        blind = followed.groupby(asked["client"]).transform("mean").lt(0.1) & ~followed
        network = asked["client"].map(cache(network_of)).astype("str")
        return asked.assign(network=network, blind=blind, on_login=True, known=False, ended=False)

    def tries(self, run: pd.DataFrame, until: float = np.inf) -> tuple[Any, ...]:
        """Failures, and what may be more: near redirects that do not tell. How many, of how many clients."""
        at, key = run["seconds"], "network" if run["client"].nunique() > 1 else "client"
        near = self.untold[self.untold["seconds"].between(at.min() - _NEAR, min(at.max() + _NEAR, until))]
        near, sure = near[near[key].isin({*run[key]} - {""})], run[run["kind"].ne(POSSIBLE)]
        every = pd.concat([sure, near[: len(near) * bool(run["on_login"].all())]])
        sums = [(len(it), it["client"].nunique()) for it in (sure, every)]
        words = (f"{low} to {high}" if low < high else f"{low}" for low, high in zip(*sums, strict=True))
        return every, *words

    def seldom_read(self, own: pd.DataFrame) -> str:
        """What an address read and at most ten others, a tenth of who got in, ask for; the rarest first."""
        others = self.requests[~self.requests["client"].isin(("", *own["client"]))]
        asked = others[others["method"].eq("GET")].groupby("route")["client"].nunique()
        often = own[own["method"].eq("GET") & own["status"].between(200, 299)].groupby("route")["count"].sum()
        seldom = sorted((asked.get(route, 0), -count, route) for route, count in often.items())
        most = min(10, others.loc[others["let_in"], "client"].nunique() / 10)
        named = [f"GET {route}" for number, _, route in seldom if number <= most and route != OTHER_ROUTES]
        return few(named, 3, end=" and at least " if OTHER_ROUTES in often else " and ")

    def joined(self, near: pd.DataFrame, theirs: pd.DataFrame, client: str) -> frozenset[str]:
        """Others of a network that were answered behind a login since one was let in, without an own one."""
        good = self.requests.query("200 <= status < 300 and method != 'OPTIONS' and not on_login")
        callers = good.drop(near.index, errors="ignore").drop_duplicates(["client", "route"])
        share = callers["client"].isin(self.let_in["client"]).groupby(callers["route"]).mean()
        share = share[~share.index.str.contains(r"^/$|\.[^/]*$")]  # what a browser loads before any login
        before = good[good.index.isin(near.index.difference(theirs.index))]["route"]
        closed = {*share.index[share.ge(0.5)], *good[good["granted"]]["route"]} - {OTHER_ROUTES, *before}
        own = {client, *near.query("let_in and on_login")["client"]}
        return frozenset(good[good.index.isin(theirs.index) & good["route"].isin(closed)]["client"]) - own

    @cached_property
    def collapsed(self) -> str:
        """Why sources cannot be told apart: nearly all requests come from a proxy; "" where they can."""
        asked = self.activity.counts.dropna(subset="status")
        sums = asked[~asked["client"].isin(("", NOT_AN_ADDRESS))].groupby("client")["count"].sum()
        inside = sums[[self.policy.may_be_proxy(client) for client in sums.index]].nlargest(3)
        share = inside.sum() / max(sums.sum(), 1)
        return "" if share <= _PROXIED else (
            f"{share:.0%} of the requests come from {len(inside)} private addresses: a proxy hides callers"
        )  # fmt: skip


def _with_seconds(frame: pd.DataFrame) -> pd.DataFrame:
    seconds = frame["at"].astype("datetime64[us, UTC]").astype("int64") / 1e6
    return frame.assign(seconds=seconds.where(frame["at"].notna())).reset_index(drop=True)


def are_failures(frame: pd.DataFrame, policy: DetectionPolicy) -> "pd.Series[bool]":
    """Which counts or events are failed logins: by their status or as declared, else by their message."""
    said = (DECLARED, *(() if policy.failure.statuses else policy.failure.messages))
    return frame["kind"].isin(said) | frame["status"].isin(policy.failure.statuses).fillna(False).astype(bool)


def failed_logins(events: pd.DataFrame, logins: Sequence[Login]) -> pd.DataFrame:
    """The events of failed logins, by a message or on a declared route, each once, as `count`."""
    found = events[
        events["kind"].isin(FAILURES) | (on_logins(events, logins) & events["status"].isin(REFUSED))
    ].assign(count=1)
    return found.drop(repeats(found.query("status.isna()"), found.query("status.notna()")).index)


def _with_successes(failures: pd.DataFrame, good: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    client, day, rule = failures["client"], failures["at"].dt.floor("D"), policy.thresholds["let-in"]
    success, before = next_login(failures, good, "client"), failures.assign(seconds=failures["seconds"] - 60)
    last, dates = next_login(before, good, "client", way="backward"), good["at"].dt.floor("D")
    ranks = dates.groupby(good["client"]).rank("dense").groupby([good["client"], good["seconds"]]).first()
    days = ranks.reindex(pd.MultiIndex.from_arrays([client, last])).fillna(0).to_numpy()
    known, there = days > 0, good[~good["door"].isin(["", *filter(may_log_in, good["door"].unique())])]
    used = known & (next_login(failures, there, "client", "method", "route") - failures["seconds"]).gt(86_400)
    used |= next_login(before, there, "client", "method", "route", way="backward").notna()
    near = (success - failures["seconds"]).le(policy.let_in_minutes * 60)
    runs = near.groupby([client, success]).transform("sum")
    mistype = near & (runs.lt(rule.ladder[0][0]) | (known & runs.lt(rule.known)))  # who guesses succeeds, too
    most = good.groupby(["client", dates])["count"].sum().reindex(pd.MultiIndex.from_arrays([client, day]))
    mistype &= mistype.groupby([client, day]).transform("sum").le(_MOST_PER_LOGIN * most.fillna(1).to_numpy())
    return failures.assign(days=days, known=known, used=used, success=success, mistype=mistype)


def next_login(tries: pd.DataFrame, good: pd.DataFrame, *by: str, way: str = "forward") -> "pd.Series[float]":
    """The seconds of the next minute in which the client or network is let in, or of the last; null: none."""
    good = pd.concat([good.assign(is_step=False), good[~good["begins"]].assign(is_step=True)])
    keys = [*by, "is_step"]
    answers = good[keys].assign(answered=good["seconds"]).sort_values("answered", kind="stable")
    minutes = tries[keys].assign(minute=tries["seconds"] // 60 * 60).sort_values("minute", kind="stable")
    given: Any = {"left_on": "minute", "right_on": "answered", "by": keys, "direction": way}
    return pd.merge_asof(minutes, answers, **given)["answered"].set_axis(minutes.index).reindex(tries.index)


def places(events: pd.DataFrame, most: int = 8) -> tuple[str, ...]:
    """`file:line` of the first events and of the last; of requests in a minute that of the first."""
    events = events.iloc[[*range(most - 1), -1]] if len(events) > most else events
    return tuple(dict.fromkeys(f"{file}:{line}" for file, line in events[["file", "line"]].to_numpy()))


def message_failures(events: pd.DataFrame, refused: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failed logins that messages alone report, with a time and an address, beside `refused` events;
    lines of ssh count beyond the failed logins of their address, log and minute."""
    failed, proven = events["kind"].eq(FAILED_LOGIN), events["message"].isin(PROVEN_BY_SSH)
    keys = [events["file"], events["client"], events["seconds"] // 60]
    number = proven.groupby([proven, *keys], dropna=False).cumcount()
    proven &= number >= failed.groupby(keys, dropna=False).transform("sum")
    messages = events[(failed | proven) & events["client"].ne("") & events["at"].notna()]
    messages = messages[~messages["client"].map(cache(policy.may_be_proxy)).astype(bool)]
    return messages.drop(repeats(messages, refused).index)


def repeats(said: pd.DataFrame, answers: pd.DataFrame) -> "pd.Series[float]":
    """Messages of the login of an answer, with its number: soon, of their client, or of any if without."""
    said = said[["at", "client"]].dropna().sort_values("at")
    answers = answers[["at", "client"]].dropna().sort_values("at").assign(answered=lambda it: range(len(it)))
    near = [
        pd.merge_asof(said, answers, on="at", by=key, tolerance=pd.Timedelta("5s"), direction="nearest")
        for key in ("client", None)
    ]
    return pd.Series(np.where(said["client"].ne(""), *(it["answered"] for it in near)), said.index).dropna()
