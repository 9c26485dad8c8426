"""Compiled reading of JSON's plain values: text, numbers and words; AWAY for what is rare or wrong."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, lowest, marks_of, put_byte, put_eight
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.raw_line import cleaned

# Kinds of values. A text may hold escapes or bytes beyond ASCII.
TEXT_VALUE, NUMBER_VALUE, OTHER_VALUE = 1, 2, 3
ESCAPED, WIDE = 1, 2
WIDTH = 32  # so many bytes are looked at together
stops, highs = marks_of(b'"\\', WIDTH), marks_of(bytes(range(128, 256)), WIDTH)
backslashes = marks_of(b"\\", WIDTH)


@inlined
def skip_space(pos, end):
    """Past the white space of JSON."""
    while pos < end and (byte(pos) == 32 or byte(pos) == 9):
        pos += 1
    return pos


class Text(NamedTuple):
    """Where a text ends, at its quote, and what it holds (ESCAPED, WIDE)."""

    end: int
    holds: int


@jit
def text_at(pos, end):
    """The text that begins after a quote; its end is AWAY if it has none or holds what JSON does not know."""
    holds = 0
    while pos < end:
        marks, wide = stops(pos), highs(pos)
        if marks == 0:
            holds |= WIDE if wide else 0
            pos += WIDTH
            continue
        holds |= WIDE if wide & ((marks & -marks) - 1) else 0
        pos += lowest(marks)
        if pos >= end:
            break
        if byte(pos) == 34:
            return Text(pos, holds)
        holds |= ESCAPED
        size = escape_size(pos, end)
        if size == 0:
            break
        pos += size
    return Text(AWAY, holds)


@inlined
def escape_size(pos, end):
    """How many bytes an escape takes; 0 for one that JSON does not know."""
    value = byte(pos + 1) if pos + 1 < end else 0
    if value == 117:
        return 6 if hex_number(pos + 2, end) >= 0 else 0
    known = value == 34 or value == 92 or value == 47 or value == 98 or value == 102
    return 2 if known or value == 110 or value == 114 or value == 116 else 0


@jit
def hex_number(pos, end):
    """The number of four digits of base 16, or -1."""
    if end - pos < 4:
        return -1
    value = 0
    for i in range(4):
        digit = byte(pos + i)
        if 48 <= digit <= 57:
            digit -= 48
        elif 97 <= digit | 32 <= 102:
            digit = (digit | 32) - 87
        else:
            return -1
        value = value << 4 | digit
    return value


@inlined
def digits_end(pos, end):
    """Past the digits that stand there."""
    while pos < end and 48 <= byte(pos) <= 57:
        pos += 1
    return pos


@jit
def value_end(pos, end):
    """Kind and end of a plain value that is no text; AWAY for another, and for a word of Python alone."""
    if pos >= end:
        return 0, AWAY
    begin = pos + (byte(pos) == 45)
    if begin < end and 48 <= byte(begin) <= 57:
        at = digits_end(begin, end)
        if byte(begin) == 48 and at > begin + 1:
            return 0, AWAY
        if at + 1 < end and byte(at) == 46 and 48 <= byte(at + 1) <= 57:
            at = digits_end(at + 1, end)
        if at < end and byte(at) | 32 == 101:
            sign = at + 1 < end and (byte(at + 1) == 43 or byte(at + 1) == 45)
            after = digits_end(at + 1 + sign, end)
            if after == at + 1 + sign:
                return 0, AWAY
            at = after
        return NUMBER_VALUE, at
    name = 0
    for i in range(min(5, end - pos)):
        name = name << 8 | byte(pos + i)
    if name == 0x66616C7365:
        return OTHER_VALUE, pos + 5
    if end - pos == 4:
        name <<= 8
    if name >> 8 == 0x74727565 or name >> 8 == 0x6E756C6C:
        return OTHER_VALUE, pos + 4
    return 0, AWAY


@jit
def one_line(pos, end, inner, escaped, json):
    """Copies the line of a value's text to `inner`, without colours; its length, or AWAY for a rare one."""
    if end - pos > layout.STRING_LIMIT:
        return AWAY
    out, odd = inner, False
    while pos < end:
        marks = backslashes(pos) if escaped else np.int64(0)
        count = min(end - pos, lowest(marks) if marks else WIDTH)
        for place in range(0, WIDTH, 8):
            put_eight(out + place, eight(pos + place))
        pos, out = pos + count, out + count
        if marks and pos < end:
            value = byte(pos + 1)
            size = 2
            if value == 110 or value == 114 or value == 116:
                value, odd = (10 if value == 110 else 13 if value == 114 else 9), True
            elif value == 117 and json:
                value, size, odd = hex_number(pos + 2, end), 6, True
                if value > 127:
                    return AWAY
            elif value != 34 and value != 92 and value != 47:
                return AWAY
            put_byte(out, value)
            out, pos = out + 1, pos + size
    return tidied(inner, out) if odd else out - inner


@jit
def tidied(begin, end):
    """The length of a text without line ends and colours, in its place; AWAY if it is several lines."""
    while end > begin and byte(end - 1) == 10:
        end -= 1
    for at in range(begin, end):
        if byte(at) == 10:
            return AWAY
    end = begin + cleaned(begin, end, begin)
    while end > begin and byte(end - 1) == 13:
        end -= 1
    return end - begin
