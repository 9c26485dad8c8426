"""Compiled reading of one line: prefixes, then a request or a message, as numbers."""

from typing import NamedTuple

import numpy as np

from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.fields import is_refusal, is_symbol, number_client, number_route, secret_parameter
from audit_lib.logs.kernel.find_block import AWAY, first_inner_prefix, first_message, first_prefix
from audit_lib.logs.kernel.memory import byte, eight, inlined, jit, word
from audit_lib.logs.kernel.shared_arrays import (
    BLOCK_AT,
    BY_CLIENT,
    BY_METHOD,
    BY_ROUTE,
    CAPTURES,
    FIXED_STATUS,
    METHOD_AT,
    METHOD_TO,
    NOTICE,
    NUMBER,
    PORT,
    RECORD,
    REPEAT,
    SETTING,
    STATUS_AT,
    STRING_LIMIT,
    TEXT,
    TIME_AT,
    WANT_EVENTS,
    WANT_MINUTES,
)
from audit_lib.logs.kernel.tables import number_of
from audit_lib.logs.kernel.times import MISS

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
def read_head(frame, pos, end):
    """Takes prefixes off the line, as long as one matches."""
    caps = word(frame, CAPTURES)
    at, record, prefixed, client = NONE, False, False, np.int64(0)
    for _ in range(DEPTH):
        after = first_inner_prefix(frame, pos, end) if prefixed else first_prefix(frame, pos, end)
        if after == MISS:
            break
        if after == AWAY or word(caps, 3) - word(caps, 2) > STRING_LIMIT:
            return Head(AWAY, at, record, prefixed, client)
        prefixed = True
        at = word(caps, TIME_AT) if at == NONE else at
        if client == 0 and word(caps, 3) > word(caps, 2):
            client = number_client(frame, word(caps, 2), word(caps, 3), False)
        if word(word(caps, BLOCK_AT), RECORD) and not is_traceback(after, end):
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
    caps = word(frame, CAPTURES)
    block = word(caps, BLOCK_AT)
    fixed, status = word(block, METHOD_TO), word(block, FIXED_STATUS)
    if status == 0:
        status = word(caps, STATUS_AT)
    begin, end = word(caps, 4), word(caps, 5)
    if fixed:
        begin, end = word(frame, TEXT) + word(block, METHOD_AT), word(frame, TEXT) + fixed
    return requested(frame, status, begin, end, word(block, PORT) != 0)


@inlined
def requested(frame, status, begin, end, always):
    """What a request shows: its method from `begin` to `end`, client and path from captures."""
    caps, zero = word(frame, CAPTURES), np.int64(0)
    path, stop = word(caps, 6), word(caps, 7)
    if (
        stop - path > STRING_LIMIT
        or word(caps, 3) - word(caps, 2) > STRING_LIMIT
        or end - begin > STRING_LIMIT
    ):
        return nothing(AWAY)
    settings, client, method, route = word(frame, SETTING), zero, zero, zero
    if stop > path and word(settings, WANT_EVENTS) and secret_parameter(frame, path, stop):
        return nothing(AWAY)
    # A request that is only counted needs no more than what it is counted by.
    whole = word(settings, WANT_MINUTES) or (word(settings, WANT_EVENTS) and is_refusal(status))
    if stop > path and (whole or word(settings, BY_ROUTE)):
        if byte(path) != 47:
            return nothing(AWAY)
        route = number_route(frame, path, stop)
    if whole or word(settings, BY_CLIENT):
        client = number_client(frame, word(caps, 2), word(caps, 3), always)
    if whole or word(settings, BY_METHOD):
        method = number_of(frame, begin, end)
    return Shown(
        np.int64(status), zero, np.int64(method), np.int64(client), np.int64(route), zero, zero, zero
    )


@jit
def read_message(frame, pos, end, client):
    """What a message shows that stands where the text begins, after symbols and emoji."""
    caps, zero = word(frame, CAPTURES), np.int64(0)
    while pos < end and is_symbol(byte(pos)):
        pos += 1
    after = first_message(frame, pos, end)
    if after == MISS:
        return nothing(0)
    block = word(caps, BLOCK_AT)
    path, stop = word(caps, 6), word(caps, 7)
    if after == AWAY or (stop > path and byte(path) != 47) or end - pos > STRING_LIMIT:
        return nothing(AWAY)
    if word(caps, 3) > word(caps, 2):
        client = number_of(frame, word(caps, 2), word(caps, 3))
    route = number_route(frame, path, stop) if stop > path else zero
    subject = number_of(frame, word(caps, 8), word(caps, 9))
    if word(caps, 11) > word(caps, 10):
        subject = number_of(frame, word(caps, 10), word(caps, 11))
    return Shown(
        zero,
        word(block, NUMBER) + 1,
        zero,
        np.int64(client),
        np.int64(route),
        np.int64(subject),
        word(block, NOTICE),
        word(block, REPEAT),
    )
