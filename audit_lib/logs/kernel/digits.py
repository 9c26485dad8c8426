"""Compiled digits: numbers, days of the calendar, and times of a day with their fractions."""

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, lowest
from audit_lib.logs.units import NONE as NO_TIME

NONE = np.int64(NO_TIME)

_MONTHS = np.array(
    [int.from_bytes(name, "little") for name in b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()],
    np.int64,
)
_ZEROS, _SIXES = np.int64(0x3030303030303030), np.int64(0x0606060606060606)
_HIGH = np.int64(-0x0F0F0F0F0F0F0F10)  # the upper half of each byte


@jit
def number(pos, size):
    """The number of so many digits, or -1."""
    value = 0
    for i in range(size):
        digit = byte(pos + i) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@jit
def month(pos):
    """The month of three letters, or -1."""
    name = eight(pos) & 0xFFFFFF
    for place in range(12):
        if name == _MONTHS[place]:
            return place + 1
    return -1


@jit
def seconds(year, month_, day):
    """Seconds since 1970 at the beginning of a day; NONE for one that no calendar holds."""
    if year <= 1970 or year >= 2200 or month_ < 1 or month_ > 12 or day < 1:
        return NONE
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    longest = 31 - (month_ == 4 or month_ == 6 or month_ == 9 or month_ == 11)
    if month_ == 2:
        longest = 29 if leap else 28
    if day > longest:
        return NONE
    shifted = year - (month_ <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month_ + (-3 if month_ > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return days * 86400


@inlined
def digits_at(pos, zeros, wrong):
    """Eight bytes less `zeros`, one number each; -1 where one is none. `wrong` is 6 for a digit, else 15.

    A digit less "0" is at most 9, so that 6 more stays below 16; a mark less itself is 0, so that 15 does.
    """
    digits = eight(pos) ^ zeros
    if (digits | (digits + wrong)) & _HIGH:
        return -1
    return digits


@inlined
def clock_digits(pos):
    """The eight bytes of hh:mm:ss, each digit as its number; -1 for another shape."""
    return digits_at(pos, 0x30303A30303A3030, 0x06060F06060F0606)


@inlined
def clock_of(pos):
    """The seconds of a day at hh:mm:ss; -1 for another shape, and where no day has that time."""
    digits = clock_digits(pos)
    hour = (digits & 15) * 10 + (digits >> 8 & 15)
    minute = (digits >> 24 & 15) * 10 + (digits >> 32 & 15)
    second = (digits >> 48 & 15) * 10 + (digits >> 56)
    if digits < 0 or hour > 23 or minute > 59 or second > 59:
        return -1
    return hour * 3600 + minute * 60 + second


@jit
def fraction(pos, end, comma):
    """End and microseconds of an optional fraction of one to nine digits."""
    if pos + 1 >= end or not (byte(pos) == 46 or (comma and byte(pos) == 44)):
        return pos, 0
    digits = eight(pos + 1) ^ _ZEROS
    others = (digits | (digits + _SIXES)) & _HIGH
    count = min(end - pos - 1, lowest(others) >> 3 if others else 8)
    if count <= 0:
        return pos, 0
    at = pos + 1 + count
    if count == 8 and at < end and 48 <= byte(at) <= 57:
        at += 1
    # The first six digits, zeros for those that are missing; what follows is finer than microseconds.
    digits &= (np.int64(1) << (8 * min(count, 6))) - 1
    pairs = digits * 10 + (digits >> 8)
    return at, (pairs & 255) * 10000 + (pairs >> 16 & 255) * 100 + (pairs >> 32 & 255)
