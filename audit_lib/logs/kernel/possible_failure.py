"""Compiled: whether a text that no message matches may speak of a failed login, and of whose."""

import numpy as np

from audit_lib.base.compiled.memory import (
    WIDTH,
    byte,
    eight,
    inlined,
    jit,
    marks_equal,
    put_eight,
    same,
    word,
)
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.match import find_text
from audit_lib.logs.kernel.runs import address_end, is_alphanumeric

MISS = layout.MISS
MOST_BETWEEN = 4
ROW = 16  # bytes of a word's row: its place and length
_SMALL = np.int64(0x2020202020202020)


@inlined
def words_of(frame, kind):
    """Where the rows of the words of a kind begin and end."""
    rows = word(frame, layout.WORDS)
    return rows + ROW * word(rows, 2 * kind + 2), rows + ROW * word(rows, 2 * kind + 3)


@jit
def may_be_about(frame, pos, end, kind):
    """Whether the head of one of the words of a kind stands in a text; most texts have none."""
    begin, stop = words_of(frame, layout.W_KINDS + kind)
    text = word(frame, layout.TEXT)
    while pos < end:
        marks = np.int64(0)
        for row in range(begin, stop, ROW):
            head, last = text + word(row, 0), word(row, 1) - 1
            second = min(last, 1)
            marks |= (
                marks_equal(pos, byte(head))
                & marks_equal(pos + second, byte(head + second))
                & marks_equal(pos + last, byte(head + last))
            )
        if marks:
            return True
        pos += WIDTH
    return False


@inlined
def is_about(frame, pos, end, kind):
    """Whether one of the words of a kind stands in a text."""
    if not may_be_about(frame, pos, end, kind):
        return False
    begin, stop = words_of(frame, kind)
    for row in range(begin, stop, ROW):
        if find_text(pos, end, word(frame, layout.TEXT) + word(row, 0), word(row, 1)) != MISS:
            return True
    return False


@inlined
def is_one_of(frame, pos, end, kind):
    """Whether a text is one of the words of a kind."""
    begin, stop = words_of(frame, kind)
    for row in range(begin, stop, ROW):
        size = word(row, 1)
        if end - pos == size and same(pos, word(frame, layout.TEXT) + word(row, 0), size):
            return True
    return False


@inlined
def in_small_letters(frame, pos, end):
    """Copies a text with small letters for capitals."""
    small = word(frame, layout.SCRATCH)
    for place in range(0, end - pos, 8):
        put_eight(small + place, eight(pos + place) | _SMALL)
    return small


@jit
def possible_number(frame, pos, end):
    """The number of the message of a possible login failure, or 0."""
    small = in_small_letters(frame, pos, end)
    stop = small + end - pos
    if not is_about(frame, small, stop, layout.W_ABOUT) or not is_about(frame, small, stop, layout.W_FAILING):
        return 0
    return word(word(frame, layout.WORDS), 0)


@jit
def client_span(frame, pos, end):
    """Where the address stands that follows the first of the words that stand before one."""
    text, small = word(frame, layout.TEXT), word(frame, layout.SCRATCH)
    stop = small + end - pos
    first, last = words_of(frame, layout.W_BEFORE)
    for row in range(first, last, ROW):
        at, size = small, word(row, 1)
        while True:
            after = find_text(at, stop, text + word(row, 0), size)
            if after == MISS:
                break
            begin = after - size
            if begin == small or not is_alphanumeric(byte(begin - 1)):
                host = behind_signs(pos + after - small, end)
                host_end = address_end(host, end) if host < end else MISS
                if host_end != MISS:
                    return host, host_end
            at = begin + 1
    return pos, pos


@inlined
def behind_signs(pos, end):
    """Past the signs, at most four, that may stand between a word and an address."""
    for _ in range(MOST_BETWEEN):
        value = byte(pos) if pos < end else 0
        space = value == 32 or value == 61 or value == 58 or value == 91 or value == 40  # =:[(
        pos += space or value == 39 or value == 34 or value == 60 or value == 64  # '"<@
    return pos
