"""What detections look at: requests by the minute, failed logins with their lines, changes on record."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.ledger import Ledger
from audit_lib.logins.coverage import days_by_service
from audit_lib.logins.declared import READING, REDIRECTS, entered, has_failed, on_known_routes, on_logins
from audit_lib.logins.detections.alarm import seconds_of
from audit_lib.logins.detections.callers import collapse, networks_of, private_clients
from audit_lib.logins.detections.recorded_changes import RecordedChange, deploys_near, recorded_changes
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logins.detections.told_failures import told_failures, told_once
from audit_lib.logins.detections.wholeness import beyond, doubts, of_another
from audit_lib.logins.proposals import Proposal, propose
from audit_lib.logins.requests import REFUSED
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.sums import missed as is_missed
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.settings import LogSource


@dataclass(frozen=True)
class Traffic:
    """The logs of a period as detections need them.

    `requests`, by the minute, in order of time: at, minute, seconds, source, line (of the first), client,
    network, method, route, status, declared, count, failed, succeeded, protected, on_login, let_in (a login
    that succeeds, or an answer on a protected route), added (a login that succeeds by audit.toml), doubtful
    (one that succeeds by the usual rule, but not by audit.toml), there (on a route that the application has).
    `failures`, those with a time, in its order: at, seconds, source, line, client, network, method, route,
    protected, on_login, let_in_at (the minute in which its address is answered on a protected route soon
    after; null: none), environment (of the log, "" where it is not known). `events`: LogEvents with
    `seconds`, null if a line carries no time.
    """

    requests: pd.DataFrame
    failures: pd.DataFrame
    events: pd.DataFrame
    counts: pd.DataFrame
    refusals: pd.DataFrame  # those of the counts that are failed logins
    changes: tuple[RecordedChange, ...]
    days: int  # of the period until as_of
    days_read: "pd.Series[int]"  # by service
    untimed_requests: int
    untimed_failures: int
    unnamed: int  # requests whose line names no client
    addresses: int  # public ones that requests come from
    collapsed: str  # why sources cannot be told apart; "" where they can
    failed_statuses: tuple[int, ...]
    log_sources: tuple[LogSource, ...]  # as audit.toml declares them
    sources: pd.DataFrame  # Sources
    other_routes: int = 0  # requests under OTHER_ROUTES, answered or refused
    other_missed: int = 0  # those that were answered 404 and its like
    not_understood: int = 0  # lines of the logs that were read
    own_words: int = 0  # lines of text that may tell of refusals in words that no format knows
    named_hosts: int = 0  # failed logins that messages report of a host by its name
    doubts: tuple[str, ...] = ()  # why lines may be missing, copied or of another application
    proposals: tuple[Proposal, ...] = ()  # routes that look like logins and are not declared
    added_failed: bool = False  # a login that audit.toml declares was seen to fail

    @cached_property
    def kinds_met(self) -> frozenset[str]:
        """The kinds of message that the logs hold: of these the formats know the wording."""
        return kinds_met(self.events)

    @cached_property
    def failed_there(self) -> bool:
        """Whether a login failed on a route that the application has, or it said so in a message."""
        own = set(self.requests.loc[self.requests["there"], "route"].unique())
        return bool((self.refusals["status"].isna() | self.refusals["route"].isin(own)).any())

    @cached_property
    def answered(self) -> pd.DataFrame:
        """The successes on protected routes (at, seconds, client, route), for each change the same."""
        good = self.requests["succeeded"] & self.requests["protected"]
        return self.requests.loc[good, ["at", "seconds", "client", "route"]]


def gather(  # noqa: PLR0917  what an audit knows of its logs
    sources: pd.DataFrame,
    counts: pd.DataFrame,
    events: pd.DataFrame,
    minutes: pd.DataFrame,
    ledger: Ledger,
    rules: DetectionPolicy,
    start: datetime,
    end: datetime,
    deploys: pd.DataFrame | None = None,
    *,
    log_sources: tuple[LogSource, ...],
    as_of: datetime | None = None,
) -> Traffic:
    """The traffic of the period from `start` until `end`, by the frames of LogRead and `Deploys`.

    `as_of` is the instant of the review, by default the end: no line can be of a time after it.
    """
    places = dict(zip(sources["source"], sources["environment"], strict=True))
    requests = _requests(_without_hosts(minutes), rules)
    seconds = seconds_of(events["at"])
    timed = events.assign(seconds=seconds)
    failures = _failures(timed.assign(environment=events["file"].map(places)), requests, rules)
    timed, failures = _without_hosts(timed), _without_hosts(failures)
    hosts = counts["kind"].eq(FAILED_LOGIN) & counts["client"].eq(NOT_AN_ADDRESS)
    named_hosts = int(counts.loc[hosts, "count"].sum())
    counts = _without_hosts(counts)
    asked = counts[counts["status"].notna()]
    refused = counts[are_failures(counts, rules)]
    declared = asked["status"].isin(rules.failed_statuses)
    assert not (declared & asked["kind"].eq("other")).any(), (
        "the logs were read without the policy's statuses"
    )
    private = private_clients(asked, rules)
    others = asked[asked["route"].eq(OTHER_ROUTES)]
    missed = is_missed(others["status"].to_numpy("int64"))
    missed &= ~others["status"].isin(rules.failed_statuses).to_numpy(bool)
    return Traffic(
        requests=requests,
        failures=failures,
        events=timed,
        counts=counts,
        refusals=refused,
        changes=recorded_changes(ledger, timed, deploys_near(deploys, start, end)),
        days=max(0, -int(-(end - start).total_seconds() // 86400)),
        days_read=days_by_service(sources, counts),
        untimed_requests=int(asked["untimed"].sum()),
        untimed_failures=int(refused["untimed"].sum()),
        unnamed=int(asked.loc[asked["client"].eq(""), "count"].sum()),
        addresses=sum(not inside for inside in private.values()),
        collapsed="" if rules.clients_declared else collapse(asked, private),
        failed_statuses=rules.failed_statuses,
        log_sources=log_sources,
        sources=sources,
        other_routes=int(others.loc[~missed, "count"].sum()),
        other_missed=int(others.loc[missed, "count"].sum()),
        doubts=(
            *doubts(requests, sources, end),
            *beyond(sources, events, as_of or end),
            *of_another(requests, rules),
        ),
        proposals=propose(counts, rules.logins, rules.failed_statuses),
        added_failed=has_failed(rules.added_logins, counts),
        own_words=int(sources["own_words"].sum()),
        named_hosts=named_hosts,
        not_understood=int(sources.loc[sources["kind"].eq("log"), "not_understood"].sum()),
    )


def _without_hosts(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, a client that is named as a host being none: one word stands for all of them."""
    named = rows["client"].eq(NOT_AN_ADDRESS)
    return rows.assign(client=rows["client"].astype("str").mask(named, "")) if named.any() else rows


def kinds_met(events: pd.DataFrame) -> frozenset[str]:
    """The kinds of message among events."""
    return frozenset(events.loc[events["status"].isna(), "kind"])


def fits(routes: "pd.Series[str]", globs: tuple[str, ...]) -> "pd.Series[bool]":
    """Which routes a glob fits, letter case aside; of many under one name nothing is said."""
    known = {route: route != OTHER_ROUTES and matches_glob(route, globs) for route in routes.unique()}
    return routes.map(known).astype(bool)


def _requests(minutes: pd.DataFrame, rules: DetectionPolicy) -> pd.DataFrame:
    frame = minutes.rename(columns={"minute_at": "at"})
    failed = frame["status"].isin(rules.failed_statuses) | frame["declared"].eq(1)
    refused = set(frame.loc[frame["status"].isin(REFUSED), "route"].unique())
    guarded = {route: rules.access.protects(route, refused) for route in frame["route"].unique()}
    frame = frame.assign(
        minute=(frame["at"].astype("int64") // 60_000_000),
        seconds=frame["at"].astype("int64") / 1e6,
        network=networks_of(frame["client"]),
        failed=failed,
        succeeded=frame["status"].between(200, 299),
        protected=frame["route"].map(guarded).astype(bool),
        on_login=fits(frame["route"], rules.access.login),
    )
    added = rules.added_logins
    own = [login for login in rules.logins if not login.added]
    usual = frame["on_login"] & ~frame["method"].isin((*READING, "")) & ~frame["failed"]
    usual &= (frame["succeeded"] | frame["status"].isin(REDIRECTS)) & ~on_logins(frame, own)
    inside = usual | entered(frame, own) | (frame["succeeded"] & frame["protected"])
    success = entered(frame, added)
    on_added = on_logins(frame, added)
    frame = frame.assign(
        on_login=frame["on_login"] | on_added,
        let_in=inside,
        added=success,
        doubtful=usual & on_added & ~success,
    )
    frame = frame.assign(there=on_known_routes(frame, own, rules.access.named_in_full))
    keys = ["at", "file", "client", "route", "method", "status"]
    return frame.sort_values(keys, kind="stable").reset_index(drop=True)


def _failures(events: pd.DataFrame, requests: pd.DataFrame, rules: DetectionPolicy) -> pd.DataFrame:
    counted = told_once(events[are_failures(events, rules) & events["at"].notna()])
    kept = pd.concat([counted, told_failures(events, counted, rules)])
    guarded = set(requests.loc[requests["protected"], "route"].unique())
    if requests["route"].eq(OTHER_ROUTES).any():
        # A refusal of its own tells what its route is, though the requests to it stand under another name.
        refused = set(kept.loc[kept["status"].isin(REFUSED).fillna(False), "route"])
        guarded |= {route for route in refused if rules.access.protects(route, refused)}
    frame = kept.assign(
        network=networks_of(kept["client"]),
        protected=kept["route"].isin(guarded),
        on_login=fits(kept["route"], rules.access.login) | kept["kind"].isin((DECLARED, FAILED_LOGIN)),
    )
    columns = ["at", "seconds", "file", "line", "client", "network", "method", "route"]
    columns += ["protected", "on_login", "environment"]
    frame = frame[columns].sort_values(["at", "file", "line"], kind="stable").reset_index(drop=True)
    return frame.assign(let_in_at=_let_in_at(frame, requests, rules.let_in_minutes * 60))


def are_failures(rows: pd.DataFrame, rules: DetectionPolicy) -> "pd.Series[bool]":
    """Which counts or events are failed logins: by their status or as declared, else by what was said."""
    declared = rows["kind"].eq(DECLARED)
    if rules.failed_statuses:
        return declared | rows["status"].isin(rules.failed_statuses).fillna(False).astype(bool)
    return declared | rows["kind"].isin(rules.failed_messages)


def _let_in_at(failures: pd.DataFrame, requests: pd.DataFrame, seconds: float) -> "pd.Series[pd.Timestamp]":
    """The minute of the next answer to the same address on a protected route; null if none is near."""
    good = requests[requests["succeeded"] & requests["protected"] & requests["client"].ne("")]
    answers = good[["client", "seconds"]].drop_duplicates().astype({"client": failures["client"].dtype})
    tries = failures[["client"]].assign(minute=failures["seconds"] // 60 * 60)
    answers = answers.rename(columns={"seconds": "answered"})
    merged = pd.merge_asof(
        tries, answers, left_on="minute", right_on="answered", by="client", direction="forward"
    )
    near = (merged["answered"] - failures["seconds"]).le(seconds) & (seconds > 0)
    return pd.to_datetime(merged["answered"].where(near), unit="s", utc=True)
