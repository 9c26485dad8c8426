"""Compiled sums: what a line that was read adds to counts, events and the state of time and record."""

import numpy as np

from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.fields import is_refusal
from audit_lib.logs.kernel.line import nothing
from audit_lib.logs.kernel.memory import inlined, jit, put, word
from audit_lib.logs.kernel.shared_arrays import (
    BEGUN,
    BY_CLIENT,
    BY_METHOD,
    BY_ROUTE,
    CHUNK,
    CLOCK_NUMBER,
    DATED,
    E_AFTER,
    E_AT,
    E_BEFORE,
    E_LINE,
    E_ONCE,
    E_ONE,
    E_SUBJECT,
    E_TWO,
    EVENT,
    EVENT_ROWS,
    EVENTS,
    FIRST,
    FIRST_DAY,
    FIRST_LINE,
    GROUPS,
    HEAD,
    HEADS,
    HELD,
    LAST,
    LAST_DAY,
    LINES,
    MINUTES,
    O_BIT,
    O_LINE,
    O_ONE,
    O_ROW,
    O_TWO,
    ONCE,
    ONCE_ROWS,
    ONCES,
    OPENED,
    PENDING,
    SETTING,
    STATE,
    STEPS,
    TODAY,
    WANT_COUNTS,
    WANT_EVENTS,
    WANT_MINUTES,
    WITHIN,
)
from audit_lib.logs.kernel.tables import add
from audit_lib.logs.units import DAY, MINUTE, MOST_STEPS


@inlined
def more(state, place):
    """One more."""
    put(state, place, word(state, place) + 1)


@inlined
def end_line(frame, at, record, place):
    """A line has ended as read, not understood or blank (`place`), with what it says of record and time."""
    state = word(frame, STATE)
    more(state, LINES)
    more(state, place)
    if record:
        put(state, BEGUN, 1)
        put(state, OPENED, 0)
    if at != NONE:
        note_time(frame, at)
    if word(state, TODAY) == 0:
        more(state, HEAD)
    else:
        more(state, DATED)
        put(state, WITHIN, word(state, WITHIN) + word(state, HELD))


@jit
def note_time(frame, at):
    """A line with a time: the day that follows from it, and the bound of the events that waited."""
    state, settings, rows = word(frame, STATE), word(frame, SETTING), word(frame, EVENT_ROWS)
    last = word(state, LAST)
    if word(state, FIRST) == NONE:
        put(state, FIRST, at)
        put(state, FIRST_LINE, word(state, LINES))
    put(state, LAST, at)
    today = at // DAY + 1
    if today != word(state, TODAY):
        put(state, TODAY, today)
        put(state, HELD, np.int64(word(settings, FIRST_DAY) <= today <= word(settings, LAST_DAY)))
    if last != NONE and last - at > MINUTE and word(state, HELD) and word(settings, WANT_EVENTS):
        keep_step(frame, at, last)
    for row in range(word(state, PENDING), word(state, EVENTS)):
        event = rows + 8 * EVENT * row
        if word(event, E_AFTER) == NONE:
            put(event, E_AFTER, at)
    put(state, PENDING, word(state, EVENTS))


@jit
def keep_step(frame, at, last):
    """A line older than the one before it, as an event: the true instant lies between the two."""
    state = word(frame, STATE)
    if word(state, STEPS) < MOST_STEPS:
        more(state, STEPS)
        row = word(state, EVENTS)
        more(state, EVENTS)
        keep_event(frame, row, at, word(state, TODAY) << 47 | CLOCK_NUMBER << 28, nothing(0))
        put(word(frame, EVENT_ROWS) + 8 * EVENT * row, E_AFTER, last)


@jit
def sight(frame, at, shown):
    """Counts one request or message, and keeps it as an event where it is one."""
    state, settings = word(frame, STATE), word(frame, SETTING)
    if shown.once:
        if word(state, OPENED) & shown.once:
            return
        put(state, OPENED, word(state, OPENED) | shown.once)
    today = word(state, TODAY)
    if (today and not word(state, HELD)) or (shown.notice and not word(settings, WANT_EVENTS)):
        return
    untimed, status = np.int64(at == NONE), shown.status
    one = today << 47 | untimed << 46 | status << 36 | shown.message << 28
    two = (shown.client * word(settings, BY_CLIENT)) << 32 | shown.route * word(settings, BY_ROUTE)
    row = np.int64(-1)
    if word(settings, WANT_EVENTS) and (status == 0 or is_refusal(status)):
        row = word(state, EVENTS)
        put(state, EVENTS, row + 1)
        keep_event(frame, row, at, one, shown)
    one |= shown.method * word(settings, BY_METHOD)
    mark = word(state, CHUNK) << 32 | word(state, LINES)
    if shown.once and word(state, BEGUN) == 0:
        rows = word(frame, ONCE_ROWS) + 8 * ONCE * word(state, ONCES)
        more(state, ONCES)
        put(rows, O_BIT, shown.once)
        put(rows, O_ONE, one)
        put(rows, O_TWO, two)
        put(rows, O_ROW, row)
        put(rows, O_LINE, word(state, LINES))
    elif not shown.notice and word(settings, WANT_COUNTS):
        add(frame, GROUPS if today else HEADS, one, two, 1, mark)
    if status and not untimed and word(settings, WANT_MINUTES):
        minute = (at // MINUTE) << 36 | status << 26 | shown.method
        add(frame, MINUTES, minute, shown.client << 32 | shown.route, 1, mark)


@inlined
def keep_event(frame, row, at, one, shown):
    """One row of events; bounds of an untimed one are the last time, and the next when it comes."""
    state, event = word(frame, STATE), word(frame, EVENT_ROWS) + 8 * EVENT * row
    put(event, E_LINE, word(state, LINES))
    put(event, E_AT, at)
    put(event, E_BEFORE, word(state, LAST) if at == NONE else at)
    put(event, E_AFTER, at)
    put(event, E_ONE, one | shown.method)
    put(event, E_TWO, shown.client << 32 | shown.route)
    put(event, E_SUBJECT, shown.subject)
    put(event, E_ONCE, 0)
