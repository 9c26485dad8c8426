"""Writes a schedule as an iCalendar file (RFC 5545): all-day events with a reminder."""

from datetime import datetime, timedelta
from hashlib import sha256

import pandas as pd
from icalendar import Alarm, Calendar, Event

from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.ledger.timeline import SecretPlace

REMINDER = timedelta(days=-7)


def calendar_text(schedule: pd.DataFrame, project: str, as_of: datetime) -> str:
    """The calendar of a project's rotations, with CRLF line ends: the same for the same schedule.

    For each secret one event on the day by which to rotate it, and one on the day from which it is provably
    overdue. An event keeps its identity from one calendar to the next, so an import moves it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//audit-lib//rotation//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Rotations of {project}")
    for row in rows(schedule):
        place = SecretPlace.of(row)
        limit = f"The policy's {'limit' if row.period_stated else 'default'} is {row.max_age_days} days."
        events = (
            ("Rotate", row.advised_at, f"It may be overdue from {_day(row.possible_at)}. {limit}"),
            ("Overdue:", row.provable_at, f"No evidence shows a rotation since. {limit}"),
        )
        for title, at, text in events:
            if at is not None and at > as_of:  # what is late already is in the report
                event = _event(f"{title} {place.secret} ({place.environment}/{place.service})", at, text)
                event.add("uid", _identity(project, *place, title))
                event.add("dtstamp", as_of)
                calendar.add_component(event)
    return str(calendar.to_ical(sorted=False), "utf-8")


def _day(at: datetime | None) -> str:
    return "" if at is None else day_words(at)


def _identity(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8")).hexdigest()[:32] + "@audit-lib"


def _event(title: str, at: datetime, text: str) -> Event:
    event, alarm = Event(), Alarm()
    event.add("dtstart", at.date())
    event.add("dtend", at.date() + timedelta(days=1))
    event.add("summary", title)
    event.add("description", text)
    event.add("transp", "TRANSPARENT")
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", REMINDER)
    alarm.add("description", title)
    event.add_component(alarm)
    return event
