"""What a review cannot show, from its own data; and what a first review can already prove."""

from collections.abc import Iterator

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.findings.audit import Audit
from audit_lib.findings.decisions import UNANSWERED
from audit_lib.report.days_of_quarter import days, undated
from audit_lib.report.review_summary import what_would_decide
from audit_lib.report.table import Table, Tables, show, together
from audit_lib.report.verdict import undeclared_logs, unread

SNAPSHOTS = frozenset({"E1"})  # two snapshots that differ: our own only evidence that a value is fresh
MOST_NAMES = 6
WEEKLY = "17 6 * * 1  audit-lib snapshot --project DIR"


def limits(audit: Audit) -> Table:
    """One row for each limit of this review: what it does not show, and why."""
    rows = [*_of_sources(audit), *_of_logs(audit), *_of_ages(audit), *_of_method(audit)]
    return show(pd.DataFrame(rows, columns=["not shown", "why"]), "What this review does not show")


def _of_sources(audit: Audit) -> Iterator[tuple[str, str]]:
    silent = unread(audit)
    if len(silent):
        names = ", ".join(sorted(silent["source"])[:MOST_NAMES]) + (", …" if len(silent) > MOST_NAMES else "")
        yield "what is in unread files", f"{len(silent)} expected but not read: {names}"
    lost = int(audit.tables["sources"]["not_understood"].sum())
    if lost:
        yield "lines that were not understood", f"{counted(lost, 'line')}: counted, but not reviewed"
    yield (
        "values that only a platform holds",
        "a file does not show what a host injects; supply such values with --env ENVIRONMENT/SERVICE=-",
    )


def _of_logs(audit: Audit) -> Iterator[tuple[str, str]]:
    counts = audit.tables["log_counts"]
    silent = int(days(audit)["requests"].isna().sum())
    if counts.empty:
        yield (
            "failed logins",
            f"nothing of {audit.quarter} was recognised in the logs: that none were found does not mean that "
            "none happened",
        )
        return
    if patterns := undeclared_logs(audit):
        yield (
            "whether these are all logs, and the hour of times without a zone",
            f"audit.toml does not say how many instances write {', '.join(patterns[:MOST_NAMES])}, or in "
            "which zone (`instances`, `time_zone`)",
        )
    if silent:
        yield "days without a log line", f"{counted(silent, 'day')}: either quiet or not logged"
    if counts["untimed"].sum():
        yield (
            "when lines without a time were written",
            f"{counted(int(counts['untimed'].sum()), 'line')}: counted on the date before it in its file",
        )
    others = int(counts.loc[counts["route"].eq(OTHER_ROUTES), "count"].sum())
    if others:
        yield (
            "some routes",
            f"too many different routes: {others:,} requests and messages are counted as {OTHER_ROUTES}",
        )
    if undated(counts):
        lines = counted(undated(counts), "line")
        yield "the day of undated lines", f"{lines} before the first date of a file"
    requests = counts[counts["status"].notna() & (counts["client"] != "")]
    if len(requests) and requests["client"].nunique() == 1:
        yield "who was refused", "all requests have the same address, perhaps that of a proxy"
    if not counts["kind"].eq("rate_limited").any():
        yield (
            "whether rate limiting works",
            "no 429 was logged, which proves neither that it works nor that it was not needed",
        )
    if counts["kind"].eq("unauthorized").any():
        yield "why a token was refused", "missing, wrong, expired and old-key tokens leave the same line"
    yield (
        "requests answered without a login",
        "a request without a token can be answered with 200, and then leaves no 401",
    )


def _of_ages(audit: Audit) -> Iterator[tuple[str, str]]:
    left_out = (
        int(audit.tables["freshness"]["evidence_left_out"].max()) if len(audit.tables["freshness"]) else 0
    )
    if left_out:
        yield (
            "evidence after the date of the review",
            f"left out, up to {counted(left_out, 'piece')} for one secret",
        )
    if audit.key_origin == "throw-away":
        yield "changes since an earlier review", "no key was found: run init, then snapshot"
    yield "a change that was undone between two snapshots", "only the values at each snapshot are compared"
    yield (
        "when a value was created at its provider",
        "the evidence shows how long it was in force here, not when it was created",
    )


def _of_method(audit: Audit) -> Iterator[tuple[str, str]]:
    unanswered = audit.tables["attestations"]["status"].isin(UNANSWERED)
    if unanswered.any():
        yield (
            "what only people can answer",
            f"{counted(int(unanswered.sum()), 'open question')}: attest --missing lists them",
        )
    left = audit.tables["leak_coverage"][
        audit.tables["leak_coverage"]["state"].isin(("not searched", "incomplete"))
    ]
    if len(left):
        first = left.iloc[0]
        yield (
            "leaks in all places",
            f"{counted(len(left), 'place')} not searched, first {first['place']}: {first['reason']}",
        )
    if audit.tables["detections"].empty:
        yield "attack patterns", "refusals are counted, but whether they are an attack was not examined"
    yield "compliance", "a control beside a finding shows what it relates to, not that the control is met"


def what_would_prove(audit: Audit) -> Tables:
    """What would decide the ages that are not known, and what a first review can already prove."""
    return together(what_would_decide(audit), first_review(audit))


def first_review(audit: Audit) -> Table:
    """What can and cannot be proved yet, and the weekly line that changes this; empty once it has."""
    chained = set(audit.tables["evidence"]["kind"]) & SNAPSHOTS
    rows = [] if chained else list(_first_steps(audit))
    empty = "the ledger has snapshots of several dates, which show rotations"
    return show(pd.DataFrame(rows, columns=["first review", "what it means"]), "A first review", empty=empty)


def _first_steps(audit: Audit) -> Iterator[tuple[str, str]]:
    statuses = audit.tables["freshness"]["status"].value_counts()
    yield (
        "can be proved now",
        f"that a secret is overdue, from file dates, git and records: {statuses.get('overdue', 0)} overdue",
    )
    yield (
        "cannot be proved yet",
        "that a secret is fresh: no file records when a value came into use "
        f"({statuses.get('unknown', 0)} not known)",
    )
    yield "what changes this", "a weekly snapshot: the first change between two of them dates the new value"
    yield "the weekly line, for crontab", WEEKLY
    yield ("or at each rotation", "audit-lib record SECRET --project DIR --environment E, right after it")
