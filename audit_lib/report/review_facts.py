"""What an auditor asks of the review itself, as a table of the page: report.json has it as `review`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.in_words import NOT_KNOWN, counted, day_words
from audit_lib.findings.audit import Audit
from audit_lib.report.days_of_quarter import days, stretches
from audit_lib.report.review_record import review_record
from audit_lib.report.table import Table, show


def review_facts(audit: Audit) -> Table:
    """Control, cadence and due date, scope, command, earlier sign-offs, days to rotate, gaps in the logs."""
    frame = pd.DataFrame(_facts(audit, review_record(audit)), columns=["item", "value"])
    return show(frame, "The review", kind="facts")


def _facts(audit: Audit, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    year = audit.as_of.year
    yield "control", f"{record['control']}: {record['objective']}"
    yield "cadence", f"{record['cadence']}, due by {_day(record['due_at'], year)}"
    scope = record["scope"]
    yield "scope", f"{', '.join(scope['environments'])}; {', '.join(scope['services'])}"
    for one in scope["decided_in"]:
        yield (
            "scope decided in",
            f"{one['file']}, commit {one['commit'] or NOT_KNOWN}, {one['author'] or NOT_KNOWN}",
        )
    yield "project", f"commit {record['project_commit'] or NOT_KNOWN}"
    yield "command", record["command"]
    yield "to run it again", "REPERFORM.md: what is needed, three commands, the inputs by digest"
    yield "who prepared, reviewed, approved", "signoffs.json, once somebody signed; the ledger has the same"
    for one in record["signed_before"]:
        yield f"signed before: {one['quarter'] or NOT_KNOWN}", _signed(one, year)
    yield f"days to rotate, {audit.quarter}", _to_rotate(record["days_to_rotate"])
    for one in record["days_to_rotate_by_quarter"]:
        yield f"days to rotate, {one['quarter']}", _to_rotate(one)
    table = days(audit)
    unread = stretches(table, year)
    silent = list(unread.loc[unread["requests"].isna(), "day"])
    yield (
        "days without a log line",
        f"{int(table['requests'].isna().sum())} of {len(table)}: {', '.join(silent) or '–'}",
    )


def _signed(one: dict[str, Any], year: int) -> str:
    on_time = {True: "on time", False: "late", None: "on time or late is not known"}[one["on_time"]]
    role = f" as {one['role']}" if one["role"] else ""
    return f"{one['by']}{role}, {_day(one['at'], year)}: {on_time} ({one['place']})"


def _to_rotate(one: dict[str, Any]) -> str:
    """How long forced rotations took; the mean is not known unless each has bounds."""
    done = f"{counted(one['rotations'], 'rotation')}, {one['forced']} with a known trigger"
    if not one["forced"]:
        return done
    low, high = (NOT_KNOWN if one[name] is None else f"{one[name]:g}" for name in ("mean_min", "mean_max"))
    return f"{done}: mean {low} to {high} days from trigger to done"


def _day(text: str, year: int) -> str:
    return day_words(datetime.fromisoformat(text), year)
