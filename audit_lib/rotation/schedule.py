"""When each secret falls due, as a table, as sentences, and as an iCalendar file (RFC 5545)."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.frames import Field, Instant, Series, rows
from audit_lib.base.in_words import day_words
from audit_lib.ledger.timeline import DAY, SecretPlace
from audit_lib.secrets.ages import FRESHNESS
from audit_lib.secrets.inventory import OfSecret

ADVANCE = timedelta(days=10)  # of a limit of 90 days: reviews are up to 92 apart
LEAST_DAYS = 30  # of a shorter limit ten days would be too large a part
_UNKNOWN = "its age is not known, so it may be overdue already"


class Schedule(OfSecret):
    """One row for each secret with a limit of its age and a value in force: when to rotate it."""

    status: Series[str] = Field(isin=FRESHNESS)
    max_age_days: Series[pd.Int64Dtype]
    period_stated: Series[bool]  # somebody gives this limit; else it is the policy's default
    advised_at: Series[Instant] = Field(nullable=True)  # rotate by; null: its age is not known
    possible_at: Series[Instant] = Field(nullable=True)  # it may be overdue from then on
    provable_at: Series[Instant] = Field(nullable=True)  # it is overdue from then on


def tabulate_schedule(freshness: pd.DataFrame) -> pd.DataFrame:
    """`Schedule`: one row for each secret with a limit and a value in force, the most urgent first.
    Not supplied values have no row: nothing is known of them (docs/rotation.md#calendar).
    """
    limited = freshness["max_age_days"].notna() & freshness["status"].ne("exempt")
    aged = freshness[limited & freshness["reason"].ne("not supplied")].rename(
        columns={"possibly_overdue_from_at": "possible_at", "overdue_from_at": "provable_at"}
    )
    aged["advised_at"] = aged["possible_at"] - aged["max_age_days"].ge(LEAST_DAYS).astype(int) * ADVANCE
    order = ["possible_at", "provable_at", "environment", "service", "secret"]
    return Schedule.checked(
        aged.sort_values(order, na_position="first", kind="stable")[list(Schedule.columns)]
    )


def due_within(schedule: pd.DataFrame, as_of: datetime, days: int) -> pd.DataFrame:
    """The rows of `Schedule` that may be overdue after so many days; what is not known may be, too."""
    return schedule[schedule["possible_at"].isna() | schedule["possible_at"].le(as_of + days * DAY)]


def due_words(row: Any, as_of: datetime) -> str:
    """One row of `Schedule` as a sentence: what its dates say by an instant, and no more.
    In the instant in which a period ends a secret is due, as `ages.status_of` has it.
    """
    limit = f" ({row.max_age_days} days{'' if row.period_stated else ', a default'})"
    possible, provable = (at and day_words(at) for at in (row.possible_at, row.provable_at))
    if provable and row.provable_at < as_of:
        text = f"overdue since {provable}{'' if row.period_stated else limit}"
    elif not possible:
        text = f"may be overdue already, is overdue from {provable}{limit}" if provable else _UNKNOWN
    elif row.possible_at < as_of:
        text = f"may be overdue since {possible}{f', is overdue from {provable}' if provable else ''}{limit}"
    else:
        text = f"rotate by {day_words(max(row.advised_at, as_of))}; may be overdue from {possible}{limit}"
    return f"{SecretPlace.of(row)}: {text}"


def calendar_text(schedule: pd.DataFrame, project: str, as_of: datetime) -> str:
    """The calendar of a project's rotations, with CRLF line ends: the same for the same schedule.
    For each secret one event on the day by which to rotate it, and one on the day from which it is provably
    overdue. An event keeps its identity from one calendar to the next, so an import moves it.
    """
    from icalendar import Alarm, Calendar, Event  # noqa: PLC0415  few commands write one

    calendar = _component(Calendar(), prodid="-//audit-lib//rotation//EN", version="2.0")
    calendar.add("x-wr-calname", f"Rotations of {project}")
    for row in rows(schedule):
        place = SecretPlace.of(row)
        limit = f"The policy's {'limit' if row.period_stated else 'default'} is {row.max_age_days} days."
        possible = day_words(row.possible_at) if row.possible_at is not None else ""
        for title, at, text in (
            ("Rotate", row.advised_at, f"It may be overdue from {possible}. {limit}"),
            ("Overdue:", row.provable_at, f"No evidence shows a rotation since. {limit}"),
        ):
            if at is not None and at > as_of:  # what is late already is in the report
                words = f"{title} {place.secret} ({place.environment}/{place.service})"
                identity = sha256("\0".join((project, *place, title)).encode("utf-8")).hexdigest()[:32]
                event = _component(
                    Event(),
                    dtstart=at.date(),
                    dtend=at.date() + DAY,
                    summary=words,
                    description=text,
                    transp="TRANSPARENT",
                    uid=f"{identity}@audit-lib",
                    dtstamp=as_of,
                )
                event.add_component(
                    _component(Alarm(), action="DISPLAY", trigger=timedelta(days=-7), description=words)
                )
                calendar.add_component(event)
    return str(calendar.to_ical(sorted=False), "utf-8")


def _component(component: Any, **properties: Any) -> Any:
    for name, value in properties.items():
        component.add(name, value)
    return component
