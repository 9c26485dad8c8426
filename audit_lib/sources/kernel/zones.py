"""Offsets of a time zone as a table, since the kernel cannot ask zoneinfo."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from audit_lib.sources.kernel.layout import Ints


@lru_cache(maxsize=32)
def zone_offsets(name: str) -> tuple[Ints, Ints]:
    """From which wall-clock second on which offset holds, 1970 to 2200, as the naive reader has it."""
    zone, start = ZoneInfo(name), datetime(1970, 1, 1)  # noqa: DTZ001  wall-clock time

    def offset(wall: int) -> int:
        local = (start + timedelta(seconds=wall)).replace(tzinfo=zone)
        return int((local.utcoffset() or timedelta()).total_seconds())

    first, last, step = 31_536_000, 7_258_032_000, 86_400
    starts, offsets = [-(1 << 62)], [offset(first)]
    if name in ("UTC", "Etc/UTC", "GMT"):
        return np.array(starts, np.int64), np.array(offsets, np.int64)
    for day in range(first, last, step):
        if offset(day + step) == offsets[-1]:
            continue
        low, high = day, day + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        starts.append(high)
        offsets.append(offset(high))
    return np.array(starts, np.int64), np.array(offsets, np.int64)
