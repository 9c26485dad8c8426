"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.decisions import Decision, decisions
from audit_lib.logins.contracts import Alerts
from audit_lib.logins.coverage import READ_WHOLE, Coverage, cover, unknown_wording
from audit_lib.logins.detect.incidents import in_order, in_windows, places
from audit_lib.logins.parameters import DetectionPolicy
from audit_lib.logins.traffic import Traffic, gather, message_failures
from audit_lib.logs.read import LogRead
from audit_lib.settings import AlertRule, LogSource
from audit_lib.settings.fields import LOGIN_KINDS, REQUESTS

# What earns a "quiet", beside a line of the time; of failed logins, and of requests, more.
NEEDS = (*READ_WHOLE, "zone")
NEEDS_OF_LOGINS = ("a failed login declared",)
NEEDS_OF_REQUESTS = ("an answer",)


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
    """`Alerts`: one row for each rule, in their order, over the time from `since` until `until`."""
    frames = logs.sources, logs.counts, logs.events, logs.minutes
    traffic = gather(*frames, ledger, policy, since, until, log_sources=log_sources)
    coverage = cover(traffic)
    return Alerts.of(
        _of_ledger(rule, ledger, since, until) if rule.records else _of_logs(rule, traffic, coverage)
        for rule in rules
    )


def _row(rule: AlertRule, state: str, count: int = 0, **more: object) -> dict[str, object]:
    row = {"alert": rule.name, "state": state, "severity": rule.severity, "count": count, "reason": ""}
    empty = {"first_at": None, "last_at": None, "evidence": "", "guide_line": rule.guide_line}
    return row | empty | more


def _of_ledger(rule: AlertRule, ledger: Ledger, since: datetime, until: datetime) -> dict[str, object]:
    verdicts = {"acceptance": "accept", "attestation": "attest"}
    recorded: list[Entry | Decision] = [
        entry for kind in rule.records if kind not in verdicts for entry in ledger.of_kind(kind)
    ]
    decided = [verdicts[kind] for kind in rule.records if kind in verdicts]
    recorded += decisions(ledger, *decided) if decided else ()
    entries = [one for one in recorded if since <= one.at <= until]
    if len(entries) < rule.at_least:
        return _row(rule, "quiet", len(entries), reason="only what was recorded can be seen here")
    times = [entry.at for entry in entries]
    evidence = "; ".join(entry.place for entry in entries)
    return _row(rule, "fired", len(entries), first_at=min(times), last_at=max(times), evidence=evidence)


def _of_logs(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> dict[str, object]:
    events = _judged(rule, traffic).assign(all="all")
    timed = in_order(events[events["at"].between(traffic.start, traffic.end)], "all")
    loud = timed[in_windows(timed, "all", rule.minutes, rule.at_least)]
    sure = events[events["at"].isna() & events["not_before_at"].ge(traffic.start)]
    if loud.empty and rule.at_least == 1:
        loud = sure
    if len(loud):
        first, last = loud["not_before_at"].min(), loud["at"].fillna(loud["not_before_at"]).max()
        evidence = "; ".join(places(loud))
        return _row(rule, "fired", len(loud), first_at=first, last_at=last, evidence=evidence)
    if reason := _why_not_quiet(rule, traffic, coverage):
        return _row(rule, "unknown", reason=reason)
    may = events[events["at"].isna() & ~events["not_after_at"].lt(traffic.start)]
    if len(may) + len(timed) >= rule.at_least and len(may):
        return _row(rule, "unknown", len(timed), reason=f"{len(may):,} events have no time of their own")
    return _row(rule, "quiet", len(timed))


def _judged(rule: AlertRule, traffic: Traffic) -> pd.DataFrame:
    """The events of the rule's kinds; of failed logins also those that only messages report."""
    named = traffic.events[traffic.events["kind"].isin(rule.kinds)]
    if not set(rule.kinds) & set(LOGIN_KINDS):
        return named
    return pd.concat([named, message_failures(traffic.events, named, traffic.policy)])


def _why_not_quiet(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> str:
    """The one reason why the rule's silence proves nothing; "" if its events would have been seen."""
    if reason := coverage.reason(NEEDS):
        return reason
    if reason := _no_line_since(traffic):
        return reason
    logins = bool(set(rule.kinds) & set(LOGIN_KINDS))
    if logins and (reason := coverage.reason(NEEDS_OF_LOGINS) or _possible_logins(traffic)):
        return reason
    if set(rule.kinds) & set(REQUESTS) and (reason := coverage.reason(NEEDS_OF_REQUESTS)):
        return reason
    messages = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    return unknown_wording(messages, traffic.events, traffic.policy) if messages else ""


def _no_line_since(traffic: Traffic) -> str:
    minutes, events = traffic.requests["at"], traffic.events["at"]
    asked = minutes.between(traffic.start - timedelta(minutes=1), traffic.end).any()
    if asked or events.between(traffic.start, traffic.end).any():
        return ""
    return f"no log line since {iso(traffic.start)} has a time"


def _possible_logins(traffic: Traffic) -> str:
    said = traffic.events
    possible = said["kind"].eq(POSSIBLE) & said["status"].isna() & said["not_after_at"].ge(traffic.start)
    text = f"possible failed logins, in words that no format knows: {int(possible.sum()):,}"
    return text if possible.any() else ""
