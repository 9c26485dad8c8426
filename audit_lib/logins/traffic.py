"""What detections look at: timed requests, failed logins with their lines, changes on record."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import DECLARED
from audit_lib.ledger import Ledger
from audit_lib.logins.parameters import REFUSED, DetectionPolicy, Rule
from audit_lib.logins.requests import Activity, Window, are_protected, fits, mapped, network_of
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.settings import LogSource

# Messages by their names in log_formats.toml, one of which a process writes when it starts.
START_MESSAGES = ("secrets valid", "secrets invalid")
FAILED_STARTS = ("startup_failed", "secret_validation_failed")
BEGUN = ("start", "deploy")
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
_PROXIED = 0.95  # such a share of requests from three private addresses is a proxy's


@dataclass(frozen=True)
class RecordedChange:
    """A rotation, a deploy or a start on record: it happened at some instant from `at` to `until`."""

    name: str  # the secret; "start" or "deploy" of the application
    at: pd.Timestamp
    until: pd.Timestamp
    place: str

    @property
    def kind(self) -> str:
        """`rotation`, `deploy` or `start`."""
        return self.name if self.name in BEGUN else "rotation"


def recorded_changes(
    ledger: Ledger, events: pd.DataFrame, deploys: pd.DataFrame | None, window: Window
) -> tuple[RecordedChange, ...]:
    """Rotations of the ledger, deploys of the platform's lists and starts in the logs, in order of time.

    A deploy counts from two days before the window on, if it may have put something in place.
    """
    changes = []
    for entry in ledger.of_kind("rotation"):
        at = pd.Timestamp(parse_instant(str(entry.body["claimed_at"]), entry.place))
        until = at + timedelta(days=1 if entry.body.get("day_only") else 0)
        changes.append(RecordedChange(str(entry.body["secret"]), at, until, entry.place))
    for deploy in rows(deploys) if deploys is not None else ():
        began, ended = pd.Timestamp(deploy.began_at), pd.Timestamp(deploy.ended_at)
        near = ended >= window.since - timedelta(days=2) and began <= window.until
        if near and deploy.outcome in ("took effect", "not told"):
            changes.append(RecordedChange("deploy", began, ended, deploy.evidence))
    starts = events[events["message"].isin(START_MESSAGES) & events["at"].notna()]
    for at, file, line in zip(starts["at"], starts["file"], starts["line"], strict=True):
        changes.append(RecordedChange("start", at, at, f"{file}:{line}"))
    return tuple(sorted(changes, key=lambda change: (change.at, change.name, change.place)))


@dataclass(frozen=True)
class Traffic:
    """The logs of a window as detections need them."""

    activity: Activity
    policy: DetectionPolicy
    window: Window
    log_sources: tuple[LogSource, ...]  # as audit.toml declares them
    changes: tuple[RecordedChange, ...] = ()
    as_of: datetime | None = None  # of the review, no line is of a later time; None: the end of the window

    def rule(self, detection: str) -> Rule:
        """The thresholds of a detection."""
        return self.policy.thresholds[detection]

    @cached_property
    def counts(self) -> pd.DataFrame:
        """`LogCounts` of the window."""
        return self.activity.counts

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources` that are logs."""
        return self.activity.sources[self.activity.sources["kind"].eq("log")]

    @cached_property
    def requests(self) -> pd.DataFrame:
        """The requests with a time, in its order, with `at` and `seconds` of their minute."""
        requests = self.activity.requests[self.activity.requests["timed"]]
        return _with_seconds(requests.rename(columns={"not_before_at": "at"}))

    @cached_property
    def events(self) -> pd.DataFrame:
        """`LogEvents` with `seconds`, null without a time."""
        return _with_seconds(self.activity.events)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """The failed logins with a time, in its order.

        Its columns beside those of events: network, protected, on_login, known (its client was let in
        before), success (seconds of the next minute in which it is let in; null: never), mistype.
        """
        events, policy, requests = self.events, self.policy, self.requests
        failed = events[are_failures(events, policy) & events["at"].notna()]
        # Of a declared message beside an answer of its client, or of any if it names none, one login is left.
        messages = failed[failed["kind"].eq(DECLARED) & failed["status"].isna()].sort_values("seconds")
        answers, named = failed[failed["status"].notna()], messages["client"].ne("")
        for own, key in ((messages[named], ["client"]), (messages[~named], [])):
            failed = failed.drop(own.index[_is_near(own, answers, key)])
        frame = pd.concat([failed, message_failures(events, failed, policy)])
        frame = frame.sort_values(["at", "file", "line"], kind="stable").reset_index(drop=True)
        routes = pd.concat([part.loc[part["status"].isin(REFUSED), "route"] for part in (requests, frame)])
        told = frame["kind"].isin((DECLARED, FAILED_LOGIN))
        frame = frame.assign(
            network=mapped(frame["client"], network_of).astype("str"),
            protected=are_protected(frame["route"], set(routes), policy),
            on_login=fits(frame["route"], policy.access.login) | told,
        )
        return _with_successes(frame, self.let_in[~self.let_in["added"]], policy)

    @cached_property
    def let_in(self) -> pd.DataFrame:
        """The requests by which an address is let in."""
        return self.requests[self.requests["let_in"] & self.requests["client"].ne("")]

    @cached_property
    def collapsed(self) -> str:
        """Why sources cannot be told apart: nearly all requests come from a proxy; "" where they can."""
        named = self.counts["status"].notna() & ~self.counts["client"].isin(("", NOT_AN_ADDRESS))
        sums = self.counts[named].groupby("client")["count"].sum()
        inside = sums[[self.policy.is_private(client) for client in sums.index]].nlargest(3)
        share = inside.sum() / max(sums.sum(), 1)
        text = f"{share:.0%} of the requests come from {len(inside)} private addresses"
        return "" if self.policy.clients or share <= _PROXIED else f"{text}, so a proxy hides the callers"


def _with_seconds(frame: pd.DataFrame) -> pd.DataFrame:
    seconds = frame["at"].astype("datetime64[us, UTC]").astype("int64") / 1e6
    return frame.assign(seconds=seconds.where(frame["at"].notna())).reset_index(drop=True)


def are_failures(frame: pd.DataFrame, policy: DetectionPolicy) -> "pd.Series[bool]":
    """Which counts or events are failed logins: by their status or as declared, else by their message."""
    failed = frame["status"].isin(policy.failed_statuses).fillna(False).astype(bool)
    if not policy.failed_statuses:
        failed = frame["kind"].isin(policy.failure.messages)
    return frame["kind"].eq(DECLARED) | failed


def _with_successes(failures: pd.DataFrame, good: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failures with `known`, `success` and `mistype`.

    Who succeeds soon after a few failures mistyped; one that is not known before may fail less often, since
    who guesses succeeds, too. Whoever mistypes far more often than succeeding in a day did not mistype.
    """
    client, day, rule = failures["client"], failures["at"].dt.floor("D"), policy.thresholds["let-in"]
    success = nearest_success(failures, good, "client")
    known = client.map(good.groupby("client")["seconds"].min()).lt(failures["seconds"] // 60 * 60)
    near = (success - failures["seconds"]).le(policy.let_in_minutes * 60)
    runs = near.groupby([client, success]).transform("sum")
    mistype = near & (runs.lt(rule.ladder[0][0]) | (known & runs.lt(rule.known)))
    tries = mistype.groupby([client, day]).transform("sum").to_numpy()
    days = good.groupby(["client", good["at"].dt.floor("D")])["count"].sum()
    successes = days.reindex(pd.MultiIndex.from_arrays([client, day])).fillna(1).to_numpy()
    seldom = tries <= _MOST_PER_SUCCESS * successes
    return failures.assign(known=known, success=success, mistype=mistype & seldom)


def nearest_success(
    events: pd.DataFrame, good: pd.DataFrame, key: str, direction: str = "forward"
) -> "pd.Series[float]":
    """The seconds of the next minute in which the client or network is let in, or of the last; null: none."""
    answers = good[[key, "seconds"]].drop_duplicates().rename(columns={"seconds": "answered"})
    minutes = events[[key]].assign(minute=events["seconds"] // 60 * 60).sort_values("minute", kind="stable")
    given: Any = {"left_on": "minute", "right_on": "answered", "by": key, "direction": direction}
    found = pd.merge_asof(minutes, answers, **given)["answered"]
    return found.set_axis(minutes.index).reindex(events.index)


def message_failures(events: pd.DataFrame, refused: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failed logins that messages alone report, with a time and an address: beside `refused` events.

    A private address may be a proxy's, so it counts only if the policy says that addresses are real. Lines of
    ssh count beyond the failed logins of their address, log and minute.
    """
    failed, proven = events["kind"].eq(FAILED_LOGIN), events["message"].isin(PROVEN_BY_SSH)
    keys = [events["file"], events["client"], events["seconds"] // 60]
    number = proven.groupby([proven, *keys], dropna=False).cumcount()
    proven &= number >= failed.groupby(keys, dropna=False).transform("sum")
    messages = events[(failed | proven) & events["client"].ne("") & events["at"].notna()]
    if not policy.clients:
        messages = messages[~mapped(messages["client"], policy.is_private).astype(bool)]
    messages = messages[~messages.index.isin(refused.index)].sort_values("seconds", kind="stable")
    return messages[~_is_near(messages, refused, ["client"])]


def _is_near(messages: pd.DataFrame, refused: pd.DataFrame, key: list[str]) -> "np.ndarray[Any, Any]":
    """Which messages, in the order of time, stand near a refusal, of the same client if that is the key."""
    columns = ["seconds", *key]
    answers = refused[columns].assign(answered=refused["seconds"]).dropna().sort_values("seconds")
    given: Any = {"on": "seconds", "by": key or None, "direction": "nearest", "tolerance": _SAME_LOGIN}
    return pd.merge_asof(messages[columns], answers, **given)["answered"].notna().to_numpy()
