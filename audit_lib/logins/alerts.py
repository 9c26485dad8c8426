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
from audit_lib.logins.requests import Activity, Window
from audit_lib.logins.traffic import Traffic, gather, message_failures
from audit_lib.settings import AlertRule, LogSource
from audit_lib.settings.fields import LOGIN_KINDS, REQUESTS

# What earns a "quiet", beside a line of the time; of failed logins, and of requests, more.
NEEDS = (*READ_WHOLE, "zone")
NEEDS_OF_LOGINS = ("a failed login declared",)
NEEDS_OF_REQUESTS = ("an answer",)
_DECISIONS = {"acceptance": "accept", "attestation": "attest"}


def evaluate(
    rules: Iterable[AlertRule],
    activity: Activity,
    ledger: Ledger,
    window: Window,
    *,
    policy: DetectionPolicy,
    log_sources: tuple[LogSource, ...],
) -> pd.DataFrame:
    """`Alerts`: one row for each rule, in their order, over the time of the window."""
    traffic = gather(activity, policy, window, log_sources=log_sources)
    coverage = cover(traffic)
    return Alerts.of(
        _of_ledger(rule, ledger, window) if rule.records else _of_logs(rule, traffic, coverage)
        for rule in rules
    )


def _row(rule: AlertRule, state: str, count: int = 0, **more: object) -> dict[str, object]:
    row = {"alert": rule.name, "state": state, "severity": rule.severity, "count": count, "reason": ""}
    return row | {"first_at": None, "last_at": None, "evidence": "", "guide_line": rule.guide_line} | more


def _of_ledger(rule: AlertRule, ledger: Ledger, window: Window) -> dict[str, object]:
    recorded: list[Entry | Decision] = []
    for kind in rule.records:
        recorded += decisions(ledger, _DECISIONS[kind]) if kind in _DECISIONS else ledger.of_kind(kind)
    entries = [entry for entry in recorded if window.since <= entry.at <= window.until]
    if len(entries) < rule.at_least:
        return _row(rule, "quiet", len(entries), reason="only what was recorded can be seen here")
    times, evidence = [entry.at for entry in entries], "; ".join(entry.place for entry in entries)
    return _row(rule, "fired", len(entries), first_at=min(times), last_at=max(times), evidence=evidence)


def _of_logs(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> dict[str, object]:
    since, until = traffic.window.since, traffic.window.until
    events = _judged(rule, traffic).assign(all="all")
    timed = in_order(events[events["at"].between(since, until)], "all")
    loud = timed[in_windows(timed, "all", rule.minutes, rule.at_least)]
    if loud.empty and rule.at_least == 1:
        loud = events[events["at"].isna() & events["not_before_at"].ge(since)]
    if len(loud):
        first, last = loud["not_before_at"].min(), loud["at"].fillna(loud["not_before_at"]).max()
        evidence = "; ".join(places(loud))
        return _row(rule, "fired", len(loud), first_at=first, last_at=last, evidence=evidence)
    if reason := _why_not_quiet(rule, traffic, coverage):
        return _row(rule, "unknown", reason=reason)
    may = events[events["at"].isna() & ~events["not_after_at"].lt(since)]
    if len(may) and len(may) + len(timed) >= rule.at_least:
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
    since, until, events = traffic.window.since, traffic.window.until, traffic.events
    logins, requests = ({*rule.kinds} & {*kinds} for kinds in (LOGIN_KINDS, REQUESTS))
    if reason := coverage.reason(NEEDS):
        return reason
    seen = traffic.requests["at"].between(since - timedelta(minutes=1), until).any()
    if not seen and not events["at"].between(since, until).any():
        return f"no log line since {iso(since)} has a time"
    if reason := coverage.reason([*(NEEDS_OF_LOGINS if logins else ()), *(NEEDS_OF_REQUESTS if requests else ())]):
        return reason
    possible = events["kind"].eq(POSSIBLE) & events["status"].isna() & events["not_after_at"].ge(since)
    if logins and possible.any():
        return f"{int(possible.sum()):,} possible failed logins are in words that no format knows"
    messages = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    return unknown_wording(messages, events, traffic.policy) if messages else ""
