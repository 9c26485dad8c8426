"""What a review cannot show, said from its own data; and what a first review can already prove."""

from collections.abc import Iterator

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.report.days_of_quarter import days, undated
from audit_lib.report.table import Table, show
from audit_lib.report.verdict import unread

SNAPSHOTS = frozenset({"E1"})  # two snapshots that differ: the only evidence of our own that a value is young
MOST_NAMES = 6
WEEKLY = "17 6 * * 1  audit-lib snapshot --project DIR"


def limits(audit: Audit) -> Table:
    """One row for each limit of this review: what is not shown, and what follows for the reader."""
    rows = [*_of_sources(audit), *_of_logs(audit), *_of_ages(audit), *_of_method(audit)]
    return show(pd.DataFrame(rows, columns=["not shown", "because"]), "What this review does not show")


def _of_sources(audit: Audit) -> Iterator[tuple[str, str]]:
    silent = unread(audit)
    if len(silent):
        names = ", ".join(sorted(silent["source"])[:MOST_NAMES]) + (", …" if len(silent) > MOST_NAMES else "")
        yield "what unread sources hold", f"{len(silent)} were expected and not read: {names}"
    lost = int(audit.tables["sources"]["not_understood"].sum())
    if lost:
        yield "lines that were not understood", f"{lost} of the lines in the sources, counted and not judged"
    yield (
        "values that live only on a platform",
        "a file shows what it holds, not what a host injects; give those with --env ENVIRONMENT/SERVICE=-",
    )


def _of_logs(audit: Audit) -> Iterator[tuple[str, str]]:
    counts = audit.tables["log_counts"]
    silent = int(days(audit)["requests"].isna().sum())
    if counts.empty:
        yield (
            "failed logins",
            f"no log line of {audit.quarter} was read: none found does not mean none happened",
        )
        return
    if silent:
        yield "days without a log line", f"{silent} days: quiet or not logged, which cannot be told apart"
    if counts["untimed"].sum():
        yield (
            "the time of untimed lines",
            f"{counts['untimed'].sum()} are counted under the last date before them in their file",
        )
    others = int(counts.loc[counts["route"].eq(OTHER_ROUTES), "count"].sum())
    if others:
        yield "some routes", f"too many differ: {others:,} requests and messages stand under {OTHER_ROUTES}"
    if undated(counts):
        yield "the day of undated lines", f"{undated(counts)} stand before the first date of their file"
    requests = counts[counts["status"].notna() & (counts["client"] != "")]
    if len(requests) and requests["client"].nunique() == 1:
        yield "who failed", "all requests name one address, perhaps a proxy's: clients cannot be told apart"
    if not counts["kind"].eq("rate_limited").any():
        yield (
            "whether rate limiting works",
            "no 429 was logged, which proves neither quiet nor a working limit",
        )
    if counts["kind"].eq("unauthorized").any():
        yield "why a token was refused", "missing, wrong, expired and old-key tokens write the same line"
    yield (
        "requests answered without a login",
        "a request without a token can be answered 200: no 401 tells of it",
    )


def _of_ages(audit: Audit) -> Iterator[tuple[str, str]]:
    left_out = (
        int(audit.tables["freshness"]["evidence_left_out"].max()) if len(audit.tables["freshness"]) else 0
    )
    if left_out:
        yield (
            "evidence after the date of the review",
            f"up to {left_out} pieces a secret are left out by date",
        )
    if audit.key_origin == "throw-away":
        yield "changes since an earlier review", "there is no key: run init, then snapshot"
    yield "a change and its undoing between two snapshots", "only the values at each snapshot are compared"
    yield "when a value was made at its provider", "seen is the time it was in force here, not its creation"


def _of_method(audit: Audit) -> Iterator[tuple[str, str]]:
    unanswered = audit.tables["attestations"][audit.tables["attestations"]["status"] != "attested"]
    if len(unanswered):
        yield (
            "what only people can answer",
            f"{len(unanswered)} are open: attest --missing lists them",
        )
    left = audit.tables["leak_coverage"][
        audit.tables["leak_coverage"]["state"].isin(("not searched", "incomplete"))
    ]
    if len(left):
        first = left.iloc[0]
        yield (
            "leaks in all places",
            f"{len(left)} were not searched, first {first['place']}: {first['reason']}",
        )
    if audit.tables["detections"].empty:
        yield "attack patterns", "failures are counted; whether they form an attack was not judged"
    yield "compliance", "a control beside a finding shows what it bears on, not that the control is met"


def first_review(audit: Audit) -> Table:
    """What can and what cannot be proved yet, and the weekly line that changes it; empty once it has."""
    chained = set(audit.tables["evidence"]["kind"]) & SNAPSHOTS
    rows = [] if chained else list(_first_steps(audit))
    empty = "snapshots of more than one date are there: rotations show from one to the next"
    return show(pd.DataFrame(rows, columns=["first review", "what it means"]), "A first review", empty=empty)


def _first_steps(audit: Audit) -> Iterator[tuple[str, str]]:
    statuses = audit.tables["freshness"]["status"].value_counts()
    yield (
        "can be proved now",
        f"that a value is too old, from file dates, git and records: {statuses.get('overdue', 0)} overdue",
    )
    yield (
        "cannot be proved yet",
        "that a value is young: one sighting shows only that it is at least so old "
        f"({statuses.get('unknown', 0)} unknown)",
    )
    yield "what changes it", "a snapshot each week: the first change between two of them dates the new value"
    yield "the weekly line, for crontab", WEEKLY
    yield (
        "or at each rotation",
        "audit-lib record SECRET --project DIR --environment E, right after it",
    )
