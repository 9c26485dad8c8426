"""What detections look at: requests by the minute, failed logins with their lines, changes on record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import matches_glob
from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES
from audit_lib.ledger import Ledger
from audit_lib.logins.changes import RecordedChange, recorded_changes
from audit_lib.logins.declared import READING, REDIRECTS, entered, on_known_routes, on_logins
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.requests import REFUSED, network_of
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.settings import LogSource

# A server of ssh writes the first of each user that it does not have, the next two of a session whose
# attempts all failed, the last when the client says so. Where only keys are allowed, no other line proves it.
PROVEN_BY_SSH = (
    "ssh login of an unknown user", "ssh login with too many attempts",
    "dropbear login with too many attempts", "ssh login that its client gave up",
    "pam failure that sshd says, too",
)  # fmt: skip
# A server writes the refusal and the application its message within so many seconds: one login.
_SAME_LOGIN = 5
_MOST_PER_SUCCESS = 5  # mistypes of an address and day, on average


@dataclass(frozen=True)
class Traffic:
    """The logs of a period as detections need them.

    `requests`, by the minute, in order of time: at, minute, seconds, file, line (of the first), client,
    network, method, route, status, declared, count, failed, succeeded, protected, on_login, let_in (a login
    that succeeds, or an answer on a protected route), added (a login that succeeds by audit.toml), doubtful
    (one that succeeds by the usual rule, but not by audit.toml), there (on a route that the application has).
    `failures`, those with a time, in its order: at, seconds, file, line, client, network, method, route,
    environment (of the log), protected, on_login, known (its client was let in before), success (seconds of
    the next minute in which its client is let in; null: never), mistype (a success follows at once).
    `events`: LogEvents with `seconds`, null if a line carries no time.
    """

    policy: DetectionPolicy
    requests: pd.DataFrame
    failures: pd.DataFrame
    events: pd.DataFrame
    counts: pd.DataFrame
    sources: pd.DataFrame
    log_sources: tuple[LogSource, ...]  # as audit.toml declares them
    changes: tuple[RecordedChange, ...]
    start: datetime
    end: datetime
    as_of: datetime
    named_hosts: int  # failed logins that messages report of a host by its name

    @cached_property
    def asked(self) -> pd.DataFrame:
        """The counts of requests."""
        return self.counts[self.counts["status"].notna()]

    @cached_property
    def refusals(self) -> pd.DataFrame:
        """The counts of failed logins."""
        return self.counts[are_failures(self.counts, self.policy)]

    @cached_property
    def collapsed(self) -> str:
        """Why sources cannot be told apart: nearly all requests come from a proxy; "" where they can."""
        sums = self.asked.groupby("client")["count"].sum().drop("", errors="ignore")
        inside = sums[[self.policy.is_private(client) for client in sums.index]].nlargest(3)
        share = inside.sum() / sums.sum() if sums.sum() else 0.0
        if self.policy.clients or share <= 0.95:
            return ""
        addresses = f"{len(inside)} private addresses"
        return f"{share:.0%} of the requests come from {addresses}, so a proxy hides the callers"


def gather(  # noqa: PLR0917  what an audit knows of its logs
    sources: pd.DataFrame,
    counts: pd.DataFrame,
    events: pd.DataFrame,
    minutes: pd.DataFrame,
    ledger: Ledger,
    policy: DetectionPolicy,
    start: datetime,
    end: datetime,
    deploys: pd.DataFrame | None = None,
    *,
    log_sources: tuple[LogSource, ...],
    as_of: datetime | None = None,
) -> Traffic:
    """The traffic of the period from `start` until `end`, by Sources, LogCounts, LogEvents and LogMinutes.

    `as_of` is the instant of the review, by default the end: no line can be of a time after it.
    """
    places = dict(zip(sources["source"], sources["environment"], strict=True))
    hosts = counts["kind"].eq(FAILED_LOGIN) & counts["client"].eq(NOT_AN_ADDRESS)
    named_hosts = int(counts.loc[hosts, "count"].sum())
    counts, events, minutes = (_without_hosts(rows) for rows in (counts, events, minutes))
    requests = _requests(minutes, policy)
    timed = events.assign(seconds=seconds_of(events["at"]))
    failures = _failures(timed.assign(environment=events["file"].map(places)), requests, policy)
    changes = recorded_changes(ledger, timed, deploys, start, end)
    return Traffic(
        policy,
        requests,
        failures,
        timed,
        counts,
        sources,
        log_sources,
        changes,
        start,
        end,
        as_of or end,
        named_hosts,
    )


def seconds_of(at: "pd.Series[pd.Timestamp]") -> "pd.Series[float]":
    """The times as seconds since 1970; null where there is none."""
    micro = at.astype("datetime64[us, UTC]").astype("int64")
    return (micro / 1e6).where(at.notna())


def fits(routes: "pd.Series[str]", globs: tuple[str, ...]) -> "pd.Series[bool]":
    """Which routes a glob fits, letter case aside; of many under one name nothing is said."""
    return _mapped(routes, lambda route: route != OTHER_ROUTES and matches_glob(route, globs)).astype(bool)


def _mapped(texts: "pd.Series[str]", judge: Callable[[str], Any]) -> "pd.Series[Any]":
    """Each text judged, each that differs once."""
    return texts.map({text: judge(text) for text in texts.unique()})


def are_failures(rows: pd.DataFrame, policy: DetectionPolicy) -> "pd.Series[bool]":
    """Which counts or events are failed logins: by their status or as declared, else by their message."""
    declared = rows["kind"].eq(DECLARED)
    if policy.failed_statuses:
        return declared | rows["status"].isin(policy.failed_statuses).fillna(False).astype(bool)
    return declared | rows["kind"].isin(policy.failed_messages)


def _requests(minutes: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    frame = minutes.rename(columns={"minute_at": "at"})
    refused = set(frame.loc[frame["status"].isin(REFUSED), "route"].unique())
    frame = frame.assign(
        minute=(frame["at"].astype("int64") // 60_000_000),
        seconds=frame["at"].astype("int64") / 1e6,
        network=_mapped(frame["client"], network_of),
        failed=frame["status"].isin(policy.failed_statuses) | frame["declared"].eq(1),
        succeeded=frame["status"].between(200, 299),
        protected=_mapped(frame["route"], lambda route: policy.access.protects(route, refused)).astype(bool),
        on_login=fits(frame["route"], policy.access.login),
    )
    own, added = [one for one in policy.logins if not one.added], policy.added_logins
    usual = frame["on_login"] & ~frame["method"].isin((*READING, "")) & ~frame["failed"]
    usual &= (frame["succeeded"] | frame["status"].isin(REDIRECTS)) & ~on_logins(frame, own)
    success, on_added = entered(frame, added), on_logins(frame, added)
    frame = frame.assign(
        on_login=frame["on_login"] | on_added,
        let_in=usual | entered(frame, own) | (frame["succeeded"] & frame["protected"]),
        added=success,
        doubtful=usual & on_added & ~success,
    )
    frame = frame.assign(there=on_known_routes(frame, own, policy.access.named_in_full))
    keys = ["at", "file", "client", "route", "method", "status"]
    return frame.sort_values(keys, kind="stable").reset_index(drop=True)


def _failures(events: pd.DataFrame, requests: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    counted = _once(events[are_failures(events, policy) & events["at"].notna()])
    kept = pd.concat([counted, message_failures(events, counted, policy)])
    guarded = set(requests.loc[requests["protected"], "route"].unique())
    if requests["route"].eq(OTHER_ROUTES).any():
        # A refusal of its own tells what its route is, though the requests to it stand under another name.
        refused = set(kept.loc[kept["status"].isin(REFUSED).fillna(False), "route"])
        guarded |= {route for route in refused if policy.access.protects(route, refused)}
    frame = kept.assign(
        network=_mapped(kept["client"], network_of),
        protected=kept["route"].isin(guarded),
        on_login=fits(kept["route"], policy.access.login) | kept["kind"].isin((DECLARED, FAILED_LOGIN)),
    )
    columns = ["at", "seconds", "file", "line", "client", "network", "method", "route", "environment"]
    frame = frame[[*columns, "protected", "on_login"]]
    frame = frame.sort_values(["at", "file", "line"], kind="stable").reset_index(drop=True)
    return _with_successes(frame, requests[requests["let_in"] & requests["client"].ne("")], policy)


def _with_successes(failures: pd.DataFrame, good: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failures with `known`, `success` and `mistype`.

    Who succeeds soon after a few failures mistyped; one that is not known before may fail less often, since
    who guesses succeeds, too. Whoever mistypes far more often than succeeding in a day did not mistype.
    """
    minute = failures["seconds"] // 60 * 60
    success = next_success(failures, good, "client")
    known = failures["client"].map(good.groupby("client")["seconds"].min()).lt(minute)
    near = (success - failures["seconds"]).le(policy.let_in_minutes * 60)
    runs = near.groupby([failures["client"], success]).transform("sum")
    let_in = policy.let_in
    few = runs.lt(let_in.ladder[0][0]) | (known & runs.lt(let_in.known))
    mistype = near & few
    days = good.groupby(["client", good["at"].dt.floor("D")])["count"].sum()
    tries = mistype.groupby([failures["client"], failures["at"].dt.floor("D")]).transform("sum")
    keys = pd.MultiIndex.from_arrays([failures["client"], failures["at"].dt.floor("D")])
    often = tries.to_numpy() > _MOST_PER_SUCCESS * days.reindex(keys).fillna(1).to_numpy()
    return failures.assign(known=known, success=success, mistype=mistype & ~often)


def next_success(failures: pd.DataFrame, good: pd.DataFrame, key: str) -> "pd.Series[float]":
    """The seconds of the next minute in which the client or network is let in; null if it never is."""
    answers = good[[key, "seconds"]].drop_duplicates().astype({key: failures[key].dtype})
    merged = pd.merge_asof(
        failures[[key]].assign(minute=failures["seconds"] // 60 * 60),
        answers.rename(columns={"seconds": "answered"}),
        left_on="minute",
        right_on="answered",
        by=key,
        direction="forward",
    )
    return merged["answered"].set_axis(failures.index)


def message_failures(events: pd.DataFrame, refused: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failed logins that messages alone report, with a time and an address: beside `refused` events.

    A private address may be a proxy's, so it counts only if the policy says that addresses are real.
    """
    said = pd.concat([events[events["kind"].eq(FAILED_LOGIN)], _proven_by_ssh(events)])
    said = said[said["client"].ne("") & said["at"].notna()]
    if not policy.clients:
        said = said[~_mapped(said["client"], policy.is_private).astype(bool)]
    said = said[~said.index.isin(refused.index)].sort_values("seconds", kind="stable")
    return said[~_is_near(said, refused, "client")]


def _once(failed: pd.DataFrame) -> pd.DataFrame:
    """Failed logins without the declared messages of those that an answer shows, too."""
    said = failed[failed["kind"].eq(DECLARED) & failed["status"].isna()].sort_values("seconds", kind="stable")
    answers, named = failed[failed["status"].notna()], said["client"].ne("")
    parts = (said[named], "client"), (said[~named], None)
    return failed.drop([place for part, key in parts for place in part.index[_is_near(part, answers, key)]])


def _is_near(said: pd.DataFrame, refused: pd.DataFrame, key: str | None) -> "np.ndarray[Any, Any]":
    """Which messages, in the order of time, stand near a refusal, of the same client if that is the key."""
    columns = ["seconds", *([key] if key else [])]
    answers = refused[columns].assign(answered=refused["seconds"]).dropna().sort_values("seconds")
    near = pd.merge_asof(
        said[columns], answers, on="seconds", by=key, direction="nearest", tolerance=_SAME_LOGIN
    )
    return near["answered"].notna().to_numpy()


def _without_hosts(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, a client that is named as a host being none: one word stands for all of them."""
    named = rows["client"].eq(NOT_AN_ADDRESS)
    return rows.assign(client=rows["client"].astype("str").mask(named, "")) if named.any() else rows


def _proven_by_ssh(events: pd.DataFrame) -> pd.DataFrame:
    """The logins that such lines prove, beyond the failed logins of their address, log and minute."""
    lines = events[events["kind"].eq(FAILED_LOGIN) | events["message"].isin(PROVEN_BY_SSH)]
    proven = lines["message"].isin(PROVEN_BY_SSH)
    keys = [lines["file"], lines["client"], lines["seconds"] // 60]
    failed = (~proven).groupby(keys, dropna=False).transform("sum")
    return lines[proven & (proven.groupby([proven, *keys], dropna=False).cumcount() >= failed)]
