"""Compiled reading of JSON's plain values: text, numbers and words; AWAY for what is rare or wrong."""

from typing import NamedTuple

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.memory import byte, eight, inlined, jit, lowest, marks_of, put_byte, put_eight

TEXT_VALUE, NUMBER_VALUE, OTHER_VALUE, ESCAPED_VALUE = 1, 2, 3, 4
WIDTH = 32  # so many bytes are looked at together
notable = marks_of(b'"\\' + bytes(range(128, 256)), WIDTH)
escapes = marks_of(b"\\" + bytes(range(32)), WIDTH)


@inlined
def skip_space(pos, end):
    """Past the white space of JSON."""
    while pos < end and (byte(pos) == 32 or byte(pos) == 9):
        pos += 1
    return pos


class Text(NamedTuple):
    """Where a text ends, at its quote, and whether it holds an escape; AWAY for a byte beyond ASCII."""

    end: int
    escaped: bool


@jit
def text_at(pos, end):
    """The text that begins after a quote; AWAY, too, for a rare escape."""
    escaped = False
    while pos < end:
        marks = notable(pos)
        if marks == 0:
            pos += WIDTH
            continue
        pos += lowest(marks)
        if pos >= end or byte(pos) >= 128:
            return Text(AWAY, escaped)
        if byte(pos) == 34:
            return Text(pos, escaped)
        escaped, pos = True, pos + 1
        if pos >= end or not (byte(pos) == 34 or byte(pos) == 92 or byte(pos) == 47):
            return Text(AWAY, escaped)
        pos += 1
    return Text(AWAY, escaped)


@jit
def value_end(pos, end):
    """Kind and end of a plain value: text, a number without exponent, true, false, null; AWAY for another."""
    if pos >= end:
        return 0, AWAY
    value = byte(pos)
    if value == 34:
        text = text_at(pos + 1, end)
        return (ESCAPED_VALUE if text.escaped else TEXT_VALUE), text.end
    if 48 <= value <= 57:
        at = pos + 1
        while at < end and 48 <= byte(at) <= 57:
            at += 1
        if (value == 48 and at > pos + 1) or at - pos > 18:
            return 0, AWAY
        if at + 1 < end and byte(at) == 46 and 48 <= byte(at + 1) <= 57:
            at += 1
            while at < end and 48 <= byte(at) <= 57:
                at += 1
        if at < end and (byte(at) == 46 or byte(at) == 69 or byte(at) == 101):
            return 0, AWAY
        return NUMBER_VALUE, at
    name = 0
    for i in range(min(5, end - pos)):
        name = name << 8 | byte(pos + i)
    if name >> 8 == 0x74727565 or name >> 8 == 0x6E756C6C:
        return OTHER_VALUE, pos + 4
    if name == 0x66616C7365:
        return OTHER_VALUE, pos + 5
    return 0, AWAY


@jit
def unescape(pos, end, inner):
    """The text of a value, in `inner`; its length, or AWAY where it is too long or holds a control byte."""
    if end - pos > layout.STRING_LIMIT:
        return AWAY
    out = inner
    while pos < end:
        marks = escapes(pos)
        count = min(end - pos, lowest(marks) if marks else WIDTH)
        for place in range(0, WIDTH, 8):
            put_eight(out + place, eight(pos + place))
        pos, out = pos + count, out + count
        if pos < end and marks:
            if byte(pos) != 92:
                return AWAY
            put_byte(out, byte(pos + 1))
            out, pos = out + 1, pos + 2
    return out - inner
