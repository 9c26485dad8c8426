"""What detections look at: timed requests, failed logins with their lines, changes on record."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.in_words import DECLARED
from audit_lib.ledger import Ledger
from audit_lib.logins.parameters import REFUSED, DetectionPolicy
from audit_lib.logins.requests import Activity, Window, fits, mapped, network_of
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
    environment: str = ""  # "" where it is not known

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
        at = parse_instant(str(entry.body["claimed_at"]), entry.place)
        until = at + timedelta(days=1) if entry.body.get("day_only") else at
        name, where = str(entry.body["secret"]), str(entry.body["environment"])
        changes.append(RecordedChange(name, pd.Timestamp(at), pd.Timestamp(until), entry.place, where))
    for deploy in rows(deploys) if deploys is not None else ():
        bounds = pd.Timestamp(deploy.began_at), pd.Timestamp(deploy.ended_at)
        near = bounds[1] >= window.since - timedelta(days=2) and bounds[0] <= window.until
        if near and deploy.outcome in ("took effect", "not told"):
            changes.append(RecordedChange("deploy", *bounds, deploy.evidence, deploy.environment))
    starts = events[events["message"].isin(START_MESSAGES) & events["at"].notna()]
    for at, file, line in zip(starts["at"], starts["file"], starts["line"], strict=True):
        changes.append(RecordedChange("start", at, at, f"{file}:{line}"))
    return tuple(sorted(changes, key=lambda change: (change.at, change.name, change.place)))


@dataclass(frozen=True)
class Traffic:
    """The logs of a window as detections need them.

    `requests` are those with a time, in its order, with `at` and `seconds` of their minute. `failures`, those
    with a time, in its order: at, seconds, file, line, client, network, method, route, protected, on_login,
    known (its client was let in before), success (seconds of the next minute in which its client is let in;
    null: never), mistype (a success follows at once). `events` have `seconds`, null without a time.
    """

    policy: DetectionPolicy
    requests: pd.DataFrame
    failures: pd.DataFrame
    events: pd.DataFrame
    counts: pd.DataFrame
    sources: pd.DataFrame
    changes: tuple[RecordedChange, ...]
    log_sources: tuple[LogSource, ...]  # as audit.toml declares them
    window: Window
    as_of: datetime

    @cached_property
    def asked_counts(self) -> pd.DataFrame:
        """The counts of requests."""
        return self.counts[self.counts["status"].notna()]

    @cached_property
    def refusals(self) -> pd.DataFrame:
        """The counts of failed logins."""
        return self.counts[are_failures(self.counts, self.policy)]

    @cached_property
    def let_in(self) -> pd.DataFrame:
        """The requests by which an address is let in."""
        return self.requests[self.requests["let_in"] & self.requests["client"].ne("")]

    @cached_property
    def collapsed(self) -> str:
        """Why sources cannot be told apart: nearly all requests come from a proxy; "" where they can."""
        sums = self.asked_counts.groupby("client")["count"].sum().drop(["", NOT_AN_ADDRESS], errors="ignore")
        inside = sums[[self.policy.is_private(client) for client in sums.index]].nlargest(3)
        share = inside.sum() / sums.sum() if sums.sum() else 0.0
        if self.policy.clients or share <= _PROXIED:
            return ""
        text = f"{share:.0%} of the requests come from {len(inside)} private addresses"
        return f"{text}, so a proxy hides the callers"


def gather(
    activity: Activity,
    policy: DetectionPolicy,
    window: Window,
    *,
    changes: tuple[RecordedChange, ...] = (),
    log_sources: tuple[LogSource, ...],
    as_of: datetime | None = None,
) -> Traffic:
    """The traffic of a window. `as_of`, by default its end, is the review's: no line is of a later time."""
    requests = activity.requests[activity.requests["timed"]].rename(columns={"not_before_at": "at"})
    requests = requests.assign(seconds=_seconds(requests["at"])).reset_index(drop=True)
    events = activity.events.reset_index(drop=True)
    events = events.assign(seconds=_seconds(events["at"]))
    logs = activity.sources[activity.sources["kind"].eq("log")]
    read = (requests, _failures(events, requests, policy), events, activity.counts, logs)
    return Traffic(policy, *read, changes, log_sources, window, as_of or window.until)


def _seconds(at: "pd.Series[pd.Timestamp]") -> "pd.Series[float]":
    """The times as seconds since 1970; null where there is none."""
    return (at.astype("datetime64[us, UTC]").astype("int64") / 1e6).where(at.notna())


def are_failures(frame: pd.DataFrame, policy: DetectionPolicy) -> "pd.Series[bool]":
    """Which counts or events are failed logins: by their status or as declared, else by their message."""
    failed = frame["status"].isin(policy.failed_statuses).fillna(False).astype(bool)
    if not policy.failed_statuses:
        failed = frame["kind"].isin(policy.failure.messages)
    return frame["kind"].eq(DECLARED) | failed


def _failures(events: pd.DataFrame, requests: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    failed = events[are_failures(events, policy) & events["at"].notna()]
    # Of a declared message beside an answer of its client, or of any if it names none, one login is left.
    messages = failed[failed["kind"].eq(DECLARED) & failed["status"].isna()].sort_values("seconds")
    answers, named = failed[failed["status"].notna()], messages["client"].ne("")
    for own, key in ((messages[named], ["client"]), (messages[~named], [])):
        failed = failed.drop(own.index[_is_near(own, answers, key)])
    frame = pd.concat([failed, message_failures(events, failed, policy)])
    refused = (part.loc[part["status"].isin(REFUSED), "route"] for part in (requests, frame))
    refusing = set(pd.concat([*refused]).unique())
    frame = frame.assign(
        network=mapped(frame["client"], network_of).astype("str"),
        protected=mapped(frame["route"], lambda name: policy.access.protects(name, refusing)).astype(bool),
        on_login=fits(frame["route"], policy.access.login) | frame["kind"].isin((DECLARED, FAILED_LOGIN)),
    )
    frame = frame.sort_values(["at", "file", "line"], kind="stable").reset_index(drop=True)
    good = requests[requests["let_in"] & ~requests["added"] & requests["client"].ne("")]
    return _with_successes(frame, good, policy)


def _with_successes(failures: pd.DataFrame, good: pd.DataFrame, policy: DetectionPolicy) -> pd.DataFrame:
    """The failures with `known`, `success` and `mistype`.

    Who succeeds soon after a few failures mistyped; one that is not known before may fail less often, since
    who guesses succeeds, too. Whoever mistypes far more often than succeeding in a day did not mistype.
    """
    client, day, rule = failures["client"], failures["at"].dt.floor("D"), policy.thresholds["let-in"]
    success = next_success(failures, good, "client")
    known = client.map(good.groupby("client")["seconds"].min()).lt(failures["seconds"] // 60 * 60)
    near = (success - failures["seconds"]).le(policy.let_in_minutes * 60)
    runs = near.groupby([client, success]).transform("sum")
    mistype = near & (runs.lt(rule.ladder[0][0]) | (known & runs.lt(rule.known)))
    tries = mistype.groupby([client, day]).transform("sum").to_numpy()
    days = good.groupby(["client", good["at"].dt.floor("D")])["count"].sum()
    successes = days.reindex(pd.MultiIndex.from_arrays([client, day])).fillna(1).to_numpy()
    seldom = tries <= _MOST_PER_SUCCESS * successes
    return failures.assign(known=known, success=success, mistype=mistype & seldom)


def next_success(failures: pd.DataFrame, good: pd.DataFrame, key: str) -> "pd.Series[float]":
    """The seconds of the next minute in which the client or network is let in; null if it never is."""
    answers = good[[key, "seconds"]].drop_duplicates().rename(columns={"seconds": "answered"})
    minutes = failures[[key]].assign(minute=failures["seconds"] // 60 * 60)
    given: Any = {"left_on": "minute", "right_on": "answered", "by": key, "direction": "forward"}
    return pd.merge_asof(minutes, answers, **given)["answered"].set_axis(failures.index)


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
