"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.in_words import POSSIBLE
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.decisions import Decision, decisions
from audit_lib.logins.contracts import Alerts
from audit_lib.logins.coverage import READ_WHOLE, Coverage, cover, unknown_wording
from audit_lib.logins.detect.incidents import in_windows, places
from audit_lib.logins.traffic import Traffic, message_failures
from audit_lib.settings import AlertRule
from audit_lib.settings.models import LOGIN_KINDS, REQUESTS

# What earns a "quiet", beside a line of the time; of failed logins, and of requests, more.
NEEDS = (*READ_WHOLE, "zone")
NEEDS_OF_LOGINS = ("a failed login declared",)
NEEDS_OF_REQUESTS = ("an answer",)
_DECISIONS = {"acceptance": "accept", "attestation": "attest"}


def evaluate(rules: Iterable[AlertRule], traffic: Traffic, ledger: Ledger) -> pd.DataFrame:
    """`Alerts`: one row for each rule, in their order, over the window of the traffic."""
    coverage, found = cover(traffic), []
    for rule in rules:
        judged = _of_ledger(rule, traffic, ledger) if rule.records else _of_logs(rule, traffic, coverage)
        row = {"alert": rule.name, "severity": rule.severity, "guide_line": rule.guide_line}
        blank = {"count": 0, "reason": "", "first_at": None, "last_at": None, "evidence": ""}
        found.append({**row, **blank, **judged})
    return Alerts.of(found)


def _of_ledger(rule: AlertRule, traffic: Traffic, ledger: Ledger) -> Mapping[str, Any]:
    recorded: list[Entry | Decision] = []
    for kind in rule.records:
        recorded += decisions(ledger, _DECISIONS[kind]) if kind in _DECISIONS else ledger.of_kind(kind)
    entries = [entry for entry in recorded if traffic.window.since <= entry.at <= traffic.window.until]
    if len(entries) < rule.at_least:
        reason = "only what was recorded can be seen here"
        return {"state": "quiet", "count": len(entries), "reason": reason}
    times, evidence = [entry.at for entry in entries], "; ".join(entry.place for entry in entries)
    bounds = {"first_at": min(times), "last_at": max(times)}
    return {"state": "fired", "count": len(entries), "evidence": evidence, **bounds}


def _of_logs(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> Mapping[str, Any]:
    since, until = traffic.window.since, traffic.window.until
    events = traffic.events[traffic.events["kind"].isin(rule.kinds)]
    if {*rule.kinds} & {*LOGIN_KINDS}:  # also those that only messages report
        events = pd.concat([events, message_failures(traffic.events, events, traffic.policy)])
    events = events.assign(all="all")
    timed = events[events["at"].between(since, until)]
    loud = in_windows(timed, "all", [(rule.at_least, rule.minutes)])
    if loud.empty and rule.at_least == 1:
        loud = events[events["at"].isna() & events["not_before_at"].ge(since)]
    if len(loud):
        first, last = loud["not_before_at"].min(), loud["at"].fillna(loud["not_before_at"]).max()
        bounds = {"first_at": first, "last_at": last, "evidence": "; ".join(places(loud))}
        return {"state": "fired", "count": len(loud), **bounds}
    if reason := _why_not_quiet(rule, traffic, coverage):
        return {"state": "unknown", "reason": reason}
    may = int((events["at"].isna() & ~events["not_after_at"].lt(since)).sum())
    if may and may + len(timed) >= rule.at_least:
        return {
            "state": "unknown",
            "count": len(timed),
            "reason": f"{may:,} events have no time of their own",
        }
    return {"state": "quiet", "count": len(timed)}


def _why_not_quiet(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> str:
    """The one reason why the rule's silence proves nothing; "" if its events would have been seen."""
    since, until, events = traffic.window.since, traffic.window.until, traffic.events
    logins, requests = ({*rule.kinds} & {*kinds} for kinds in (LOGIN_KINDS, REQUESTS))
    seen = traffic.requests["at"].between(since - timedelta(minutes=1), until).any()
    seen = seen or events["at"].between(since, until).any()
    possible = events["kind"].eq(POSSIBLE) & events["status"].isna() & events["not_after_at"].ge(since)
    messages = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    reasons = (
        coverage.reason(NEEDS),
        "" if seen else f"no log line since {iso(since)} has a time",
        coverage.reason((*(NEEDS_OF_LOGINS if logins else ()), *(NEEDS_OF_REQUESTS if requests else ()))),
        f"{possible.sum():,} possible failed logins are in words that no format knows"
        if logins and possible.any()
        else "",
        unknown_wording(messages, events, traffic.policy) if messages else "",
    )
    return next(filter(None, reasons), "")
