"""The compiled reader: classifies the lines of a chunk of bytes as the naive reader does, and counts them.

It stops at a line that it leaves to the naive reader (a regular expression, a rare shape) and before a
line for which a table has no room; the caller sees to it and calls again. So it is right on every line.
"""

import numpy as np

from audit_lib.base.compiled.memory import byte, find_byte, inlined, jit, put, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.counts import end_line, sight
from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.fields import number_client
from audit_lib.logs.kernel.json_line import read_fields
from audit_lib.logs.kernel.line import (
    Shown,
    is_traceback,
    keep_lacks,
    read_head,
    read_message,
    read_request,
    requested,
)
from audit_lib.logs.kernel.line_fields import ASIDE
from audit_lib.logs.kernel.match import AWAY, first_match, shows_anywhere
from audit_lib.logs.kernel.pair_line import has_pairs, read_pairs
from audit_lib.logs.kernel.raw_line import line_at, shape_of, tidy
from audit_lib.logs.kernel.tables import add_waiting, gather, number_of, refill, relink
from audit_lib.logs.kernel.times import MISS
from audit_lib.logs.units import LINE_LIMIT

STRUCTURES = 3  # as many structured lines may lie one within another's text


@jit
def scan(frame, offset, size):
    """Reads lines from an offset; where it stopped, and in the state why: DONE, LEAVE that line, GROW."""
    state, base = word(frame, layout.STATE), word(frame, layout.BUFFER)
    pos, end = base + offset, base + size
    while pos < end:
        if is_full(frame):
            put(state, layout.WHY, layout.GROW)
            return pos - base
        line = line_at(pos, end)
        begin, stop, after = pos, line.end, min(line.end + 1, end)
        long = stop - pos > LINE_LIMIT
        if line.odd and not long:
            begin, stop = tidy(frame, pos, stop)
        if begin == 0:
            put(state, layout.WHY, layout.LEAVE)
            put(state, layout.STOP, after - base)
            return pos - base
        if byte(begin) == 239 and stop - begin >= 3 and byte(begin + 1) == 187 and byte(begin + 2) == 191:
            begin += 3
        while line.odd and stop > begin and byte(stop - 1) == 13:
            stop -= 1
        if not long and is_blank(begin, stop):
            end_line(frame, NONE, False, layout.BLANK, 0)
        elif long:
            end_line(frame, NONE, False, layout.UNKNOWN, 0)
        elif (line.odd and find_byte(begin, stop, 13) < stop) or not read_line(
            frame, begin, stop, line.shape
        ):
            put(state, layout.WHY, layout.LEAVE)
            put(state, layout.STOP, after - base)
            return pos - base
        pos = after
    put(state, layout.WHY, layout.DONE)
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
    return 4 * (word(word(frame, table + 1), 0) + 4) >= 3 * word(frame, layout.ARRAYS + table) // layout.GROUP


@inlined
def is_full(frame):
    """Whether any table might have no room for what one line adds."""
    count = word(word(frame, layout.STRINGS), 0)
    return (
        2 * (count + 8) >= word(frame, layout.ARRAYS + layout.SLOTS)
        or word(word(frame, layout.STARTS), count + 1) + layout.STRING_ROOM
        >= word(frame, layout.ARRAYS + layout.ARENA)
        or lacks_room(frame, layout.GROUPS)
        or lacks_room(frame, layout.HEADS)
        or lacks_room(frame, layout.MINUTES)
        or layout.EVENT * (word(word(frame, layout.STATE), layout.EVENTS) + 4)
        >= word(frame, layout.ARRAYS + layout.EVENT_ROWS)
        or layout.ONCE * (word(word(frame, layout.STATE), layout.ONCES) + 4)
        >= word(frame, layout.ARRAYS + layout.ONCE_ROWS)
    )


@inlined
def is_object(pos, end):
    """Whether a text begins and ends as an object does."""
    return end > pos and byte(pos) == 123 and byte(end - 1) == 125


@jit
def read_line(frame, raw, raw_end, shape):
    """One line that is not blank: False where the naive reader decides, with nothing counted.

    A structured line is read by its fields; if it is no request, what its text says is read like a line.
    """
    caps, inner = word(frame, layout.CAPTURES), word(frame, layout.INNER)
    pos, end, at, client = raw, raw_end, NONE, np.int64(0)
    record, understood, depth, cause = False, False, 0, False
    while True:
        if not is_object(pos, end):
            shape = shape_of(pos, end) if depth else shape
            head = read_head(frame, shape, pos, end, at, record, client)
            if head.pos == AWAY:
                return False
            pos, at, record, client = head.pos, head.at, head.record, head.client
            understood = understood or head.prefixed
        json = is_object(pos, end)
        if not json and not has_pairs(pos, end):
            break
        if depth == STRUCTURES:
            return False
        # What lies within a text is copied to the half of `inner` where that text does not lie.
        to = inner + 2 * layout.STRING_LIMIT * (depth & 1)
        fields = read_fields(frame, pos, end, to) if json else read_pairs(frame, pos, end, to)
        if fields.at == ASIDE:
            return False
        if at == NONE and fields.at != NONE:
            at = fields.at
            keep_lacks(frame, fields.lacks)
        depth, understood, cause = depth + 1, True, cause or fields.cause
        path, path_end = word(caps, layout.C_PATH), word(caps, layout.C_PATH_END)
        method, method_end = word(caps, layout.C_METHOD), word(caps, layout.C_METHOD_END)
        host, host_end = word(caps, layout.C_CLIENT), word(caps, layout.C_CLIENT_END)
        own_call = path_end > path and byte(path) != 47 and host_end == host
        if fields.status and (path_end > path or method_end > method) and not own_call:
            shown = requested(frame, fields.status, method, method_end, False, client)
            if shown.status == AWAY:
                return False
            end_line(frame, at, True, layout.REQUESTS, 0)
            sight(frame, at, shown)
            return True
        if fields.size == AWAY:
            return False
        if client == 0 and host_end > host:
            client = np.int64(number_client(frame, host, host_end, False))
        record = record or (fields.level and not is_traceback(to, to + fields.size))
        if fields.size == 0 and not json:  # pairs without a text of their own: a message may be written so
            break
        pos, end = to, to + fields.size
    return read_text(frame, shape, pos, end, raw, raw_end, at, record, understood, client, depth > 0, cause)


@inlined
def count_request(frame, at):
    """A request that its block has matched: False where the naive reader decides."""
    own = word(word(frame, layout.CAPTURES), layout.TIME_AT)
    shown = read_request(frame)
    if shown.status == AWAY:
        return False
    if at == NONE and own != NONE:
        at = own
        keep_lacks(frame, word(word(frame, layout.CAPTURES), layout.TIME_LACKS))
    end_line(frame, at, True, layout.REQUESTS, 0)
    sight(frame, at, shown)
    return True


@inlined
def read_text(frame, shape, pos, end, raw, raw_end, at, record, understood, client, structured, cause):
    """A text behind its prefixes, whose time, record and client are given, and the raw line.

    If it shows nothing and what stands behind it may, the naive reader decides.
    """
    after = first_match(frame, layout.BODY, shape, pos, end)
    if after == AWAY:
        return False
    continues = 0
    if after != MISS:
        understood = True
        if not structured:
            continues = word(word(word(frame, layout.CAPTURES), layout.BLOCK_AT), layout.BLOCK_CONTINUES)
        if word(word(word(frame, layout.CAPTURES), layout.BLOCK_AT), layout.REQUEST):
            return count_request(frame, at)
    shown = read_message(frame, shape, pos, end, client)
    if shown.status == AWAY or (cause and not shown.message) or shows_anywhere(frame, raw, raw_end):
        return False
    place = layout.MESSAGES if shown.message else layout.TEXT_ONLY if understood else layout.UNKNOWN
    end_line(frame, at, record, place, continues)
    if shown.message:
        sight(frame, at, shown)
    return True


@jit
def entry(frame, task):
    """What is called from outside: does one task on the arrays of a frame, and returns what that gives."""
    args, buffer = word(frame, layout.ARGS), word(frame, layout.BUFFER)
    if task == layout.SCAN:
        stopped = scan(frame, word(args, 0), word(args, 1))
        add_waiting(frame)
        return stopped
    if task == layout.TAKE:
        end_line(frame, word(args, 0), word(args, 1) != 0, word(args, 2), word(args, 3))
    elif task == layout.SIGHT:
        shown = Shown(
            word(args, 1),
            word(args, 2),
            word(args, 3),
            word(args, 4),
            word(args, 5),
            word(args, 6),
            word(args, 7),
            word(args, 8),
        )
        sight(frame, word(args, 0), shown)
        add_waiting(frame)
    elif task == layout.NUMBER_OF:
        return number_of(frame, buffer, buffer + word(args, 0))
    elif task == layout.REFILL:
        refill(frame, word(args, 0), word(args, 1))
    elif task == layout.RELINK:
        relink(frame)
    elif task == layout.GATHER:
        return gather(frame, word(args, 0), word(args, 1), word(args, 2), word(args, 3))
    return 0
