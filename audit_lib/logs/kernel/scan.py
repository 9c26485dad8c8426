"""The compiled reader: classifies the lines of a chunk of bytes as the naive reader does, and counts them.

It stops at a line that it leaves to the naive reader (a regular expression, a rare shape) and before a
line for which a table has no room; the caller sees to it and calls again. So it is right on every line.
"""

from audit_lib.logs.kernel.counts import end_line, sight
from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.find_block import AWAY, first_body, shows_anywhere
from audit_lib.logs.kernel.json_line import ASIDE, read_fields
from audit_lib.logs.kernel.line import is_traceback, read_head, read_message, read_request, requested
from audit_lib.logs.kernel.memory import byte, find_byte, inlined, jit, put, word
from audit_lib.logs.kernel.raw_line import line_at, tidy
from audit_lib.logs.kernel.shared_arrays import (
    ARENA,
    ARRAYS,
    BLANK,
    BLOCK_AT,
    BUFFER,
    CAPTURES,
    DONE,
    EVENT,
    EVENT_ROWS,
    EVENTS,
    G_SIZE,
    GROUPS,
    GROW,
    HEADS,
    INNER,
    LEAVE,
    LINE_LIMIT,
    MINUTES,
    READ,
    REQUEST,
    SLOTS,
    STARTS,
    STATE,
    STOP,
    STRING_ROOM,
    STRINGS,
    TIME_AT,
    UNKNOWN,
    WHY,
)
from audit_lib.logs.kernel.times import MISS


@jit
def scan(frame, offset, size):
    """Reads lines from an offset; where it stopped, and in the state why: DONE, LEAVE that line, GROW."""
    state, base = word(frame, STATE), word(frame, BUFFER)
    pos, end = base + offset, base + size
    while pos < end:
        if is_full(frame):
            put(state, WHY, GROW)
            return pos - base
        line = line_at(pos, end)
        begin, stop, after = pos, line.end, min(line.end + 1, end)
        long = stop - pos > LINE_LIMIT
        if line.odd and not long:
            begin, stop = tidy(frame, pos, stop)
        if begin == 0:
            put(state, WHY, LEAVE)
            put(state, STOP, after - base)
            return pos - base
        if byte(begin) == 239 and stop - begin >= 3 and byte(begin + 1) == 187 and byte(begin + 2) == 191:
            begin += 3
        while line.odd and stop > begin and byte(stop - 1) == 13:
            stop -= 1
        if not long and is_blank(begin, stop):
            end_line(frame, NONE, False, BLANK)
        elif long or (line.odd and find_byte(begin, stop, 13) < stop):
            end_line(frame, NONE, False, UNKNOWN)
        elif not read_line(frame, begin, stop):
            put(state, WHY, LEAVE)
            put(state, STOP, after - base)
            return pos - base
        pos = after
    put(state, WHY, DONE)
    return pos - base


@inlined
def is_blank(pos, end):
    """Whether nothing but white space stands there."""
    while pos < end and (byte(pos) == 32 or byte(pos) == 9 or byte(pos) == 11 or byte(pos) == 12):
        pos += 1
    return pos == end


@inlined
def lacks_room(frame, table):
    """Whether a table of groups might have no room for what one line adds."""
    return 2 * (word(word(frame, table + G_SIZE), 0) + 4) >= word(frame, ARRAYS + table)


@inlined
def is_full(frame):
    """Whether any table might have no room for what one line adds."""
    count = word(word(frame, STRINGS), 0)
    return (
        2 * (count + 8) >= word(frame, ARRAYS + SLOTS)
        or word(word(frame, STARTS), count + 1) + STRING_ROOM >= word(frame, ARRAYS + ARENA)
        or lacks_room(frame, GROUPS)
        or lacks_room(frame, HEADS)
        or lacks_room(frame, MINUTES)
        or EVENT * (word(word(frame, STATE), EVENTS) + 4) >= word(frame, ARRAYS + EVENT_ROWS)
    )


@jit
def read_line(frame, begin, end):
    """One line that is not blank: False where the naive reader decides, with nothing counted."""
    if byte(begin) != 123 or byte(end - 1) != 125:
        return read_text(frame, begin, end, begin, end, NONE, False, False)
    fields = read_fields(frame, begin, end)
    if fields.at == ASIDE:
        return False
    caps = word(frame, CAPTURES)
    if fields.status and (word(caps, 7) > word(caps, 6) or word(caps, 5) > word(caps, 4)):
        shown = requested(frame, fields.status, word(caps, 4), word(caps, 5), False)
        if shown.status == AWAY:
            return False
        end_line(frame, fields.at, True, READ)
        sight(frame, fields.at, shown)
        return True
    inner = word(frame, INNER)
    record = fields.level and not is_traceback(inner, inner + fields.size)
    return read_text(frame, inner, inner + fields.size, begin, end, fields.at, record, True)


@inlined
def count_request(frame, at):
    """A request that its block has matched: False where the naive reader decides."""
    own = word(word(frame, CAPTURES), TIME_AT)
    shown = read_request(frame)
    if shown.status == AWAY:
        return False
    at = own if at == NONE else at
    end_line(frame, at, True, READ)
    sight(frame, at, shown)
    return True


@jit
def read_text(frame, pos, end, raw, raw_end, given, record, understood):
    """A line's text, or that of a structured line, whose time, record and raw bytes are given."""
    head = read_head(frame, pos, end)
    if head.pos == AWAY:
        return False
    at = head.at if given == NONE else given
    understood = understood or head.prefixed
    after = first_body(frame, head.pos, end)
    if after == AWAY:
        return False
    if after != MISS:
        understood = True
        if word(word(word(frame, CAPTURES), BLOCK_AT), REQUEST):
            return count_request(frame, at)
    shown = read_message(frame, head.pos, end, head.client)
    if shown.status == AWAY or shows_anywhere(raw, raw_end):
        return False
    end_line(frame, at, head.record or record, READ if understood or shown.message else UNKNOWN)
    if shown.message:
        sight(frame, at, shown)
    return True
