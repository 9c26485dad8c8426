"""Instants and quarters, all UTC. Only the command line reads the clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from audit_lib.base.errors import BadInput

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SECOND, _LAST_SECOND = timedelta(seconds=1), time(23, 59, 59)
# Tools write the first or last instant of the calendar if they have none: Go's zero time is of the year 1.
_FIRST, _END = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
LAST = "8999-12-31T23:59:59Z"  # with which a decision for ever ends: 0.2.0 wrote the year 9999


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter, half-open: `start` belongs to it, `end` does not."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """The quarter that `2026Q3` names; `BadInput` for anything else."""
        found = re.fullmatch(r"(\d{4})Q([1-4])", text.strip())
        if not found or not 1970 <= int(found[1]) <= 9998:
            raise BadInput.at("quarter", "must have the form 2026Q3")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def containing(cls, instant: datetime) -> "Quarter":
        """The quarter of a UTC instant."""
        return cls(instant.year, (instant.month - 1) // 3 + 1)

    @classmethod
    def named(cls, text: str, as_of: datetime) -> "Quarter":
        """The quarter of a text, for "" the last one over; `BadInput` if it has not begun by then."""
        if not text:  # a quarter's own last second counts as over
            return cls.containing(cls.containing(as_of + _SECOND).start - _SECOND)
        quarter = cls.parse(text)
        BadInput.unless(quarter.start <= as_of, "quarter", f"{quarter} has not begun by {as_of:%Y-%m-%d}")
        return quarter

    @property
    def start(self) -> datetime:
        """The first instant of the quarter."""
        return datetime(self.year, 3 * self.number - 2, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the quarter."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1).start

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"


def parse_instant(text: str, place: str, zone: tzinfo = UTC, day: time = _LAST_SECOND) -> datetime:
    """The UTC instant that an ISO 8601 text names.

    A date alone is that time of its `day` in UTC: at the last second what happened on it is known. A time
    without a zone is one of `zone`: the first of two where the clocks went back. Raises `BadInput` for
    anything else, such as a zero time.
    """
    text = text.strip()
    try:
        instant = datetime.fromisoformat(text)
        instant = datetime.combine(instant, day, UTC) if _DAY.fullmatch(text) else instant
        instant = (instant.replace(tzinfo=zone) if instant.tzinfo is None else instant).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = _END
    BadInput.unless(
        _FIRST <= instant < _END, place, "must be a date or time such as 2026-09-30 or 2026-09-30T12:00:00Z"
    )
    return instant


def since_instant(text: str, now: datetime) -> datetime:
    """The instant that `15m`, `24h`, `7d` before now or an ISO 8601 text names; `BadInput` for others. A date
    alone is its first instant."""
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    since = parse_instant(text, "--since", day=time.min)
    BadInput.unless(since <= now, "--since", "is in the future")
    return since


def iso(instant: datetime) -> str:
    """`2026-09-30T23:59:59Z`: how every artefact writes an instant."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
