"""What both readers of logs count in: arrays, instants in microseconds, and a limit they share."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

NONE = -(1 << 62)  # no instant
# What a time has not of its own, so that it is taken from elsewhere.
WHOLE, ZONELESS, YEARLESS = 0, 1, 2
DAY = 86_400_000_000
MINUTE = 60_000_000
MOST_STEPS = 100  # of a clock, in a file: one whose lines are in no order would have as many as lines
# A line beyond this is no log line: it is counted as not understood, and never held whole.
LINE_LIMIT = 1 << 20
# Of a structured line: bytes of an event's name, and of what stands behind a text. Longer ones tell nothing.
LONGEST_NAME, LONGEST_CAUSE = 64, 600


def micros_of(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - EPOCH) // timedelta(microseconds=1)
