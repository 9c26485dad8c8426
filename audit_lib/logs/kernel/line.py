"""Compiled reading of one line: prefixes, then a request or a message, as numbers."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import byte, eight, inlined, jit, put, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.fields import (
    is_failure,
    is_symbol,
    number_client,
    number_route,
    path_begin,
    secret_parameter,
)
from audit_lib.logs.kernel.login_answer import login_number
from audit_lib.logs.kernel.match import AWAY, first_match
from audit_lib.logs.kernel.possible_failure import client_span, possible_number
from audit_lib.logs.kernel.tables import number_of
from audit_lib.logs.kernel.times import MISS
from audit_lib.logs.units import YEARLESS, ZONELESS

DEPTH = 6
_TRACEBAC = int.from_bytes(b"Tracebac", "little")


class Head(NamedTuple):
    """Where a line's text begins, when it was, and what its prefixes gave; `pos` is AWAY for a rare shape."""

    pos: int
    at: int
    record: bool
    prefixed: bool
    client: int


class Shown(NamedTuple):
    """What a line shows: a status makes it a request, a message number a message; AWAY as a status: ask."""

    status: int
    message: int
    method: int
    client: int
    route: int
    subject: int
    notice: int
    once: int


@inlined
def nothing(status):
    """No request and no message."""
    zero = np.int64(0)
    return Shown(np.int64(status), zero, zero, zero, zero, zero, zero, zero)


@inlined
def keep_lacks(frame, lacks):
    """Keeps in the state what the time of a line has not of its own."""
    state = word(frame, layout.STATE)
    put(state, layout.NO_ZONE, word(state, layout.NO_ZONE) | lacks & ZONELESS)
    put(state, layout.NO_YEAR, word(state, layout.NO_YEAR) | lacks & YEARLESS)


@inlined
def read_head(frame, shape, pos, end, at, record, client):
    """Takes prefixes off a text, as long as one matches, behind a time, a record and a client."""
    caps, prefixed = word(frame, layout.CAPTURES), False
    for _ in range(DEPTH):
        after = first_match(frame, layout.INNER_PREFIX if prefixed else layout.PREFIX, shape, pos, end)
        if after == MISS:
            break
        if (
            after == AWAY
            or word(caps, layout.C_CLIENT_END) - word(caps, layout.C_CLIENT) > layout.STRING_LIMIT
        ):
            return Head(AWAY, at, record, prefixed, client)
        prefixed = True
        if at == NONE and word(caps, layout.TIME_AT) != NONE:
            at = word(caps, layout.TIME_AT)
            keep_lacks(frame, word(caps, layout.TIME_LACKS))
        if client == 0 and word(caps, layout.C_CLIENT_END) > word(caps, layout.C_CLIENT):
            client = number_client(frame, word(caps, layout.C_CLIENT), word(caps, layout.C_CLIENT_END), False)
        if word(word(caps, layout.BLOCK_AT), layout.RECORD) and not is_traceback(after, end):
            record = True
        pos = after
    return Head(np.int64(pos), at, record, prefixed, client)


@jit
def is_traceback(pos, end):
    """Whether a text begins with "Traceback"."""
    return end - pos >= 9 and eight(pos) == _TRACEBAC and byte(pos + 8) == 107


@inlined
def read_request(frame):
    """What a request shows, from its block and captures."""
    caps = word(frame, layout.CAPTURES)
    block = word(caps, layout.BLOCK_AT)
    fixed, status = word(block, layout.METHOD_TO), word(block, layout.FIXED_STATUS)
    if status == 0:
        status = word(caps, layout.STATUS_AT)
    begin, end = word(caps, layout.C_METHOD), word(caps, layout.C_METHOD_END)
    if fixed:
        begin, end = (
            word(frame, layout.TEXT) + word(block, layout.METHOD_AT),
            word(frame, layout.TEXT) + fixed,
        )
    return requested(frame, status, begin, end, word(block, layout.PORT) != 0, np.int64(0))


@inlined
def requested(frame, status, begin, end, always, given):
    """What a request shows: its method from `begin` to `end`, client (else the `given` one) and path."""
    caps, zero = word(frame, layout.CAPTURES), np.int64(0)
    path, stop = word(caps, layout.C_PATH), word(caps, layout.C_PATH_END)
    if (
        stop - path > layout.STRING_LIMIT
        or word(caps, layout.C_CLIENT_END) - word(caps, layout.C_CLIENT) > layout.STRING_LIMIT
        or end - begin > layout.STRING_LIMIT
    ):
        return nothing(AWAY)
    settings, client, method, route = word(frame, layout.SETTING), zero, zero, zero
    if stop > path and word(settings, layout.WANT_EVENTS) and secret_parameter(frame, path, stop):
        return nothing(AWAY)
    login, name = login_number(frame, status, begin, end, path, stop)
    if login == AWAY:
        return nothing(AWAY)
    # A request that is only counted needs no more than what it is counted by.
    failed = is_failure(frame, status) or login != 0
    whole = word(settings, layout.WANT_MINUTES) or (word(settings, layout.WANT_EVENTS) and failed)
    if stop > path and (whole or word(settings, layout.BY_ROUTE)):
        if byte(path) != 47:
            path = path_begin(path, stop)
            if path < 0:
                return nothing(AWAY)
        route = number_route(frame, path, stop)
    if whole or word(settings, layout.BY_CLIENT):
        begin_, stop_ = word(caps, layout.C_CLIENT), word(caps, layout.C_CLIENT_END)
        client = number_client(frame, begin_, stop_, always) if stop_ > begin_ else given
    if whole or word(settings, layout.BY_METHOD):
        method = number_of(frame, begin, end)
    return Shown(
        np.int64(status), login, np.int64(method), np.int64(client), np.int64(route), name, zero, zero
    )


@jit
def read_possible(frame, pos, end, client):
    """What a text shows that no message matches: perhaps a failed login."""
    zero = np.int64(0)
    if end - pos > layout.STRING_LIMIT:
        return nothing(AWAY)
    message = possible_number(frame, pos, end)
    if message == 0:
        return nothing(0)
    begin, stop = client_span(frame, pos, end)
    if stop > begin:
        client = number_of(frame, begin, stop)
    return Shown(zero, np.int64(message), zero, np.int64(client), zero, zero, zero, zero)


@jit
def read_message(frame, shape, pos, end, client):
    """What a message shows that stands where the text begins, after symbols and emoji."""
    caps, zero = word(frame, layout.CAPTURES), np.int64(0)
    while pos < end and is_symbol(byte(pos)):
        pos += 1
    after = first_match(frame, layout.MESSAGE, shape, pos, end)
    if after == MISS:
        return read_possible(frame, pos, end, client)
    block = word(caps, layout.BLOCK_AT)
    path, stop = word(caps, layout.C_PATH), word(caps, layout.C_PATH_END)
    if after == AWAY or (stop > path and byte(path) != 47) or end - pos > layout.STRING_LIMIT:
        return nothing(AWAY)
    if word(caps, layout.C_CLIENT_END) > word(caps, layout.C_CLIENT):
        client = number_client(frame, word(caps, layout.C_CLIENT), word(caps, layout.C_CLIENT_END), False)
    route = number_route(frame, path, stop) if stop > path else zero
    subject = number_of(frame, word(caps, layout.C_EMAIL), word(caps, layout.C_EMAIL_END))
    if word(caps, layout.C_VARIABLE_END) > word(caps, layout.C_VARIABLE):
        subject = number_of(frame, word(caps, layout.C_VARIABLE), word(caps, layout.C_VARIABLE_END))
    return Shown(
        zero,
        word(block, layout.NUMBER) + 1,
        zero,
        np.int64(client),
        np.int64(route),
        np.int64(subject),
        word(block, layout.NOTICE),
        word(block, layout.REPEAT),
    )
