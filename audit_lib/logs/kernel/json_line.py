"""Compiled reading of a structured (JSON) line; whatever is not plain is left to the naive reader."""

from typing import NamedTuple

import numpy as np

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.digits import NONE, number
from audit_lib.logs.kernel.json_text import (
    ESCAPED_VALUE,
    NUMBER_VALUE,
    OTHER_VALUE,
    TEXT_VALUE,
    skip_space,
    text_at,
    unescape,
    value_end,
)
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.memory import byte, inlined, jit, put, same, word
from audit_lib.logs.kernel.times import iso_time

ASIDE = np.int64(-(1 << 61))  # as an instant: the naive reader decides


_CAPTURED = (
    (layout.J_CLIENT, layout.C_CLIENT),
    (layout.J_METHOD, layout.C_METHOD),
    (layout.J_PATH, layout.C_PATH),
)
slot_of = jit(layout.name_slot)


class Fields(NamedTuple):
    """What a structured line names: client, method and path are in the captures, the text in `inner`."""

    at: int
    status: int
    size: int
    level: bool


@inlined
def field_of(frame, pos, end):
    """Field and rank of a name, as 16 x field + rank; -1 for a name that nobody asks for."""
    rows, text, size = word(frame, layout.NAMES), word(frame, layout.TEXT), end - pos
    if size == 0:
        return -1
    slot = slot_of(size, byte(end - 1))
    while word(rows + 32 * slot, 3):
        row = rows + 32 * slot
        if word(row, 3) == size and same(pos, text + word(row, 2), size):
            return word(row, 0) << 4 | word(row, 1)
        slot = (slot + 1) & (layout.NAME_SLOTS - 1)
    return -1


@jit
def read_fields(frame, begin, end):
    """The fields of one line. Each name may stand once; labels are an object of plain values.

    `found` holds, for each field, 1 + the rank of the best name so far, kind, begin and end.
    """
    found = word(frame, layout.FOUND)
    for field in range(layout.FIELDS):
        put(found, 5 * field, 0)
        put(found, 5 * field + 1, 0)
        put(found, 5 * field + 2, 0)
    none = Fields(ASIDE, np.int64(0), np.int64(0), False)
    pos, depth, expecting = skip_space(begin + 1, end), 1, False
    while True:
        if pos >= end:
            return none
        if byte(pos) == 125 and not expecting:
            depth -= 1
            pos = skip_space(pos + 1, end)
            if depth == 0:
                break
        else:
            if byte(pos) != 34:
                return none
            name = text_at(pos + 1, end)
            if name.end < 0:
                return none
            field = field_of(frame, pos + 1, name.end)
            if field < 0 and name.escaped:
                return none
            pos = skip_space(name.end + 1, end)
            if pos >= end or byte(pos) != 58:
                return none
            pos = skip_space(pos + 1, end)
            if field >> 4 == layout.J_LABELS and depth == 1 and pos < end and byte(pos) == 123:
                depth, pos, expecting = 2, skip_space(pos + 1, end), False
                continue
            kind, stop = value_end(pos, end)
            if stop < 0:
                return none
            quoted = kind == TEXT_VALUE or kind == ESCAPED_VALUE
            if field >= 0 and not keep(found, field, kind, pos + quoted, stop):
                return none
            pos = skip_space(stop + quoted, end)
        if pos < end and byte(pos) == 44:
            pos, expecting = skip_space(pos + 1, end), True
        elif pos < end and byte(pos) == 125:
            expecting = False
        else:
            return none
    return taken(frame, found) if pos == end else none


@inlined
def keep(found, field, kind, begin, end):
    """Keeps a value if its name is the best of its field so far; False where a name stands twice."""
    row, rank = found + 40 * (field >> 4), field & 15
    if word(row, 0) & 1 << rank:
        return False
    put(row, 0, word(row, 0) | 1 << rank)
    if kind != OTHER_VALUE and (word(row, 1) == 0 or rank < word(row, 1) - 1):
        put(row, 1, rank + 1)
        put(row, 2, kind)
        put(row, 3, begin)
        put(row, 4, end)
    return True


@jit
def taken(frame, found):
    """The fields in the form that a line is counted in."""
    caps, none = word(frame, layout.CAPTURES), Fields(ASIDE, np.int64(0), np.int64(0), False)
    for field, capture in _CAPTURED:
        row, text = found + 40 * field, word(found + 40 * field, 2) == TEXT_VALUE
        if word(row, 2) == ESCAPED_VALUE:
            return none
        put(caps, capture, word(row, 3) if text else 0)
        put(caps, capture + 1, word(row, 4) if text else 0)
    row, at = found + 40 * layout.J_TIME, NONE
    if word(row, 2) == NUMBER_VALUE or word(row, 2) == ESCAPED_VALUE:
        return none
    if word(row, 2) == TEXT_VALUE:
        time = iso_time(frame, word(row, 3), word(row, 4))
        at = time.at if time.end == word(row, 4) else NONE
    row, status = found + 40 * layout.J_STATUS, np.int64(0)
    if word(row, 2) and word(row, 4) - word(row, 3) == 3:
        status = np.int64(number(word(row, 3), 3))
        if status < 100 or status >= 600:
            status = np.int64(0)
    row, size = found + 40 * layout.J_TEXT, np.int64(0)
    if word(row, 2) == TEXT_VALUE or word(row, 2) == ESCAPED_VALUE:
        size = np.int64(unescape(word(row, 3), word(row, 4), word(frame, layout.INNER)))
        if size == AWAY:
            return none
    return Fields(at, status, size, word(found + 40 * layout.J_LEVEL, 2) != 0)
