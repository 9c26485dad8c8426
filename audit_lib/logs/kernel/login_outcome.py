"""Compiled: whether the fields of a structured line say that a login was refused."""

import numpy as np

from audit_lib.base.compiled.memory import byte, inlined, jit, put, put_eight, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.json_text import ESCAPED, TEXT_VALUE
from audit_lib.logs.kernel.possible_failure import ROW, in_small_letters, is_about, is_one_of, words_of
from audit_lib.logs.kernel.runs import is_alphanumeric
from audit_lib.logs.named_fields import REFUSED_LOGIN
from audit_lib.logs.units import LONGEST_CAUSE, LONGEST_NAME

REFUSED, GRANTED = 1, 2  # how something ended
MAY_BE_LOGIN, IS_LOGIN = 1, 2  # what an event is
_ESCAPE = 6  # bytes that an escape takes at most
_LONGEST = 16  # bytes of a word of how something ended, without escapes
# What the naive reader takes for the text of a login that was refused, in two words.
_BEGINS, _ENDS = (int.from_bytes(REFUSED_LOGIN[at : at + 8], "little") for at in (0, 8))


@jit
def ending(frame, pos, end):
    """What a value says of how something ended: REFUSED, GRANTED, or 0."""
    if end - pos > _LONGEST:
        return 0
    small = in_small_letters(frame, pos, end)
    stop = small + end - pos
    if is_one_of(frame, small, stop, layout.W_REFUSED):
        return REFUSED
    return GRANTED if is_one_of(frame, small, stop, layout.W_GRANTED) else 0


@jit
def keep_ending(frame, row, place, value):
    """Keeps how something ended, if the value says so; False where the naive reader decides."""
    told = ending(frame, value.begin, value.end)
    if told:
        put(row, 0, place + 1)
        put(row, 4, told)
    return told != 0 or not value.holds & ESCAPED or value.end - value.begin > 6 * _LONGEST


@jit
def login_told(frame, pos, end, holds):
    """What a text says of an event: IS_LOGIN, MAY_BE_LOGIN if that takes more than a look, or 0."""
    if end - pos > layout.STRING_LIMIT:
        return MAY_BE_LOGIN
    if holds & ESCAPED:
        return MAY_BE_LOGIN
    small = in_small_letters(frame, pos, end)
    stop = small + end - pos
    if not is_about(frame, small, stop, layout.W_LOGIN) or is_about(frame, small, stop, layout.W_ASIDE):
        return 0
    return IS_LOGIN


@jit
def failed_name(frame, pos, end, holds):
    """What the name of an event says of a failed login by itself: IS_LOGIN, MAY_BE_LOGIN, or 0."""
    if holds & ESCAPED:
        return MAY_BE_LOGIN if end - pos <= _ESCAPE * LONGEST_NAME and is_odd(pos, end) else 0
    if end - pos > LONGEST_NAME:
        return 0
    begin, stop = words_of(frame, layout.W_FAILED)
    for row in range(begin, stop, ROW):
        if ends_with(pos, end, word(frame, layout.TEXT) + word(row, 0), word(row, 1)):
            return IS_LOGIN if is_name(pos, end) else 0
    return 0


@inlined
def is_odd(pos, end):
    """Whether an escape may stand for a sign of a name: not for a quote, a backslash or the end of a line."""
    at = pos
    while at + 1 < end:
        if byte(at) == 92:
            at += 1
            value = byte(at)
            known = value == 34 or value == 92 or value == 110 or value == 114 or value == 116
            if not known:
                return True
        at += 1
    return False


@inlined
def ends_with(pos, end, literal, size):
    """Whether a text ends with a word in small letters, without the signs between its letters."""
    at, left = end, size
    while left > 0:
        while at > pos and not is_alphanumeric(byte(at - 1)):
            at -= 1
        if at == pos or byte(at - 1) | 0x20 != byte(literal + left - 1):
            return False
        at, left = at - 1, left - 1
    return True


@inlined
def is_name(pos, end):
    """Whether a text has but the signs of an event's name."""
    for at in range(pos, end):
        value = byte(at)
        sign = value == 32 or value == 40 or value == 41 or 45 <= value <= 47 or value == 58 or value == 95
        if not sign and not is_alphanumeric(value):
            return False
    return end > pos


@inlined
def keep_event(frame, row, value):
    """Keeps an event, which is asked only if something was refused, and how many there are."""
    count = word(row, 4)
    if value.kind == TEXT_VALUE and count < layout.MOST_EVENTS:
        kept = word(frame, layout.FOUND) + 8 * (layout.EVENTS_AT + 3 * count)
        put(kept, 0, value.begin)
        put(kept, 1, value.end)
        put(kept, 2, value.holds)
    put(row, 4, count + (value.kind == TEXT_VALUE))
    if value.kind == TEXT_VALUE and word(row, 1) != IS_LOGIN:
        put(row, 1, max(word(row, 1), failed_name(frame, value.begin, value.end, value.holds)))


@jit
def refused_login(frame, ended, event):
    """Of two kept fields whether a login was refused: IS_LOGIN, MAY_BE_LOGIN, or 0."""
    how = word(ended, 4) if word(ended, 0) else 0
    told = 0 if how == GRANTED else word(event, 1)
    if how != REFUSED or told == IS_LOGIN:
        return told
    count = word(event, 4)
    told = MAY_BE_LOGIN if count > layout.MOST_EVENTS else told
    for place in range(min(count, layout.MOST_EVENTS)):
        kept = word(frame, layout.FOUND) + 8 * (layout.EVENTS_AT + 3 * place)
        told = max(told, login_told(frame, word(kept, 0), word(kept, 1), word(kept, 2)))
    return told


@jit
def may_tell(frame, cause):
    """Whether what stands behind a text may speak of a failed login: then the naive reader decides."""
    pos, end = word(cause, 2), word(cause, 3)
    if end - pos > _ESCAPE * LONGEST_CAUSE:
        return False
    if word(cause, 1) & ESCAPED and is_odd(pos, end):
        return True
    small = in_small_letters(frame, pos, end)
    stop = small + end - pos
    return is_about(frame, small, stop, layout.W_ABOUT) and is_about(frame, small, stop, layout.W_FAILING)


@inlined
def put_refused(inner):
    """Writes the text of a login that was refused; returns its length."""
    put_eight(inner, _BEGINS)
    put_eight(inner + 8, _ENDS)
    return np.int64(len(REFUSED_LOGIN))
