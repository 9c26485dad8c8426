"""Compiled matching of one template against bytes: the operations of program.py, one after another."""

import numpy as np

from audit_lib.sources.kernel.classes import BITS
from audit_lib.sources.kernel.layout import CAPTURES, CLASSES, MEMO, OPS, STATUS_AT, TEXT, TRIED_AT
from audit_lib.sources.kernel.memory import (
    byte,
    eight,
    equal,
    find_byte,
    inlined,
    jit,
    lowest,
    put,
    same,
    word,
)
from audit_lib.sources.kernel.times import MISS, NONE, clf_time, iso_time, named_time, number
from audit_lib.sources.templates import LEVELS

__all__ = ["AWAY", "MISS", "NONE", "forget", "match", "run_end"]

AWAY = np.int64(-2)  # neither a match nor none: the naive reader decides

# The names of levels as numbers, with the mask of their bytes and their lengths.
_LEVELS = np.array(
    [
        [
            int.from_bytes(part.ljust(8, b"\0"), "little", signed=True)
            for part in (level, b"\xff" * len(level))
        ]
        + [len(level)]
        for level in LEVELS
    ],
    np.int64,
)
# Places of the memo, behind those of times.py: of runs of a class address and end, by turns.
_RUN_SEEN = 3
_PEER, _WORD = np.int64(BITS["peer"]), np.int64(BITS["word"])
MEMOS = 3 + 2 * 16


@jit
def forget(frame):
    """Clears the memo: the bytes at an address are others now."""
    memo = word(frame, MEMO)
    for place in range(MEMOS):
        put(memo, place, 0)


@jit
def level_end(pos, end):
    """The end of a level's name, or MISS."""
    text = eight(pos)
    for row in range(len(_LEVELS)):
        if text & _LEVELS[row, 1] == _LEVELS[row, 0]:
            at = pos + _LEVELS[row, 2]
            if at <= end and (at == end or byte(at) < 65 or byte(at) > 90):
                return at
    return MISS


@inlined
def class_end(frame, pos, end, bits):
    """Where a run of a class ends. Those that end at few bytes are looked at eight bytes at a time."""
    if bits in (_PEER, _WORD):
        while pos < end:
            bytes_ = eight(pos)
            stops = equal(bytes_, 32) | equal(bytes_, 34)
            if bits == _WORD:
                stops |= equal(bytes_, 91) | equal(bytes_, 93)
            if stops:
                return min(end, pos + (lowest(stops) >> 3))
            pos += 8
        return end
    classes = word(frame, CLASSES)
    while pos < end and word(classes, byte(pos)) & bits:
        pos += 1
    return pos


@jit
def run_end(frame, pos, end, bits, turn):
    """Where a run of a class ends; what was found at the same address before is at its `turn` in the memo."""
    place = word(frame, MEMO) + 8 * _RUN_SEEN + 16 * turn
    if word(place, 0) == pos:
        return word(place, 1)
    at = class_end(frame, pos, end, bits)
    put(place, 0, pos)
    put(place, 1, at)
    return at


@jit
def status_end(pos, end, caps):
    """The end of a status, which is among the captures, or MISS."""
    status = number(pos, 3) if end - pos >= 3 else -1
    if status < 100 or status >= 600 or (end - pos > 3 and 48 <= byte(pos + 3) <= 57):
        return MISS
    put(caps, STATUS_AT, status)
    return pos + 3


@jit
def find_text(frame, pos, end, at, size):
    """The end of the first place of a literal, or MISS."""
    text = word(frame, TEXT) + at
    first = byte(text)
    pos = find_byte(pos, end, first)
    while pos + size <= end:
        if same(pos, text, size):
            return pos + size
        pos = find_byte(pos + 1, end, first)
    return MISS


@jit
def match(frame, pos, end, first, last):
    """Where a block's match ends, captures beside; MISS (at the operation tried last), or AWAY."""
    caps, text = word(frame, CAPTURES), word(frame, TEXT)
    for row in range(word(frame, OPS) + 40 * first, word(frame, OPS) + 40 * last, 40):
        put(caps, TRIED_AT, row)
        code, one, two, three = word(row, 0), word(row, 1), word(row, 2), word(row, 3)
        if code == 0:  # the literal at `one`, `two` bytes long
            if end - pos < two or not same(pos, text + one, two):
                return MISS
            pos += two
        elif code == 1:  # all bytes of class `one`, at least `two`, into capture `three`
            start = pos
            if row == word(frame, OPS) + 40 * first:
                pos = run_end(frame, pos, end, one, word(row, 4))
            else:
                pos = class_end(frame, pos, end, one)
            if pos - start < two:
                return MISS
            put(caps, 2 * three, start)
            put(caps, 2 * three + 1, pos)
        elif code == 2:  # a time of kind `one`
            if one == 0:
                pos = iso_time(frame, pos, end, caps)
            elif one == 1:
                pos = clf_time(frame, pos, end, caps)
            else:
                pos = named_time(frame, pos, end, caps, one == 2)
            if pos == MISS:
                return MISS
        elif code == 3:  # a level
            pos = level_end(pos, end)
            if pos == MISS:
                return MISS
        elif code == 4:  # a status
            pos = status_end(pos, end, caps)
            if pos == MISS:
                return MISS
        elif code == 5:  # one byte of class `one`, then of class `two`, as many as `three` allows
            if pos >= end or not word(word(frame, CLASSES), byte(pos)) & one:
                return MISS
            start = pos
            pos = class_end(frame, pos + 1, end, two)
            if not three & 255 <= pos - start - 1 <= three >> 8:
                return MISS
            capture = 2 * word(row, 4)
            put(caps, capture, start)
            put(caps, capture + 1, pos)
        elif code == 6:  # the first place of the literal at `one`
            pos = find_text(frame, pos, end, one, two)
            if pos == MISS:
                return MISS
        elif code == 7:  # anything to the end
            pos = end
        elif code == 8:  # the end, or a space (unless `one`) and anything
            if pos < end and (one or byte(pos) != 32):
                return MISS
            pos = end
        else:
            return AWAY
    return pos
