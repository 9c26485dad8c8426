"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.contracts import Alerts
from audit_lib.base.errors import BadInput
from audit_lib.ledger import Ledger
from audit_lib.logins.detections.alarm import dense, places
from audit_lib.logins.detections.preconditions import unknown_wording
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logins.detections.traffic import kinds_met
from audit_lib.logins.detections.wholeness import unread
from audit_lib.logs.project_logs import LogRead
from audit_lib.project.policy.alerts import LOGINS, REQUESTS, AlertRule


def evaluate(
    rules: Iterable[AlertRule],
    logs: LogRead,
    ledger: Ledger,
    since: datetime,
    until: datetime,
    *,
    policy: DetectionPolicy,
) -> pd.DataFrame:
    """`Alerts`: one row for each rule, in their order, over the time from `since` until `until`.

    What the evidence cannot show is unknown (docs/detections.md#what-quiet-needs).
    """
    unread = _unread(logs, since, until)
    return Alerts.of(
        _of_ledger(rule, ledger, since, until)
        if rule.records
        else _of_logs(rule, logs, since, until, unread or _unseen(rule, logs, policy))
        for rule in rules
    )


def _unseen(rule: AlertRule, logs: LogRead, policy: DetectionPolicy) -> str:
    """Why the logs would not show what the alert is about, though they were read; "" if they would."""
    if set(rule.kinds) & set(LOGINS) and not policy.failure_declared:
        return "the policy does not declare what a failed login looks like"
    if set(rule.kinds) & set(REQUESTS) and not logs.counts["status"].notna().any():
        return "no request was recognised in the logs"
    said = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    return unknown_wording(said, kinds_met(logs.events), policy) if said else ""


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


def _of_logs(
    rule: AlertRule, logs: LogRead, since: datetime, until: datetime, unread: str
) -> dict[str, object]:
    events = logs.events[logs.events["kind"].isin(rule.kinds)]
    timed = events[events["at"].between(since, until)].sort_values(["at", "file", "line"], kind="stable")
    seconds = timed["at"].astype("int64") / 1e6
    loud = timed[dense(timed.assign(seconds=seconds, all="all"), "all", rule.at_least, rule.minutes * 60)]
    sure = events[events["at"].isna() & events["not_before_at"].ge(since)]
    if loud.empty and rule.at_least == 1:
        loud = sure
    if len(loud):
        first, last = loud["not_before_at"].min(), loud["at"].fillna(loud["not_before_at"]).max()
        evidence = "; ".join(places(loud))
        return _row(rule, "fired", len(loud), first_at=first, last_at=last, evidence=evidence)
    if unread:
        return _row(rule, "unknown", reason=unread)
    may = events[events["at"].isna() & ~events["not_after_at"].lt(since)]
    if len(may) + len(timed) >= rule.at_least and len(may):
        return _row(rule, "unknown", len(timed), reason=f"{len(may):,} events have no time of their own")
    return _row(rule, "quiet", len(timed))


def _unread(logs: LogRead, since: datetime, until: datetime) -> str:
    """Why the logs do not show all of the time; "" where each was read and one line is of the time."""
    if lost := next(unread(logs.sources), ""):
        return lost
    if lines := int(logs.sources["not_understood"].sum()):
        return f"{lines:,} lines of the logs were not understood"
    asked = logs.minutes["minute_at"].between(since - timedelta(minutes=1), until).any()
    told = logs.events["at"].between(since, until).any()
    if asked or told:
        return ""
    return f"no log line since {iso(since)} has a time"


def since_instant(text: str, now: datetime) -> datetime:
    """The instant that `15m`, `24h`, `7d` before now or an ISO 8601 text names; `BadInput` for others."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdigit() and text[-1:] in units and len(text) < 8:
        return now - timedelta(**{units[text[-1]]: int(text[:-1])})
    since = parse_instant(text, "--since")
    if since > now:
        raise BadInput.at("--since", "is in the future")
    return since
