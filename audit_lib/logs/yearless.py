"""Times without a year, as syslog writes them: which year is the file's, and whether that is open."""

from collections.abc import Callable

from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.units import DAY, NONE, YEARLESS

TAKEN = "its times carry no year; it was taken from the file's date"
OPEN = "its times carry no year, and the file's date leaves it open: no line has a time"
# A file that was written until its date ends near it; one that was copied later, with a new date, does not.
_MOST_SILENT = 32 * DAY
# A step back of this size is no clock's: the file spans more than a year.
_A_STEP = 32 * DAY


def read_with_year(read: Callable[[int | None], LogSums], written: int) -> tuple[LogSums, str]:
    """The sums of a file that was last written at `written`, and a remark if its times carry no year.

    If the year is open, the file is read again, and its lines have no time.
    """
    sums = read(written)
    if not sums.lacks & YEARLESS:
        return sums, ""
    return (read(None), OPEN) if _is_open(sums, written) else (sums, TAKEN)


def _is_open(sums: LogSums, written: int) -> bool:
    """Whether the file, last written at `written`, may be of another year than that of its date."""
    if sums.last == NONE or abs(written - sums.last) > _MOST_SILENT:
        return True
    is_step = sums.events["message"] == (
        sums.messages.index(CLOCK_SET_BACK) if CLOCK_SET_BACK in sums.messages else -1
    )
    steps = sums.events["not_after"][is_step] - sums.events["not_before"][is_step]
    return bool((steps > _A_STEP).any())
