"""Compiled sums: what a line that was read adds to counts, events and the state of time and record."""

import numpy as np

from audit_lib.base.compiled.memory import inlined, jit, put, word
from audit_lib.logs.kernel import packed_words, shared_arrays as layout
from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.fields import is_failure
from audit_lib.logs.kernel.line import nothing
from audit_lib.logs.kernel.tables import add
from audit_lib.logs.units import DAY, MINUTE, MOST_STEPS

group_word, minute_word, two_in_one = map(
    inlined, (packed_words.group_word, packed_words.minute_word, packed_words.two_in_one)
)


@inlined
def more(state, place):
    """One more."""
    put(state, place, word(state, place) + 1)


@inlined
def end_line(frame, at, record, place, continues):
    """A line has ended in a state (`place`), with what it says of time, record and continuation."""
    state = word(frame, layout.STATE)
    more(state, layout.LINES)
    more(state, place)
    if place != layout.BLANK:
        follows = np.int64(0)
        if at == NONE and not record and continues:
            opened, inside = word(state, layout.OPEN), word(state, layout.INSIDE)
            if continues == 1 or inside == 1:
                follows = opened
            elif inside == layout.CARRIED:
                follows = np.int64(layout.CARRIED_INSIDE)
        put(state, layout.FOLLOWS, follows)
        put(state, layout.OPEN, follows if at == NONE else 1)
        put(state, layout.INSIDE, np.int64(follows != 0))
    if record:
        put(state, layout.BEGUN, 1)
        put(state, layout.OPENED, 0)
    if at != NONE:
        note_time(frame, at)
    if word(state, layout.TODAY) == 0:
        more(state, layout.HEAD)
    else:
        more(state, layout.DATED)
        put(state, layout.WITHIN, word(state, layout.WITHIN) + word(state, layout.HELD))


@jit
def note_time(frame, at):
    """A line with a time: the day that follows from it, and the bound of the events that waited."""
    state, settings = word(frame, layout.STATE), word(frame, layout.SETTING)
    rows, last = word(frame, layout.EVENT_ROWS), word(state, layout.LAST)
    if word(state, layout.FIRST) == NONE:
        put(state, layout.FIRST, at)
        put(state, layout.FIRST_LINE, word(state, layout.LINES))
    put(state, layout.LAST, at)
    put(state, layout.TODAY, at // DAY + 1)
    put(state, layout.HELD, np.int64(word(settings, layout.FIRST_AT) <= at < word(settings, layout.END_AT)))
    if (
        last != NONE
        and last - at > MINUTE
        and word(state, layout.HELD)
        and word(settings, layout.WANT_EVENTS)
    ):
        keep_step(frame, at, last)
    for row in range(word(state, layout.PENDING), word(state, layout.EVENTS)):
        event = rows + 8 * layout.EVENT * row
        if word(event, layout.E_AFTER) == NONE:
            put(event, layout.E_AFTER, at)
    put(state, layout.PENDING, word(state, layout.EVENTS))


@jit
def keep_step(frame, at, last):
    """A line older than the one before it, as an event: the true instant lies between the two."""
    state = word(frame, layout.STATE)
    if word(state, layout.STEPS) < MOST_STEPS:
        more(state, layout.STEPS)
        row = word(state, layout.EVENTS)
        more(state, layout.EVENTS)
        keep_event(
            frame, row, at, group_word(word(state, layout.TODAY), 0, 0, layout.CLOCK_NUMBER, 0), nothing(0)
        )
        put(word(frame, layout.EVENT_ROWS) + 8 * layout.EVENT * row, layout.E_AFTER, last)


@jit
def sight(frame, at, shown):
    """Counts one request or message, and keeps it as an event where it is one."""
    state, settings = word(frame, layout.STATE), word(frame, layout.SETTING)
    follows = word(state, layout.FOLLOWS)
    if follows == 1:
        at = word(state, layout.LAST)
    if shown.once:
        if word(state, layout.OPENED) & shown.once:
            return
        put(state, layout.OPENED, word(state, layout.OPENED) | shown.once)
    today = word(state, layout.TODAY)
    if (today and not word(state, layout.HELD)) or (shown.notice and not word(settings, layout.WANT_EVENTS)):
        return
    untimed, status = np.int64(at == NONE), shown.status
    one = group_word(today, untimed, status, shown.message, shown.method)
    two = two_in_one(shown.client, shown.route)
    row = np.int64(-1)
    if word(settings, layout.WANT_EVENTS) and (status == 0 or shown.message or is_failure(frame, status)):
        row = word(state, layout.EVENTS)
        put(state, layout.EVENTS, row + 1)
        keep_event(frame, row, at, one, shown)
    mark = two_in_one(word(state, layout.CHUNK), word(state, layout.LINES))
    if status and not untimed and word(settings, layout.WANT_MINUTES):
        declared = np.int64(shown.message == layout.LOGIN_NUMBER)
        add(frame, layout.MINUTES, minute_word(at // MINUTE, declared, status, shown.method), two, mark)
    one = group_word(today, untimed, status, shown.message, shown.method * word(settings, layout.BY_METHOD))
    two = two_in_one(
        shown.client * word(settings, layout.BY_CLIENT), shown.route * word(settings, layout.BY_ROUTE)
    )
    if follows >= layout.CARRIED or (shown.once and word(state, layout.BEGUN) == 0):
        rows = word(frame, layout.ONCE_ROWS) + 8 * layout.ONCE * word(state, layout.ONCES)
        more(state, layout.ONCES)
        put(rows, layout.O_BIT, shown.once)
        put(rows, layout.O_ONE, one)
        put(rows, layout.O_TWO, two)
        put(rows, layout.O_ROW, row)
        put(rows, layout.O_LINE, word(state, layout.LINES))
        put(rows, layout.O_FOLLOWS, follows)
    elif not shown.notice and word(settings, layout.WANT_COUNTS):
        add(frame, layout.GROUPS if today else layout.HEADS, one, two, mark)


@inlined
def keep_event(frame, row, at, one, shown):
    """One row of events; bounds of an untimed one are the last time, and the next when it comes."""
    state, event = word(frame, layout.STATE), word(frame, layout.EVENT_ROWS) + 8 * layout.EVENT * row
    put(event, layout.E_LINE, word(state, layout.LINES))
    put(event, layout.E_AT, at)
    put(event, layout.E_BEFORE, word(state, layout.LAST) if at == NONE else at)
    put(event, layout.E_AFTER, at)
    put(event, layout.E_ONE, one)
    put(event, layout.E_TWO, two_in_one(shown.client, shown.route))
    put(event, layout.E_SUBJECT, shown.subject)
    put(event, layout.E_ONCE, 0)
