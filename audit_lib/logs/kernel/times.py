"""Compiled times: the four shapes in which logs write them, as microseconds since 1970 UTC."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, put, word
from audit_lib.logs import units
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.digits import (
    NONE,
    clock_digits,
    clock_of,
    digits_at,
    fraction,
    month,
    number,
    seconds,
)
from audit_lib.logs.kernel.runs import is_alphanumeric

MISS = np.int64(layout.MISS)
WHOLE, _ZONELESS, _YEARLESS = map(np.int64, (units.WHOLE, units.ZONELESS, units.YEARLESS))
_MARKS = np.int64(-0x00FFFF0100000000)  # the bytes of a date's marks
# Places of the memo: the ten bytes of a date, and its seconds.
_START, _REST, _MIDNIGHT = range(3)
_UTC = int.from_bytes(b" UTC", "little")


@jit
def zone_of(pos, end, colon):
    """End of an optional zone and its seconds; NONE where there is none."""
    if colon and pos < end and byte(pos) == 90:
        return pos + 1, 0
    is_utc = end - pos >= 4 and eight(pos) & 0xFFFFFFFF == _UTC
    if is_utc and (end - pos == 4 or not is_alphanumeric(byte(pos + 4))):
        return pos + 4, 0
    at = pos + (pos < end and byte(pos) == 32)
    if (not colon and at == pos) or at + 4 >= end or (byte(at) != 43 and byte(at) != 45):
        return pos, NONE
    hours = number(at + 1, 2)
    middle = at + 3 + (colon and byte(at + 3) == 58)
    if hours < 0 or middle + 1 >= end:
        return pos, NONE
    minutes = number(middle, 2)
    if minutes < 0:
        return pos, NONE
    offset = hours * 3600 + minutes * 60
    return middle + 2, (-offset if byte(at) == 45 else offset)


@jit
def instant(frame, wall, micros, offset):
    """Microseconds since 1970 UTC of a wall-clock time, whose zone is the source's where it has none."""
    if offset == NONE:
        starts = word(frame, layout.ZONE_FROM)
        low, high = 0, word(frame, layout.ARRAYS + layout.ZONE_FROM)
        while high - low > 1:
            middle = (low + high) // 2
            if word(starts, middle) <= wall:
                low = middle
            else:
                high = middle
        offset = word(word(frame, layout.ZONE_OFFSET), low)
    return (wall - offset) * 1_000_000 + micros


@jit
def is_name(pos):
    """One capital and two small letters, as months and days are written."""
    return 65 <= byte(pos) <= 90 and 97 <= byte(pos + 1) <= 122 and 97 <= byte(pos + 2) <= 122


@jit
def date_of(memo, pos, mark):
    """Seconds since 1970 at the beginning of a day like 2026-11-24, or NONE; the date before is known."""
    start, rest = eight(pos), eight(pos + 8) & 0xFFFF
    if start == word(memo, _START) and rest == word(memo, _REST):
        return word(memo, _MIDNIGHT)
    # 2026-11- with its marks, which are the same; then 24.
    digits = digits_at(pos, 0x3030303030303030 & ~_MARKS | mark << 32 | mark << 56, 0x0F06060F06060606)
    if digits < 0:
        return NONE
    year = (digits & 15) * 1000 + (digits >> 8 & 15) * 100 + (digits >> 16 & 15) * 10 + (digits >> 24 & 15)
    month_ = (digits >> 40 & 15) * 10 + (digits >> 48 & 15)
    midnight = seconds(year, month_, number(pos + 8, 2))
    if midnight != NONE:
        put(memo, _START, start)
        put(memo, _REST, rest)
        put(memo, _MIDNIGHT, midnight)
    return midnight


class Time(NamedTuple):
    """Where a time ends (MISS: there is none), its instant (NONE: it names none), and what it lacks."""

    end: int
    at: int
    lacks: int


@inlined
def lacks_zone(offset):
    """What a time lacks, by the offset that it names."""
    return _ZONELESS if offset == NONE else WHOLE


@inlined
def no_time():
    """There is none."""
    return Time(MISS, NONE, WHOLE)


@jit
def iso_time(frame, pos, end):
    """2026-11-24 13:50:34,640 and the like."""
    if end - pos < 19:
        return no_time()
    mark, between = byte(pos + 4), byte(pos + 10)
    if (mark != 45 and mark != 47) or byte(pos + 7) != mark or (between != 84 and between != 32):
        return no_time()
    at = pos + 11
    if byte(at) == 45 and byte(at + 1) == 32 and end - pos >= 21 and between == 32:  # 2026/11/24 - 13:50:34
        at += 2
    midnight, clock = date_of(word(frame, layout.MEMO), pos, mark), clock_of(at)
    if midnight == NONE or clock < 0:
        return no_time()
    at, micros = fraction(at + 8, end, True)
    at, offset = zone_of(at, end, True)
    return Time(at, instant(frame, midnight + clock, micros, offset), lacks_zone(offset))


@jit
def clf_time(frame, pos, end):
    """24/Nov/2026:13:50:34 +0000."""
    wall = clf_seconds(pos, 2, end)
    if wall == NONE:
        return no_time()
    at, micros = fraction(pos + 20, end, False)
    at, offset = zone_of(at, end, False)
    return Time(at, instant(frame, wall, micros, offset), lacks_zone(offset))


@jit
def clf_seconds(pos, digits, end):
    """Seconds since 1970 at 24/Nov/2026:13:50:34, whose day has so many digits; NONE for another shape."""
    day = pos + digits
    mark, between = byte(day), byte(day + 9)
    if end - day < 18 or byte(day + 4) != mark or (between != 58 and between != 32):
        return NONE
    if mark != 47 and mark != 45 and mark != 32:
        return NONE
    midnight, clock = seconds(number(day + 5, 4), month(day + 1), number(pos, digits)), clock_of(day + 10)
    return NONE if midnight == NONE or clock < 0 else midnight + clock


@jit
def short_time(frame, pos, end):
    """4/Nov/2026:13:50:34, without a fraction or a zone behind it."""
    wall, after = clf_seconds(pos, 1, end), pos + 19
    if wall == NONE or (after < end and (48 <= byte(after) <= 57 or byte(after) == 46)):
        return no_time()
    return Time(after, instant(frame, wall, 0, NONE), _ZONELESS)


@jit
def asctime(frame, pos, end):
    """Tue Nov 24 13:50:34 2026."""
    at = syslog_end(pos + 4, end)
    if end - pos < 4 or at == MISS or not is_name(pos) or byte(pos + 3) != 32:
        return no_time()
    day, clock = day_of_month(pos + 8), clock_of(at - 8)
    at, micros = fraction(at, end, False)
    if end - at < 5 or byte(at) != 32:
        return no_time()
    midnight = seconds(number(at + 1, 4), month(pos + 4), day)
    if midnight == NONE or clock < 0:
        return no_time()
    return Time(at + 5, instant(frame, midnight + clock, micros, NONE), _ZONELESS)


@jit
def dated_time(frame, pos, end):
    """Nov 24 2026 13:50:34, as devices write it that tell the year."""
    day = day_of_month(pos + 4)
    year = pos + 7 - (byte(pos + 5) == 32)
    if (
        end - year < 13
        or not is_name(pos)
        or byte(pos + 3) != 32
        or byte(year - 1) != 32
        or byte(year + 4) != 32
    ):
        return no_time()
    midnight, clock = seconds(number(year, 4), month(pos), day), clock_of(year + 5)
    if midnight == NONE or clock < 0:
        return no_time()
    at, micros = fraction(year + 13, end, False)
    return Time(at, instant(frame, midnight + clock, micros, NONE), _ZONELESS)


@jit
def syslog_time(frame, pos, end):
    """Nov 24 13:50:34, of the latest year in which it is not later than the file; else no instant."""
    after, settings = syslog_end(pos, end), word(frame, layout.SETTING)
    latest = word(settings, layout.LATEST)
    if after == MISS or latest == NONE:
        return Time(after, NONE, WHOLE)
    day, clock, year = day_of_month(pos + 4), clock_of(after - 8), word(settings, layout.YEAR)
    for candidate in range(year, year - 2, -1):
        midnight = seconds(candidate, month(pos), day)
        if midnight != NONE and clock >= 0:
            at = instant(frame, midnight + clock, 0, NONE)
            if at <= latest:
                return Time(after, at, _ZONELESS | _YEARLESS)
    return Time(after, NONE, WHOLE)


@jit
def syslog_end(pos, end):
    """The end of Nov 24 13:50:34, or of Nov 4 13:50:34 with one space or two, or MISS."""
    if end - pos < 14 or not is_name(pos) or byte(pos + 3) != 32:
        return MISS
    clock = pos + 7 - (byte(pos + 5) == 32)
    if end - clock < 8 or byte(clock - 1) != 32:
        return MISS
    return clock + 8 if day_of_month(pos + 4) >= 0 and clock_digits(clock) >= 0 else MISS


@jit
def day_of_month(pos):
    """The number of two digits, of a space and one, or of one before a space; -1 for anything else."""
    if byte(pos + 1) == 32:
        return number(pos, 1)
    return number(pos + 1, 1) if byte(pos) == 32 else number(pos, 2)
