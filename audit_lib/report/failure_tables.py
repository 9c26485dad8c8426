"""The tables of auth failures, with totals beside failures and what the logs cannot tell."""

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.logins import auth_failures
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 15


def failures_totals(audit: Audit) -> Table:
    """Lines by where they ended, requests, failures, what has no time; or that nothing was read."""
    return show(
        auth_failures.totals(audit.tables["sources"], audit.tables["log_counts"]),
        f"Totals of {audit.quarter}",
    )


def failures_by_cause(audit: Audit) -> Tables:
    """By kind, and why as far as the logs tell."""
    return together(failures_by_kind(audit), failures_by_reason(audit))


def failures_by_source(audit: Audit) -> Tables:
    """By client and by route."""
    return together(failures_by_client(audit), failures_by_route(audit))


def failures_by_kind(audit: Audit) -> Table:
    """Each kind of failure, also those that never occurred."""
    kinds = auth_failures.by_kind(audit.tables["log_counts"])
    return _unless_unread(audit, kinds, "By kind", "other: requests that were not refused")


def failures_by_reason(audit: Audit) -> Table:
    """How many of the refused requests the logs give a reason for."""
    reasons = auth_failures.reasons(audit.tables["log_counts"])
    return _unless_unread(audit, reasons, "Why a 401: what the logs can tell apart")


def failures_by_client(audit: Audit) -> Table:
    """The clients with most failures."""
    return _most(auth_failures.by_client(audit.tables["log_counts"]), "By client", "client")


def failures_by_route(audit: Audit) -> Table:
    """The routes with most failures."""
    return _most(auth_failures.by_route(audit.tables["log_counts"]), "By route", "route")


def _unless_unread(audit: Audit, table: pd.DataFrame, title: str, note: str = "") -> Table:
    """The table; where nothing of the quarter was counted, those words instead of zeros."""
    if audit.tables["log_counts"].empty:
        return show(table.head(0), title, empty=f"nothing of {audit.quarter} was read: not known")
    return show(table, title, note)


def _most(table: pd.DataFrame, title: str, noun: str) -> Table:
    """The rows that hold a failure, at most fifteen, without the kinds that never occurred."""
    counts = table.select_dtypes("number").drop(columns=["requests", "failures", "untimed"])
    failed = table[(counts.sum(axis=1) + table["failures"]) > 0]
    kinds = [name for name in counts if counts[name].any()]
    names = [name for name in table if name not in counts]
    shown = failed[[*names[:-1], *kinds, names[-1]]].head(MOST_ROWS)
    left = len(failed) - len(shown)
    note = f"{left} more, with fewer failures, are in report.json" if left else ""
    empty = f"no failure names a {noun}" if len(table) else "nothing was read"
    return show(shown, title, note, empty)
