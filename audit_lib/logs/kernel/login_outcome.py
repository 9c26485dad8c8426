"""Compiled: whether the fields of a structured line say that a login was refused."""

import numpy as np

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.json_text import ESCAPED, TEXT_VALUE
from audit_lib.logs.kernel.memory import inlined, jit, put, put_eight, word
from audit_lib.logs.kernel.possible_failure import in_small_letters, is_about, is_one_of
from audit_lib.logs.named_fields import REFUSED_LOGIN

REFUSED, GRANTED = 1, 2  # how something ended
MAY_BE_LOGIN, IS_LOGIN = 1, 2  # what an event is
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
    small = in_small_letters(frame, pos, end)
    if is_about(frame, small, small + end - pos, layout.W_LOGIN):
        return IS_LOGIN
    return MAY_BE_LOGIN if holds & ESCAPED else 0


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


@jit
def refused_login(frame, ended, event):
    """Of two kept fields whether a login was refused: IS_LOGIN, MAY_BE_LOGIN, or 0."""
    if word(ended, 0) == 0 or word(ended, 4) != REFUSED:
        return 0
    count = word(event, 4)
    told = MAY_BE_LOGIN if count > layout.MOST_EVENTS else 0
    for place in range(min(count, layout.MOST_EVENTS)):
        kept = word(frame, layout.FOUND) + 8 * (layout.EVENTS_AT + 3 * place)
        told = max(told, login_told(frame, word(kept, 0), word(kept, 1), word(kept, 2)))
    return told


@inlined
def put_refused(inner):
    """Writes the text of a login that was refused; returns its length."""
    put_eight(inner, _BEGINS)
    put_eight(inner + 8, _ENDS)
    return np.int64(len(REFUSED_LOGIN))
