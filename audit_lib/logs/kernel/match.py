"""Compiled walk through the decision tree: the first block that matches, whatever the formats are."""

import numpy as np

from audit_lib.base.compiled.memory import (
    WIDTH,
    byte,
    eight,
    inlined,
    jit,
    lowest,
    marks_equal,
    put,
    same,
    word,
)
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decision_tree import SHAPES, TIMED, WITH_STATUS
from audit_lib.logs.kernel.digits import NONE, number
from audit_lib.logs.kernel.match_steps import CLIENT, SP, Do
from audit_lib.logs.kernel.overlap import BEHIND_SPACES, ENDS_AT
from audit_lib.logs.kernel.runs import address_end, head_end, run_end
from audit_lib.logs.kernel.times import MISS, asctime, clf_time, dated_time, iso_time, short_time, syslog_time
from audit_lib.logs.templates import LEVELS

AWAY = np.int64(layout.AWAY)
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


@jit
def status_end(caps, pos, end):
    """The end of a status, which is kept, or MISS."""
    status = number(pos, 3) if end - pos >= 3 else -1
    if status < 100 or status >= 600 or (end - pos > 3 and 48 <= byte(pos + 3) <= 57):
        return MISS
    put(caps, layout.STATUS_AT, status)
    return pos + 3


@jit
def find_text(pos, end, text, size):
    """The end of the first place of a text, or MISS: its first two bytes are looked for, then the rest."""
    one, two = byte(text), byte(text + min(1, size - 1))
    second = np.int64(size > 1)
    while pos + size <= end:
        marks = marks_equal(pos, one) & marks_equal(pos + second, two)
        while marks:
            at = pos + lowest(marks)
            if at + size > end:
                return MISS
            if same(at, text, size):
                return at + size
            marks &= marks - 1
        pos += WIDTH
    return MISS


@jit
def shows_anywhere(frame, pos, end):
    """Whether a text stands there that is sought in whole lines."""
    rows, text = word(frame, layout.SOUGHT), word(frame, layout.TEXT)
    for row in range(0, word(frame, layout.ARRAYS + layout.SOUGHT), 2):
        if find_text(pos, end, text + word(rows, row), word(rows, row + 1)) != MISS:
            return True
    return False


@inlined
def is_literal(text, node, pos, size):
    """Whether the text of a node stands at an address."""
    if (eight(pos) ^ word(node, layout.N_HEAD)) & word(node, layout.N_MASK):
        return False
    return size <= 8 or same(pos + 8, text + word(node, layout.N_TEXT) + 8, size - 8)


@inlined
def timed(caps, time):
    """The end of a time, which is kept."""
    put(caps, layout.TIME_AT, time.at)
    put(caps, layout.TIME_LACKS, time.lacks)
    return time.end


@jit
def first_match(frame, phase, shape, pos, end):
    """Where the first block of a phase that matches ends, its row and captures beside; or MISS, or AWAY.

    `shape` is that of the text, or of one that it ends.
    """
    root = word(word(frame, layout.ROOTS), 256 * (SHAPES * phase + shape) + byte(pos)) if pos < end else MISS
    if root == MISS:
        return MISS
    caps, trail, nodes = word(frame, layout.CAPTURES), word(frame, layout.TRAIL), word(frame, layout.NODES)
    text, node, switches = word(frame, layout.TEXT), nodes + root, word(frame, layout.SWITCHES)
    put(trail, layout.T_POS, pos)
    step = 0
    while True:
        do, after = word(node, layout.N_DO), MISS
        if do >= Do.SWITCH:
            at, found = pos, word(node, layout.N_TEXT)
            if do == Do.AHEAD:
                at = run_end(word(node, layout.N_SIZE), pos, end)
                if at < end and byte(at) == 32:
                    at, found = run_end(SP, at, end), found + BEHIND_SPACES
            next_ = word(switches, found + (byte(at) if at < end else ENDS_AT))
            if next_ != MISS:
                node = nodes + next_
                continue
        elif do == Do.LITERAL:
            size = word(node, layout.N_SIZE)
            if pos + size <= end and is_literal(text, node, pos, size):
                after = pos + size
        elif do == Do.RUN:
            stop = run_end(word(node, layout.N_TEXT), pos, end)
            if stop - pos >= word(node, layout.N_SIZE):
                after, capture = stop, 2 * word(node, layout.N_CAPTURE)
                put(caps, capture, pos)
                put(caps, capture + 1, stop)
        elif do == Do.FIND or do == Do.SEEK:
            after = find_text(pos, end, text + word(node, layout.N_TEXT), word(node, layout.N_SIZE))
        elif do == Do.AGAIN:
            size = word(node, layout.N_SIZE)
            after = find_text(pos - size + 1, end, text + word(node, layout.N_TEXT), size)
        elif do == Do.ADDRESS:
            after, capture = address_end(pos, end), 2 * word(node, layout.N_CAPTURE)
            put(caps, capture, pos)
            put(caps, capture + 1, after)
        elif do == Do.TIME:
            after = timed(caps, iso_time(frame, pos, end))
        elif do == Do.TIME_CLF:
            after = timed(caps, clf_time(frame, pos, end))
        elif do == Do.TIME_ASCTIME:
            after = timed(caps, asctime(frame, pos, end))
        elif do == Do.TIME_SHORT:
            after = timed(caps, short_time(frame, pos, end))
        elif do == Do.TIME_DATED:
            after = timed(caps, dated_time(frame, pos, end))
        elif do == Do.TIME_SYSLOG:
            after = timed(caps, syslog_time(frame, pos, end))
        elif do == Do.LEVEL:
            after = level_end(pos, end)
        elif do == Do.STATUS:
            after = status_end(caps, pos, end)
        elif do == Do.HEAD:
            least, most = word(node, layout.N_SIZE), word(node, layout.N_MOST)
            after = head_end(word(node, layout.N_TEXT), pos, end, least, most)
            capture = 2 * word(node, layout.N_CAPTURE)
            put(caps, capture, pos)
            put(caps, capture + 1, after)
        elif do == Do.REST:
            after = end if pos == end or byte(pos) == 32 else MISS
        elif do == Do.LAST:
            after = end if pos == end else MISS
        elif do == Do.ALL:
            after = end
        elif do == Do.ENDS:
            size = word(node, layout.N_SIZE)
            if pos + size <= end and is_literal(text, node, end - size, size):
                after = end
        elif do == Do.ASK:
            return AWAY
        else:
            matched(frame, caps, word(node, layout.N_TEXT), word(node, layout.N_CAPTURE), end)
            return pos
        if after == MISS:
            next_ = word(node, layout.N_FAIL)
            while next_ == MISS and step:
                step -= layout.TRAIL_STEP
                next_ = word(trail, step + layout.T_OTHER)
            if next_ == MISS:
                return MISS
            node, pos = nodes + next_, word(trail, step + layout.T_POS)
        else:
            put(trail, step + layout.T_OTHER, word(node, layout.N_OTHER))
            node, pos = nodes + word(node, layout.N_NEXT), after
            step += 0 if do == Do.AGAIN else layout.TRAIL_STEP
            put(trail, step + layout.T_POS, pos)


@jit
def comes_again(frame, block, pos, end):
    """Whether what stands before the client of a block, and then what stands behind it, comes once more."""
    text, size = word(frame, layout.TEXT), word(block, layout.BEHIND_SIZE)
    pos = find_text(pos, end, text + word(block, layout.BEFORE_AT), word(block, layout.BEFORE_SIZE))
    if pos == MISS or size == 0:
        return pos != MISS
    return find_text(pos, end, text + word(block, layout.BEHIND_AT), size) != MISS


@inlined
def matched(frame, caps, row, left, end):
    """Keeps the block that matched; what its steps did not leave behind, other blocks may have."""
    block = word(frame, layout.BLOCKS) + 8 * layout.BLOCK * row
    put(caps, layout.BLOCK_AT, block)
    if word(block, layout.BEFORE_SIZE) and comes_again(frame, block, word(caps, layout.C_CLIENT_END), end):
        left &= ~(1 << CLIENT)
    for capture in range(1, 6):
        if not left >> capture & 1:
            put(caps, 2 * capture, 0)
            put(caps, 2 * capture + 1, 0)
    if not left & TIMED:
        put(caps, layout.TIME_AT, NONE)
    if not left & WITH_STATUS:
        put(caps, layout.STATUS_AT, 0)
