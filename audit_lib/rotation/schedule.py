"""When each secret falls due: the day from which it may be overdue, the day from which it is, and advice."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.rotation.contracts import Schedule

# A quarter has up to 92 days: what is rotated at one review with a limit of 90 days is overdue at the next.
ADVANCE = timedelta(days=10)
LEAST_DAYS = 30  # of a shorter limit ten days would be too large a part


def tabulate_schedule(freshness: pd.DataFrame) -> pd.DataFrame:
    """`Schedule`: one row for each secret with a limit and a value in force, the most urgent first.

    Not supplied values have no row: nothing is known of them (docs/rotation.md#calendar).
    """
    aged = freshness[freshness["max_age_days"].notna() & freshness["status"].ne("exempt")]
    aged = aged[aged["reason"].ne("not supplied")]
    table = Schedule.of(
        {
            "secret": row.secret,
            "environment": row.environment,
            "service": row.service,
            "status": row.status,
            "max_age_days": row.max_age_days,
            "period_stated": row.period_stated,
            "advised_at": _advised(row),
            "possible_at": row.possibly_overdue_from_at,
            "provable_at": row.overdue_from_at,
        }
        for row in rows(aged)
    )
    order = ["possible_at", "provable_at", "environment", "service", "secret"]
    return Schedule.checked(table.sort_values(order, na_position="first", kind="stable"))


def due_within(schedule: pd.DataFrame, as_of: datetime, days: int) -> pd.DataFrame:
    """The rows of `Schedule` that may be overdue by then; what is not known may be, too."""
    until = pd.Timestamp(as_of + timedelta(days=days))
    return schedule[schedule["possible_at"].isna() | (schedule["possible_at"] <= until)]


def due_words(row: Any, as_of: datetime) -> str:
    """One row of `Schedule` as a sentence."""
    place, limit = SecretPlace.of(row), f"({row.max_age_days} days)"
    if not row.period_stated:
        limit = f"({row.max_age_days} days, a default)"
    if row.provable_at is not None and row.provable_at <= as_of:
        return f"{place}: overdue since {day_words(row.provable_at)}" + f" {limit}" * (not row.period_stated)
    if row.possible_at is None and row.provable_at is None:
        return f"{place}: its age is not known, so it may be overdue already"
    if row.possible_at is None:
        return f"{place}: may be overdue already, is overdue from {day_words(row.provable_at)} {limit}"
    possible = day_words(row.possible_at)
    if row.possible_at <= as_of:
        sure = "" if row.provable_at is None else f", is overdue from {day_words(row.provable_at)}"
        return f"{place}: may be overdue since {possible}{sure} {limit}"
    advised = day_words(max(row.advised_at, as_of))
    return f"{place}: rotate by {advised}; may be overdue from {possible} {limit}"


def _advised(row: Any) -> datetime | None:
    if row.possibly_overdue_from_at is None:
        return None
    early = ADVANCE if row.max_age_days >= LEAST_DAYS else timedelta(0)
    found: datetime = row.possibly_overdue_from_at - early
    return found
