"""Compiled: where a raw line ends, which signs it holds, and the line without NULs and colours."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import byte, find_byte, inlined, jit, lowest, marks_of, put_byte, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decision_tree import HAS_BRACKET, HAS_QUOTE

WIDTH = 64  # so many bytes are looked at together
line_feeds, oddities = marks_of(b"\n", WIDTH), marks_of(b"\0\x1b\r", WIDTH)
quotes, brackets = marks_of(b'"', WIDTH), marks_of(b"[", WIDTH)


class LineEnd(NamedTuple):
    """Where a line ends, whether it may hold a NUL, an escape or a carriage return, and its shape."""

    end: int
    odd: bool
    shape: int


@inlined
def shape_by(quote, bracket):
    """The shape of a text, by whether it has the signs that many blocks need."""
    return (HAS_QUOTE if quote else 0) | (HAS_BRACKET if bracket else 0)


@jit
def shape_of(pos, end):
    """The shape of a text that is no whole line."""
    quote, bracket = np.int64(0), np.int64(0)
    while pos < end:
        seen = (np.int64(1) << (end - pos)) - 1 if end - pos < WIDTH else np.int64(-1)
        quote |= quotes(pos) & seen
        bracket |= brackets(pos) & seen
        pos += WIDTH
    return shape_by(quote, bracket)


@inlined
def line_at(pos, end):
    """The line at an address, which ends at the next line feed."""
    odd, quote, bracket = np.int64(0), np.int64(0), np.int64(0)
    while pos < end:
        ends = line_feeds(pos)
        before = (ends & -ends) - 1  # all, where no line feed is among them
        odd |= oddities(pos) & before
        quote |= quotes(pos) & before
        bracket |= brackets(pos) & before
        if ends:
            return LineEnd(min(end, pos + lowest(ends)), odd != 0, shape_by(quote, bracket))
        pos += WIDTH
    return LineEnd(end, odd != 0, shape_by(quote, bracket))


@jit
def tidy(frame, pos, stop):
    """The line without NULs and colours, from where to where; (0, 0) where it has any and is long."""
    if find_byte(pos, stop, 0) == stop and find_byte(pos, stop, 27) == stop:
        return pos, stop
    if stop - pos > layout.STRING_LIMIT:
        return 0, 0
    begin = word(frame, layout.CLEANED)
    return begin, begin + cleaned(pos, stop, begin)


@jit
def cleaned(pos, stop, begin):
    """Copies a line without NULs and colours; how many bytes are left."""
    out = begin
    while pos < stop:
        value = byte(pos)
        after = colour_end(pos, stop) if value == 27 else pos
        if after > pos:
            pos = after
            continue
        if value:
            put_byte(out, value)
            out += 1
        pos += 1
    return out - begin


@jit
def colour_end(pos, end):
    """The end of an escape sequence ESC [ … letter, NULs in it or not; `pos` where there is none."""
    at = past_nuls(pos + 1, end)
    if at >= end or byte(at) != 91:
        return pos
    at = past_nuls(at + 1, end)
    while at < end and 48 <= byte(at) <= 63:
        at = past_nuls(at + 1, end)
    while at < end and 32 <= byte(at) <= 47:
        at = past_nuls(at + 1, end)
    return at + 1 if at < end and 64 <= byte(at) <= 126 else pos


@jit
def past_nuls(pos, end):
    """The next byte that is no NUL."""
    while pos < end and byte(pos) == 0:
        pos += 1
    return pos
