"""Evaluates the policy's alerts over the time since an instant: fired, quiet, or unknown with the reason."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import DECLARED, SEVERITIES
from audit_lib.ledger import Ledger
from audit_lib.ledger.chain import decisions
from audit_lib.logins.coverage import READ_WHOLE, Coverage, cover, unknown_wording
from audit_lib.logins.detect import in_windows
from audit_lib.logins.traffic import Traffic, message_failures, places
from audit_lib.settings.models import REQUESTS, AlertRule

NEEDS = (*READ_WHOLE, "zone")  # of a "quiet", beside a line of the time; logins and requests need more
NEEDS_OF_LOGINS, NEEDS_OF_REQUESTS = ("a failed login declared",), ("an answer",)
LOGIN_KINDS = ("unauthorized", "forbidden", DECLARED, "login_failed", "jwt_invalid")  # of failed logins


class Alerts(Contract):
    """One row for each alert of the policy, over the time that is watched."""

    alert: Series[str]
    state: Series[str] = Field(isin=("fired", "quiet", "unknown"))
    severity: Series[str] = Field(isin=SEVERITIES)
    count: Series[int]  # events in the windows that fired; else all that were seen
    reason: Series[str]
    first_at: Series[Instant] = Field(nullable=True)
    last_at: Series[Instant] = Field(nullable=True)
    evidence: Series[str]  # file:line or the ledger's entries, separated by "; "


def evaluate(rules: Iterable[AlertRule], traffic: Traffic, ledger: Ledger) -> pd.DataFrame:
    """`Alerts`: one row for each rule, in their order, over the window of the traffic."""
    coverage, blank = cover(traffic), {"count": 0, "reason": "", "evidence": ""}
    return Alerts.of(
        {**blank, "alert": rule.name, "severity": rule.severity}
        | (_of_ledger(rule, traffic, ledger) if rule.records else _of_logs(rule, traffic, coverage))
        for rule in rules
    )


def _of_ledger(rule: AlertRule, traffic: Traffic, ledger: Ledger) -> dict[str, Any]:
    made = {"acceptance": decisions(ledger, "accept"), "attestation": decisions(ledger, "attest")}
    recorded = (made.get(kind, ledger.of_kind(kind)) for kind in rule.records)
    since, until = traffic.window.since, traffic.window.until
    inside = [(one.at, one.place) for entries in recorded for one in entries if since <= one.at <= until]
    if len(inside) < rule.at_least:
        return {"state": "quiet", "count": len(inside), "reason": "only what was recorded can be seen here"}
    row = {"state": "fired", "evidence": "; ".join(place for _, place in inside)}
    return row | {"count": len(inside), "first_at": min(inside)[0], "last_at": max(inside)[0]}


def _of_logs(rule: AlertRule, traffic: Traffic, coverage: Coverage) -> dict[str, Any]:
    events = traffic.events[traffic.events["kind"].isin(rule.kinds)]
    if {*rule.kinds} & {*LOGIN_KINDS}:  # also those that only messages report
        events = pd.concat([events, message_failures(traffic.events, events, traffic.policy)])
    timed = events[events["at"].between(traffic.window.since, traffic.window.until)]
    untimed = events[events["at"].isna()]
    loud = in_windows(timed.assign(all="all"), "all", [(rule.at_least, rule.minutes)])
    if loud.empty and rule.at_least == 1:
        loud = untimed[untimed["not_before_at"].ge(traffic.window.since)]
    if len(loud):
        row = {"state": "fired", "first_at": loud["not_before_at"].min(), "evidence": "; ".join(places(loud))}
        return row | {"count": len(loud), "last_at": loud["at"].fillna(loud["not_before_at"]).max()}
    may = int((~untimed["not_after_at"].lt(traffic.window.since)).sum())
    reason = _why_not_quiet(rule, traffic, coverage, len(timed), may)
    return {"state": "unknown" if reason else "quiet", "count": len(timed), "reason": reason}


def _why_not_quiet(rule: AlertRule, traffic: Traffic, coverage: Coverage, timed: int, untimed: int) -> str:
    """The first reason why the rule's silence proves nothing; "" if its events would have been seen."""
    since, until, events = traffic.window.since, traffic.window.until, traffic.events
    logins, requests = ({*rule.kinds} & {*kinds} for kinds in (LOGIN_KINDS, REQUESTS))
    seen = pd.concat([traffic.requests["at"] + timedelta(minutes=1), events["at"]]).between(since, until)
    possible = int(traffic.unclear["not_after_at"].ge(since).sum()) if logins else 0
    messages = tuple(kind for kind in rule.kinds if kind not in REQUESTS)
    reasons = (
        coverage.reason(NEEDS),
        "" if seen.any() else f"no log line since {iso(since)} has a time",
        coverage.reason((*(NEEDS_OF_LOGINS if logins else ()), *(NEEDS_OF_REQUESTS if requests else ()))),
        f"{possible:,} possible failed logins are in words that no format knows" if possible else "",
        unknown_wording(messages, events, traffic.policy) if messages else "",
        f"{untimed:,} events have no time of their own" if 0 < untimed >= rule.at_least - timed else "",
    )
    return next(filter(None, reasons), "")
