"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason.

The first sentence of each function in NEEDS is one precondition of "quiet", the next what would tell
(docs/detections.md#what-quiet-needs); it returns why it is not met, and "" if it is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import Alerts
from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.ledger import Ledger
from audit_lib.logins.declared import has_failed
from audit_lib.logins.detections.alarm import dense, places, seconds_of
from audit_lib.logins.detections.needs import POSSIBLE_LOGINS
from audit_lib.logins.detections.preconditions import own_words_text, undeclared_failure
from audit_lib.logins.detections.thresholds import DetectionPolicy, unknown_wording
from audit_lib.logins.detections.told_failures import told_failures, told_once
from audit_lib.logins.detections.traffic import kinds_met
from audit_lib.logins.detections.wholeness import beyond, undeclared_instances, undeclared_zone, unread
from audit_lib.logins.proposals import propose
from audit_lib.logs.frames import LogRead
from audit_lib.project import LogSource
from audit_lib.project.policy.alerts import LOGINS, REQUESTS, AlertRule


@dataclass(frozen=True)
class Watched:
    """The logs over the time that is watched, both ends inclusive, and the policy that they are read by."""

    log_sources: tuple[LogSource, ...]
    logs: LogRead
    policy: DetectionPolicy
    since: datetime
    until: datetime


def every_log_read(rule: AlertRule, watched: Watched) -> str:
    """Each log was read to its end. The log that is missing would tell."""
    return next(unread(watched.logs.sources), "")


def every_line_understood(rule: AlertRule, watched: Watched) -> str:
    """Each line of the logs was understood. A format for the others would tell."""
    lines = int(watched.logs.sources["not_understood"].sum())
    return f"lines of the logs that were not understood: {lines:,}" if lines else ""


def known_words(rule: AlertRule, watched: Watched) -> str:
    """No line of text may tell of a refusal in words of its own. A format for these lines would tell."""
    return own_words_text(int(watched.logs.sources["own_words"].sum()))


def every_instance(rule: AlertRule, watched: Watched) -> str:
    """How many instances write each log is declared. `instances` in audit.toml would tell."""
    return undeclared_instances(watched.log_sources)


def known_hours(rule: AlertRule, watched: Watched) -> str:
    """Each time has a zone, its own or a declared one. `time_zone` in audit.toml would tell."""
    return undeclared_zone(watched.logs.sources)


def right_clocks(rule: AlertRule, watched: Watched) -> str:
    """No log holds a time that has not come. The log of a clock that is right would tell."""
    return next(beyond(watched.logs.sources, watched.logs.events, watched.until), "")


def a_line_of_the_time(rule: AlertRule, watched: Watched) -> str:
    """A line with a time since then. A log that is newer, or has times would tell."""
    minutes, events = watched.logs.minutes["minute_at"], watched.logs.events["at"]
    asked = minutes.between(watched.since - timedelta(minutes=1), watched.until).any()
    if asked or events.between(watched.since, watched.until).any():
        return ""
    return f"no log line since {iso(watched.since)} has a time"


def declared_failure(rule: AlertRule, watched: Watched) -> str:
    """Of failed logins: what one looks like is declared ([detections.failure], [[logins]]), on each route."""
    if not set(rule.kinds) & set(LOGINS):
        return ""
    policy, counts = watched.policy, watched.logs.counts
    asked = propose(counts, policy.logins, policy.failed_statuses)
    return undeclared_failure(policy, counts, asked, has_failed(policy.added_logins, counts))


def certain_logins(rule: AlertRule, watched: Watched) -> str:
    """Of failed logins: no message may tell of one in words that no format knows. A format would tell."""
    said = watched.logs.events
    possible = said["kind"].eq(POSSIBLE) & said["status"].isna() & said["not_after_at"].ge(watched.since)
    if not set(rule.kinds) & set(LOGINS) or not possible.any():
        return ""
    return f"{POSSIBLE_LOGINS}: {int(possible.sum()):,}"


def a_request(rule: AlertRule, watched: Watched) -> str:
    """Of requests: one was answered with 2xx. The application's own log of each request would tell."""
    if not set(rule.kinds) & set(REQUESTS):
        return ""
    status = watched.logs.counts["status"]
    if status.between(200, 299).fillna(False).any():
        return ""
    if status.isna().all():
        return "no request was recognised in the logs"
    return "no request was answered with 2xx: the logs may be another application's"


def known_wording(rule: AlertRule, watched: Watched) -> str:
    """Of messages: one of the kind was met, or known_messages of the policy names it."""
    said = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    return unknown_wording(said, kinds_met(watched.logs.events), watched.policy) if said else ""


NEEDS: tuple[Callable[[AlertRule, Watched], str], ...] = (
    every_log_read,
    every_line_understood,
    known_words,
    right_clocks,
    a_line_of_the_time,
    declared_failure,
    certain_logins,
    a_request,
    known_wording,
    every_instance,
    known_hours,
)


def evaluate(
    rules: Iterable[AlertRule],
    logs: LogRead,
    ledger: Ledger,
    since: datetime,
    until: datetime,
    *,
    policy: DetectionPolicy,
    log_sources: tuple[LogSource, ...],
) -> pd.DataFrame:
    """`Alerts`: one row for each rule, in their order, over the time from `since` until `until`.

    What the evidence cannot show is unknown (docs/detections.md#what-quiet-needs).
    """
    watched = Watched(log_sources, logs, policy, since, until)
    return Alerts.of(
        _of_ledger(rule, ledger, since, until) if rule.records else _of_logs(rule, watched) for rule in rules
    )


def _row(rule: AlertRule, state: str, count: int = 0, **more: object) -> dict[str, object]:
    row = {"alert": rule.name, "state": state, "severity": rule.severity, "count": count, "reason": ""}
    empty = {"first_at": None, "last_at": None, "evidence": "", "guide_line": rule.guide_line}
    return row | empty | more


def _of_ledger(rule: AlertRule, ledger: Ledger, since: datetime, until: datetime) -> dict[str, object]:
    entries = [entry for kind in rule.records for entry in ledger.of_kind(kind) if since <= entry.at <= until]
    if len(entries) < rule.at_least:
        return _row(rule, "quiet", len(entries), reason="only what was recorded can be seen here")
    times = [entry.at for entry in entries]
    evidence = "; ".join(entry.place for entry in entries)
    return _row(rule, "fired", len(entries), first_at=min(times), last_at=max(times), evidence=evidence)


def _of_logs(rule: AlertRule, watched: Watched) -> dict[str, object]:
    since, until = watched.since, watched.until
    events = _judged(rule, watched)
    timed = events[events["at"].between(since, until)].sort_values(["at", "file", "line"], kind="stable")
    loud = timed[dense(timed.assign(all="all"), "all", rule.at_least, rule.minutes * 60)]
    sure = events[events["at"].isna() & events["not_before_at"].ge(since)]
    if loud.empty and rule.at_least == 1:
        loud = sure
    if len(loud):
        first, last = loud["not_before_at"].min(), loud["at"].fillna(loud["not_before_at"]).max()
        evidence = "; ".join(places(loud))
        return _row(rule, "fired", len(loud), first_at=first, last_at=last, evidence=evidence)
    if reason := next(filter(None, (why(rule, watched) for why in NEEDS)), ""):
        return _row(rule, "unknown", reason=reason)
    may = events[events["at"].isna() & ~events["not_after_at"].lt(since)]
    if len(may) + len(timed) >= rule.at_least and len(may):
        return _row(rule, "unknown", len(timed), reason=f"{len(may):,} events have no time of their own")
    return _row(rule, "quiet", len(timed))


def _judged(rule: AlertRule, watched: Watched) -> pd.DataFrame:
    """The events of the rule's kinds, with `seconds`; of failed logins also those that only messages tell."""
    every = watched.logs.events.assign(seconds=seconds_of(watched.logs.events["at"]))
    named = told_once(every[every["kind"].isin(rule.kinds)])
    if not set(rule.kinds) & set(LOGINS):
        return named
    return pd.concat([named, told_failures(every, named, watched.policy)])
