"""Compares two contents: which parts of each are not in the other. Compiled: see base/compiled.

A part of the new one that is equal to one of the old, in the same order, is left out if it is long: what is
short would be searched for the sake of what stands around it. It is not always the smallest difference, and
never says that something is equal that is not.
"""

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, put, word
from audit_lib.leaks.changed_parts import (
    MOST_PARTS,
    NEW,
    NEW_PARTS,
    NEW_SIZE,
    OLD,
    OLD_PARTS,
    OLD_SIZE,
    REACH,
    TABLE,
    TABLE_BITS,
)

_LEAST = 256  # bytes of an equal part that counts
_STEP = 32  # bytes from one place of the old content that is noted to the next
_KEY = 16  # bytes by which a place is noted
_MIX = np.int64(-7046029254386353131)  # the golden ratio in 64 bits: spreads what is alike
_LINE_END = 10


@jit
def entry(task, unused):
    """Writes the parts of both that differ, with their surroundings; how many: the old one's times 2**32."""
    new, new_size = word(task, NEW), word(task, NEW_SIZE)
    old, old_size = word(task, OLD), word(task, OLD_SIZE)
    least = min(new_size, old_size)
    start = _equal_after(new, old, least)
    after = _equal_before(new + new_size, old + old_size, least - start)
    new_end, old_end = new_size - after, old_size - after
    old_start, counts = start, np.int64(0)
    if min(new_end, old_end) - start > 2 * _LEAST:
        shift = _note_places(task, old, start, old_end)
        at = start
        while at + _KEY <= new_end and max(counts & 0xFFFFFFFF, counts >> 32) < MOST_PARTS - 1:
            place = word(word(task, TABLE), _slot(new + at, shift))
            if place < old_start or place >= old_end or eight(new + at) != eight(old + place):
                at += _ahead(at - start)
                continue
            length = _equal_after(new + at, old + place, min(new_end - at, old_end - place))
            before = _equal_before(new + at, old + place, min(at - start, place - old_start))
            if before + length < _LEAST:
                at += _ahead(at - start)
                continue
            counts = _differs(task, counts, (start, at - before), (old_start, place - before))
            at += length
            start, old_start = at, place + length
    return _differs(task, counts, (start, new_end), (old_start, old_end))


@inlined
def _ahead(unequal):
    """How far to the next place that is looked at: the more differs, the less of it is looked at."""
    return 1 + min(unequal >> 10, 15)


@jit
def _differs(task, counts, new, old):
    """Adds a part of each content to those that differ; returns how many there are."""
    of_new = _add(task, NEW, word(task, NEW_PARTS), counts & 0xFFFFFFFF, new)
    of_old = _add(task, OLD, word(task, OLD_PARTS), counts >> 32, old)
    return of_new | (of_old << 32)


@jit
def _add(task, which, parts, count, part):
    """Adds a part of one of the contents, its lines and what stands around them; returns how many there are.

    Such as touch the last one join it. A line is looked through once, however often it is met.
    """
    content, size, reach = word(task, which), word(task, which + 1), word(task, REACH)
    last_end = word(parts, 2 * count - 1) if count else np.int64(0)
    if count and part[1] <= word(parts, 2 * MOST_PARTS):
        return count
    line_end = _line_end(content, part[1], size)
    put(parts, 2 * MOST_PARTS, line_end)
    start = part[0]
    if start > last_end:
        start = max(_line_start(content, start, last_end) - reach, last_end)
        start = _line_start(content, start, last_end)
    if count and start <= last_end + 1:
        count -= 1
    else:
        put(parts, 2 * count, start)
    put(parts, 2 * count + 1, _line_end(content, min(line_end + reach, size), size))
    return count + 1


@inlined
def _line_start(content, at, least):
    while at > least and byte(content + at - 1) != _LINE_END:
        at -= 1
    return at


@inlined
def _line_end(content, at, size):
    while at < size and byte(content + at) != _LINE_END:
        at += 1
    return at


@inlined
def _note_places(task, old, start, end):
    """Notes where the old content is, by what stands there; returns by how much a key is shifted."""
    table, bits = word(task, TABLE), np.int64(8)
    while bits < word(task, TABLE_BITS) and (1 << bits) < 2 * ((end - start) // _STEP):
        bits += 1
    for slot in range(1 << bits):
        put(table, slot, -1)
    # From the end: of places that look alike the first one counts.
    at = start + (end - _KEY - start) // _STEP * _STEP
    while at >= start:
        put(table, _slot(old + at, 64 - bits), at)
        at -= _STEP
    return 64 - bits


@inlined
def _slot(at, shift):
    key = (eight(at) ^ (eight(at + 8) * _MIX)) * _MIX
    return np.int64(np.uint64(key) >> np.uint64(shift))


@inlined
def _equal_after(one, other, most):
    """How many bytes from two addresses on are equal."""
    at = 0
    while at + 8 <= most and eight(one + at) == eight(other + at):
        at += 8
    while at < most and byte(one + at) == byte(other + at):
        at += 1
    return at


@inlined
def _equal_before(one, other, most):
    """How many bytes before two addresses are equal."""
    at = 0
    while at + 8 <= most and eight(one - at - 8) == eight(other - at - 8):
        at += 8
    while at < most and byte(one - at - 1) == byte(other - at - 1):
        at += 1
    return at
