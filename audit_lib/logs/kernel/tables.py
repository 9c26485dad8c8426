"""Compiled tables of the kernel: strings by number, groups by key. They never grow within a call."""

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, prefetch, put, put_byte, same, word
from audit_lib.logs.kernel import shared_arrays as layout

ROW, FILE_ROW = 8 * layout.GROUP, 8 * layout.FILE_GROUP  # bytes of a group
AHEAD = 8  # rows whose places are fetched before they are needed


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
    slots, starts, arena = word(frame, layout.SLOTS), word(frame, layout.STARTS), word(frame, layout.ARENA)
    mask = word(frame, layout.ARRAYS + layout.SLOTS) - 1
    slot = hash_of(pos, size) & mask
    number = word(slots, slot)
    while number:
        at = word(starts, number)
        if word(starts, number + 1) - at == size and same(pos, arena + at, size):
            return number
        slot = (slot + 1) & mask
        number = word(slots, slot)
    number = word(word(frame, layout.STRINGS), 0) + 1
    put(word(frame, layout.STRINGS), 0, number)
    put(slots, slot, number)
    at = word(starts, number)
    for i in range(size):
        put_byte(arena + at + i, byte(pos + i))
    put(starts, number + 1, at + size)
    return number


@inlined
def slot_of(frame, table, one, two):
    """Where the search for a key begins."""
    return mixed(one, two) & (word(frame, layout.ARRAYS + table) // layout.GROUP - 1)


@inlined
def row_in(rows, mask, size, slot, one, two):
    """The row of a key among rows of a size, searched from a slot on, or the empty one that it can take."""
    row = rows + size * slot
    while word(row, layout.G_COUNT) and (word(row, layout.G_ONE) != one or word(row, layout.G_TWO) != two):
        slot = (slot + 1) & mask
        row = rows + size * slot
    return row


@jit
def row_of(frame, table, slot, one, two):
    """The row of a key in a table of a worker."""
    mask = word(frame, layout.ARRAYS + table) // layout.GROUP - 1
    return row_in(word(frame, table), mask, ROW, slot, one, two)


@inlined
def add(frame, table, one, two, mark):
    """Adds one to the count of a key, which is given the mark if it is new: when the next is added.

    Tables are larger than what is near the processor. So the row is only asked for, and while it comes the
    next line is read; at the end of a call `add_waiting` adds the last one.
    """
    state, slot = word(frame, layout.STATE), slot_of(frame, table, one, two)
    prefetch(word(frame, table) + ROW * slot)
    add_waiting(frame)
    put(state, layout.W_TABLE, table)
    put(state, layout.W_SLOT, slot)
    put(state, layout.W_ONE, one)
    put(state, layout.W_TWO, two)
    put(state, layout.W_MARK, mark)


@jit
def add_waiting(frame):
    """Adds what waits, if anything does."""
    state = word(frame, layout.STATE)
    table, one, two = word(state, layout.W_TABLE), word(state, layout.W_ONE), word(state, layout.W_TWO)
    if table == 0:
        return
    put(state, layout.W_TABLE, 0)
    row = row_of(frame, table, word(state, layout.W_SLOT), one, two)
    count = word(row, layout.G_COUNT)
    put(row, layout.G_COUNT, count + 1)
    if count == 0:
        put(row, layout.G_ONE, one)
        put(row, layout.G_TWO, two)
        put(row, layout.G_MARK, word(state, layout.W_MARK))
        size = word(frame, table + 1)
        put(size, 0, word(size, 0) + 1)


@jit
def refill(frame, rows, count):
    """Copies so many rows, each of another key, into the groups, which are empty."""
    for old in range(rows, rows + ROW * count, ROW):
        if word(old, layout.G_COUNT):
            one, two = word(old, layout.G_ONE), word(old, layout.G_TWO)
            new = row_of(frame, layout.GROUPS, slot_of(frame, layout.GROUPS, one, two), one, two)
            for place in range(layout.GROUP):
                put(new, place, word(old, place))
            size = word(frame, layout.GROUPS + 1)
            put(size, 0, word(size, 0) + 1)


@jit
def gather(frame, rows, count, width, untimed):
    """Adds so many rows to the groups of a file, until these are full; how many were added.

    Rows of a worker have a bit in their first word where their lines have no time (`untimed`; 0: none has),
    those of a file count them apart.
    """
    groups, size = word(frame, layout.GROUPS), word(frame, layout.GROUPS + 1)
    mask = word(frame, layout.ARRAYS + layout.GROUPS) // layout.FILE_GROUP - 1
    step, end = 8 * width, rows + 8 * width * count
    for row in range(rows, end, step):
        ahead = min(row + AHEAD * step, end - step)
        soon = mixed(word(ahead, layout.G_ONE) & ~untimed, word(ahead, layout.G_TWO)) & mask
        prefetch(groups + FILE_ROW * soon)
        if 4 * (word(size, 0) + 1) >= 3 * mask:
            return (row - rows) // step
        if word(row, layout.G_COUNT) == 0:
            continue
        one, two = word(row, layout.G_ONE) & ~untimed, word(row, layout.G_TWO)
        kept = row_in(groups, mask, FILE_ROW, mixed(one, two) & mask, one, two)
        if word(kept, layout.G_COUNT) == 0:
            put(kept, layout.G_ONE, one)
            put(kept, layout.G_TWO, two)
            put(size, 0, word(size, 0) + 1)
        add_lines(kept + 8 * layout.G_COUNT, row + 8 * layout.G_COUNT)
        if width == layout.FILE_GROUP:
            add_lines(kept + 8 * layout.G_UNTIMED, row + 8 * layout.G_UNTIMED)
        elif one != word(row, layout.G_ONE):
            add_lines(kept + 8 * layout.G_UNTIMED, row + 8 * layout.G_COUNT)
    return count


@inlined
def add_lines(kept, more):
    """Adds a count with its first line to another: of both lines the first stays."""
    before, count = word(kept, 0), word(more, 0)
    if count and (before == 0 or word(more, 1) < word(kept, 1)):
        put(kept, 1, word(more, 1))
    put(kept, 0, before + count)


@jit
def relink(frame):
    """Puts the numbers of all strings into the slots, which are empty."""
    slots, starts, arena = word(frame, layout.SLOTS), word(frame, layout.STARTS), word(frame, layout.ARENA)
    mask = word(frame, layout.ARRAYS + layout.SLOTS) - 1
    for number in range(1, word(word(frame, layout.STRINGS), 0) + 1):
        at = word(starts, number)
        slot = hash_of(arena + at, word(starts, number + 1) - at) & mask
        while word(slots, slot):
            slot = (slot + 1) & mask
        put(slots, slot, number)
