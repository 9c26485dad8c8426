"""Compiled choice among a structured line's values: which one a field takes, by name, depth and shape."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import byte, find_byte, inlined, jit, put, same, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.digits import NONE, number
from audit_lib.logs.kernel.fields import host_of
from audit_lib.logs.kernel.json_text import OTHER_VALUE, TEXT_VALUE, digits_end
from audit_lib.logs.kernel.login_outcome import keep_ending, keep_event
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.runs import LETTERS, address_end, run_end
from audit_lib.logs.kernel.times import WHOLE, clf_time, iso_time
from audit_lib.logs.kernel.told_request import is_path

LATEST = 7_258_118_400_000_000  # the year 2200
SIZE = 5  # words a field: see `found` in `clear`
FOREIGN, LABELS, WRAPPER, RECORDS = 1, 2, 4, 8  # what else a name may be
slot_of = jit(layout.name_slot)


class Value(NamedTuple):
    """A value: its kind, what a text holds, where it begins and ends, and how deep its name stands."""

    kind: int
    holds: int
    begin: int
    end: int
    depth: int


@jit
def clear(frame):
    """No field was seen yet: of each 1 + the place of its best name, what its text holds, span, number.

    Of a time it is what that lacks instead.
    """
    found = word(frame, layout.FOUND)
    for field in range(layout.FIELDS):
        put(found, SIZE * field, 0)
    put(found, SIZE * layout.J_EVENT + 1, 0)
    put(found, SIZE * layout.J_EVENT + 4, 0)


@jit
def name_of(frame, pos, end, value):
    """Keeps a value for each field that its name may be. Returns what else the name is: FOREIGN, LABELS, …

    With a value whose kind is 0 nothing is kept. AWAY where the naive reader decides.
    """
    last, is_foreign, at, dots = pos, 0, pos, 0
    if find_byte(pos, end, 46) < end:
        last = end
        while last > pos and byte(last - 1) != 46:
            last -= 1
    while at < last:  # the parts before the last one
        stop = at
        while byte(stop) != 46:
            stop += 1
        is_foreign |= is_listed(frame, at, stop) & FOREIGN
        at, dots = stop + 1, dots + 1
    if value.kind == 0:
        listed = is_foreign | is_listed(frame, last, end)
        return (listed & ~(WRAPPER | RECORDS) if dots else listed), dots
    if is_foreign:
        return 0, dots
    rows, text, size = word(frame, layout.NAMES), word(frame, layout.TEXT), end - last
    if size == 0:
        return 0, dots
    slot = slot_of(size, byte(last), byte(end - 1))
    while word(rows + 32 * slot, 3):
        row = rows + 32 * slot
        if word(row, 3) == size and same(last, text + word(row, 2), size):
            place = 64 * (value.depth + dots) + word(row, 1)
            if not keep(frame, word(row, 0), place, value):
                return AWAY, dots
        slot = (slot + 1) & (layout.NAME_SLOTS - 1)
    return 0, dots


@inlined
def is_listed(frame, pos, end):
    """What else a name is: of foreign objects, of labels, of a line within, of records."""
    rows, text, size, listed = word(frame, layout.NAMES), word(frame, layout.TEXT), end - pos, 0
    if size == 0:
        return 0
    slot = slot_of(size, byte(pos), byte(end - 1))
    while word(rows + 32 * slot, 3):
        row = rows + 32 * slot
        if word(row, 3) == size and same(pos, text + word(row, 2), size):
            field = word(row, 0)
            listed |= (field == layout.J_FOREIGN) | (field == layout.J_LABELS) << 1
            listed |= (field == layout.J_WRAPPER) << 2 | (field == layout.J_RECORDS) << 3
        slot = (slot + 1) & (layout.NAME_SLOTS - 1)
    return listed


@jit
def keep(frame, field, place, value):
    """Keeps a value if it is the best so far that fits; False where the naive reader decides."""
    row = word(frame, layout.FOUND) + 8 * SIZE * field
    if field == layout.J_EVENT:
        keep_event(frame, row, value)
        return True
    if field >= layout.J_LABELS or (word(row, 0) and word(row, 0) <= place + 1):
        return True
    if field == layout.J_ENDED:
        return keep_ending(frame, row, place, value)
    if value.kind == OTHER_VALUE:
        return True
    is_text, begin, end, kept = value.kind == TEXT_VALUE, value.begin, value.end, np.int64(0)
    holds = value.holds
    if field == layout.J_TEXT or field == layout.J_CAUSE:
        if not is_text or end == begin:
            return True
    elif field != layout.J_LEVEL:
        if value.holds:
            return False
        if field == layout.J_TIME:
            kept, holds = instant_of(frame, begin, end, is_text)
            if kept == NONE:
                return True
        elif field == layout.J_STATUS:
            kept = np.int64(number(begin, 3)) if end - begin == 3 else np.int64(0)
            if kept < 100 or kept >= 600:
                return True
        elif not is_text or end == begin:
            return True
        elif field == layout.J_CLIENT:
            end = past_spaces(begin, end)
            begin = last_of_list(begin, end)
            host, stop = host_of(begin, end, False)
            if stop <= host or address_end(host, stop) != stop:
                return True
        elif field == layout.J_METHOD:
            if end - begin > 16 or run_end(LETTERS, begin, end) < end:
                return True
        elif not is_path(begin, end):
            return True
    put(row, 0, place + 1)
    put(row, 1, holds)
    put(row, 2, begin)
    put(row, 3, end)
    put(row, 4, kept)
    return True


@inlined
def last_of_list(pos, end):
    """Where the last text of a list begins, which commas part."""
    at = end
    while at > pos and byte(at - 1) != 44:
        at -= 1
    while at < end and byte(at) == 32:
        at += 1
    return at


@inlined
def past_spaces(pos, end):
    """The end of a text without the spaces at its end."""
    while end > pos and byte(end - 1) == 32:
        end -= 1
    return end


@jit
def instant_of(frame, pos, end, is_text):
    """The instant that a value names, or NONE, and what it lacks."""
    if is_text:
        time = iso_time(frame, pos, end)
        if time.end == end:
            return time.at, time.lacks
        time = clf_time(frame, pos, end)
        if time.end == end:
            return time.at, time.lacks
    whole = digits_end(pos, end)
    size, part, digits = whole - pos, whole, 0
    if size < 9 or size > 20 or byte(pos) == 48:
        return NONE, WHOLE
    if whole < end:
        if byte(whole) != 46 or whole + 1 == end or digits_end(whole + 1, end) < end:
            return NONE, WHOLE
        for _ in range(6):
            part += 1
            digits = digits * 10 + (byte(part) - 48 if part < end else 0)
    if size <= 11:
        at = number(pos, size) * 1_000_000 + digits
    elif size <= 14:
        at = number(pos, size) * 1_000 + digits // 1_000
    else:
        at = number(pos, size if size <= 17 else size - 3)
    return (np.int64(at) if at < LATEST else NONE), WHOLE
