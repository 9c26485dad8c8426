"""Builds the frames of the logs from the sums of their files."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pandas as pd

from audit_lib.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.sources.log_tally import Tally

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FileTally(NamedTuple):
    """The sums of one file, with its path."""

    source: str
    tally: Tally


def counts_frame(tallies: Iterable[FileTally]) -> pd.DataFrame:
    """LogCounts: one row for each group of requests and messages of each file; notices are no part of it."""
    rows = [
        {"source": source, **group._asdict(), "count": pair[0], "untimed": pair[1]}
        for source, tally in tallies
        for group, pair in tally.counts.items()
    ]
    frame = pd.DataFrame(rows, columns=list(LogCounts.to_schema().columns))
    keys = ["source", "day", "kind", "status", "client", "method", "route"]
    return LogCounts.checked(frame.sort_values(keys, kind="stable"))


def events_frame(tallies: Iterable[FileTally]) -> pd.DataFrame:
    """LogEvents: one row for each failed request and each message, in the order of file and line."""
    rows = [
        {
            "source": source,
            "line": event.line,
            "at": _instant(event.at),
            "not_before_at": _instant(event.not_before),
            "not_after_at": _instant(event.not_after),
            "day": event.day,
            "kind": event.sighting.kind,
            "message": event.sighting.message,
            "status": event.sighting.status,
            "client": event.sighting.client,
            "method": event.sighting.method,
            "route": event.sighting.route,
            "subject": event.sighting.subject,
        }
        for source, tally in tallies
        for event in tally.events
    ]
    frame = pd.DataFrame(rows, columns=list(LogEvents.to_schema().columns))
    return LogEvents.checked(frame.sort_values(["source", "line", "message"], kind="stable"))


def minutes_frame(tallies: Iterable[FileTally]) -> pd.DataFrame:
    """LogMinutes: one row for each minute, status, client, method and route of the requests with a time."""
    rows = [
        {
            "source": source,
            "minute_at": _EPOCH + timedelta(minutes=moment.minute),
            "status": moment.status,
            "client": moment.client,
            "method": moment.method,
            "route": moment.route,
            "count": count,
        }
        for source, tally in tallies
        for moment, count in tally.moments.items()
    ]
    columns = list(LogMinutes.to_schema().columns)
    return LogMinutes.checked(pd.DataFrame(rows, columns=columns).sort_values(columns[:-1], kind="stable"))


def _instant(at: int | None) -> datetime | None:
    return None if at is None else _EPOCH + timedelta(microseconds=at)
