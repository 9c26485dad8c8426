"""Compiled tables of the kernel: strings by number, groups by key. They never grow within a call."""

import numpy as np

from audit_lib.logs.kernel.memory import byte, eight, inlined, jit, put, put_byte, same, word
from audit_lib.logs.kernel.shared_arrays import (
    ARENA,
    ARRAYS,
    G_COUNT,
    G_MARK,
    G_ONE,
    G_SIZE,
    G_TWO,
    GROUPS,
    HEADS,
    SLOTS,
    STARTS,
    STRINGS,
)


@inlined
def mixed(one, two):
    """A hash of two numbers, each of whose bits moves each of its own (the finalizer of MurmurHash3)."""
    value = np.uint64(one) ^ (np.uint64(two) * np.uint64(0x9E3779B97F4A7C15))
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64((value ^ (value >> np.uint64(33))) & np.uint64(0x7FFFFFFFFFFFFFFF))


@inlined
def hash_of(pos, size):
    """A hash of bytes."""
    value = size
    while size >= 8:
        value = mixed(eight(pos), value)
        pos, size = pos + 8, size - 8
    return mixed(eight(pos) & ~(np.int64(-1) << (8 * size)), value)


@jit
def number_of(frame, pos, end):
    """The number of the string at an address, which is added if it is new."""
    size = end - pos
    if size <= 0:
        return 0
    slots, starts, arena = word(frame, SLOTS), word(frame, STARTS), word(frame, ARENA)
    mask = word(frame, ARRAYS + SLOTS) - 1
    slot = hash_of(pos, size) & mask
    number = word(slots, slot)
    while number:
        at = word(starts, number)
        if word(starts, number + 1) - at == size and same(pos, arena + at, size):
            return number
        slot = (slot + 1) & mask
        number = word(slots, slot)
    number = word(word(frame, STRINGS), 0) + 1
    put(word(frame, STRINGS), 0, number)
    put(slots, slot, number)
    at = word(starts, number)
    for i in range(size):
        put_byte(arena + at + i, byte(pos + i))
    put(starts, number + 1, at + size)
    return number


@jit
def add(frame, table, one, two, count, mark):
    """Adds to the count of a key, which is given the mark if it is new."""
    ones, twos, counts = word(frame, table + G_ONE), word(frame, table + G_TWO), word(frame, table + G_COUNT)
    mask = word(frame, ARRAYS + table) - 1
    slot = mixed(one, two) & mask
    while word(counts, slot):
        if word(ones, slot) == one and word(twos, slot) == two:
            put(counts, slot, word(counts, slot) + count)
            return
        slot = (slot + 1) & mask
    put(ones, slot, one)
    put(twos, slot, two)
    put(counts, slot, count)
    put(word(frame, table + G_MARK), slot, mark)
    size = word(frame, table + G_SIZE)
    put(size, 0, word(size, 0) + 1)


@jit
def refill(frame):
    """Copies the groups into those that stand in the place of the heads."""
    ones, twos = word(frame, GROUPS + G_ONE), word(frame, GROUPS + G_TWO)
    counts, marks = word(frame, GROUPS + G_COUNT), word(frame, GROUPS + G_MARK)
    for slot in range(word(frame, ARRAYS + GROUPS)):
        count = word(counts, slot)
        if count:
            add(frame, HEADS, word(ones, slot), word(twos, slot), count, word(marks, slot))


@jit
def relink(frame):
    """Puts the numbers of all strings into the slots, which are empty."""
    slots, starts, arena = word(frame, SLOTS), word(frame, STARTS), word(frame, ARENA)
    mask = word(frame, ARRAYS + SLOTS) - 1
    for number in range(1, word(word(frame, STRINGS), 0) + 1):
        at = word(starts, number)
        slot = hash_of(arena + at, word(starts, number + 1) - at) & mask
        while word(slots, slot):
            slot = (slot + 1) & mask
        put(slots, slot, number)
