"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason."""

from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from audit_lib.base.contracts import Alerts
from audit_lib.ledger import Ledger
from audit_lib.logins.detections.alarm import dense, places, seconds_of
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logins.detections.told_failures import told_failures
from audit_lib.logins.quiet import NEEDS, Watched
from audit_lib.logs.log_read import LogRead
from audit_lib.project import LogSource
from audit_lib.project.policy.alerts import LOGINS, AlertRule


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
    named = every[every["kind"].isin(rule.kinds)]
    if not set(rule.kinds) & set(LOGINS):
        return named
    return pd.concat([named, told_failures(every, named, watched.policy)])
