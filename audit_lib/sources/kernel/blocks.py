"""Compiled choice of a block: the first one of a phase that matches, with as little looking as can be."""

from typing import NamedTuple

import numpy as np

from audit_lib.sources.kernel.layout import (
    ANY_LEAD,
    BLOCK,
    BLOCKS,
    CANDIDATES,
    CAPTURED,
    CAPTURES,
    FROM,
    LEAD,
    LEAD_BITS,
    LEAD_TURN,
    NEXT,
    NEXT_MASK,
    OPS,
    ORDER,
    PHASES,
    RUN_LEAD,
    SHARED,
    TIME_AT,
    TIME_LEAD,
    TO,
    TRIED_AT,
)
from audit_lib.sources.kernel.match import match, run_end
from audit_lib.sources.kernel.memory import byte, eight, inlined, jit, put, word
from audit_lib.sources.kernel.times import MISS, NONE, iso_time

_ROW = 8 * BLOCK


class Match(NamedTuple):
    """The address of a block, and where its match ends: MISS for none, AWAY where a pattern decides."""

    block: int
    end: int


@jit
def first_match(frame, phase, pos, end):
    """The first block of a phase that matches at an address, its captures beside."""
    if pos >= end:
        return Match(np.int64(0), MISS)
    first = byte(pos)
    if 48 <= first <= 57 and iso_time(frame, pos, end, word(frame, CAPTURES)) != MISS:
        phase += PHASES
    place = word(frame, CANDIDATES) + 16 * (256 * phase + first)
    order = word(frame, ORDER) + 8 * word(place, 0)
    before, tried = np.int64(0), np.int64(0)
    for candidate in range(order, order + 8 * word(place, 1), 8):
        block = word(frame, BLOCKS) + _ROW * word(candidate, 0)
        # It begins as the block before does, which failed within that beginning.
        fails = before == block - _ROW and tried < word(block, SHARED)
        before = block
        if fails:
            continue
        tried = np.int64(1)
        if fits(frame, block, pos, end):
            after = match(frame, pos, end, word(block, FROM), word(block, TO))
            if after != MISS:
                captured(frame, block)
                return Match(block, after)
            tried = (word(word(frame, CAPTURES), TRIED_AT) - word(frame, OPS)) // 40 - word(block, FROM)
    return Match(np.int64(0), MISS)


@inlined
def fits(frame, block, pos, end):
    """Whether a block can match here, by how it begins; it may still not."""
    lead = word(block, LEAD)
    if lead == ANY_LEAD:
        return True
    if lead == TIME_LEAD:
        pos = iso_time(frame, pos, end, word(frame, CAPTURES))
        if pos == MISS:
            return False
    elif lead == RUN_LEAD:
        pos = run_end(frame, pos, end, word(block, LEAD_BITS), word(block, LEAD_TURN))
    return (eight(pos) ^ word(block, NEXT)) & word(block, NEXT_MASK) == 0


@inlined
def captured(frame, block):
    """Forgets the captures that a block that matches does not fill: blocks before left theirs."""
    caps, bits = word(frame, CAPTURES), word(block, CAPTURED)
    if not bits & 1:
        put(caps, TIME_AT, NONE)
    for capture in range(1, 6):
        if not bits >> capture & 1:
            put(caps, 2 * capture, 0)
            put(caps, 2 * capture + 1, 0)
