"""Compiled walk through the decision tree: the first block that matches, whatever the formats are."""

import numpy as np

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decision_tree import TIMED, WITH_STATUS
from audit_lib.logs.kernel.digits import NONE, number
from audit_lib.logs.kernel.match_steps import (
    BYTES,
    CLIENTS,
    DIGITS,
    DOTTED,
    EMAILS,
    LETTERS,
    NAME,
    PEER,
    ROUTE,
    SP,
    VARIABLES,
    WORD,
    Do,
)
from audit_lib.logs.kernel.memory import (
    WIDTH,
    byte,
    eight,
    inlined,
    jit,
    lowest,
    marks_equal,
    marks_of,
    put,
    same,
    word,
)
from audit_lib.logs.kernel.times import MISS, asctime, clf_time, iso_time, syslog_time
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


def _outside(members):
    """The marks of bytes that end a run of a class."""
    return marks_of(bytes(set(range(256)) - set(BYTES[members])), WIDTH)


not_sp, not_digits, not_word, not_name, not_dotted = map(_outside, (SP, DIGITS, WORD, NAME, DOTTED))
not_peer, not_client, not_letters, not_route = map(_outside, (PEER, CLIENTS, LETTERS, ROUTE))
not_email, not_variable = map(_outside, (EMAILS, VARIABLES))


@jit
def run_end(members, pos, end):
    """The first byte that is not one of a class, or `end`."""
    while pos < end:
        if members == PEER:
            marks = not_peer(pos)
        elif members == WORD:
            marks = not_word(pos)
        elif members == SP:
            marks = not_sp(pos)
        elif members == LETTERS:
            marks = not_letters(pos)
        elif members == CLIENTS:
            marks = not_client(pos)
        elif members == DIGITS:
            marks = not_digits(pos)
        elif members == DOTTED:
            marks = not_dotted(pos)
        elif members == VARIABLES:
            marks = not_variable(pos)
        elif members == NAME:
            marks = not_name(pos)
        elif members == ROUTE:
            marks = not_route(pos)
        else:
            marks = not_email(pos)
        if marks:
            return min(end, pos + lowest(marks))
        pos += WIDTH
    return end


@jit
def head_end(members, pos, end, least, most):
    """The end of a name that begins with a letter; behind it so many bytes as are allowed; or MISS."""
    first = byte(pos)
    capital, small = 65 <= first <= 90, 97 <= first <= 122 or first == 95
    if pos >= end or not (capital or (small and members == DOTTED)):
        return MISS
    stop = run_end(members, pos + 1, end)
    return stop if least <= stop - pos - 1 <= most else MISS


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
    return time.end


@jit
def first_match(frame, phase, pos, end):
    """Where the first block of a phase that matches ends, its row and captures beside; or MISS, or AWAY."""
    root = word(word(frame, layout.ROOTS), 256 * phase + byte(pos)) if pos < end else MISS
    if root == MISS:
        return MISS
    caps, trail, nodes = word(frame, layout.CAPTURES), word(frame, layout.TRAIL), word(frame, layout.NODES)
    text, node = word(frame, layout.TEXT), nodes + root
    put(trail, 0, pos)
    while True:
        do, after = word(node, layout.N_DO), MISS
        if do == Do.LITERAL:
            size = word(node, layout.N_SIZE)
            if pos + size <= end and is_literal(text, node, pos, size):
                after = pos + size
        elif do == Do.RUN:
            stop = run_end(word(node, layout.N_TEXT), pos, end)
            if stop - pos >= word(node, layout.N_SIZE):
                after, capture = stop, 2 * word(node, layout.N_CAPTURE)
                put(caps, capture, pos)
                put(caps, capture + 1, stop)
        elif do == Do.FIND:
            after = find_text(pos, end, text + word(node, layout.N_TEXT), word(node, layout.N_SIZE))
        elif do == Do.TIME:
            after = timed(caps, iso_time(frame, pos, end))
        elif do == Do.TIME_CLF:
            after = timed(caps, clf_time(frame, pos, end))
        elif do == Do.TIME_ASCTIME:
            after = timed(caps, asctime(frame, pos, end))
        elif do == Do.TIME_SYSLOG:
            after = syslog_time(frame, pos, end).end
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
            matched(frame, caps, word(node, layout.N_TEXT), word(node, layout.N_CAPTURE))
            return pos
        if after == MISS:
            if word(node, layout.N_FAIL) == MISS:
                return MISS
            node = nodes + word(node, layout.N_FAIL)
            pos = word(trail, word(node, layout.N_DEPTH))
        else:
            node, pos = nodes + word(node, layout.N_NEXT), after
            put(trail, word(node, layout.N_DEPTH), pos)


@inlined
def matched(frame, caps, row, left):
    """Keeps the block that matched; what its steps did not leave behind, other blocks may have."""
    put(caps, layout.BLOCK_AT, word(frame, layout.BLOCKS) + 8 * layout.BLOCK * row)
    for capture in range(1, 6):
        if not left >> capture & 1:
            put(caps, 2 * capture, 0)
            put(caps, 2 * capture + 1, 0)
    if not left & TIMED:
        put(caps, layout.TIME_AT, NONE)
    if not left & WITH_STATUS:
        put(caps, layout.STATUS_AT, 0)
