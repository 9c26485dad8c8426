"""Compiled answers of declared logins: what a request is to them, by status, method, route and parameter."""

import numpy as np

from audit_lib.base.compiled.memory import byte, find_byte, inlined, jit, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.fields import collapse_route, ends_with, path_begin, query_at
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.tables import number_of


@inlined
def login_number(frame, status, begin, end, path, stop):
    """The number of what a request is to declared logins, and that of its parameter's name; 0 for none.

    Its method is from `begin` to `end`. AWAY for a path that must be decoded first.
    """
    if stop == path or word(word(frame, layout.SETTING), layout.FAILURES + status) & 2 == 0:
        return np.int64(0), np.int64(0)
    return _fitting(frame, status, begin, end, path, stop)


@jit
def _fitting(frame, status, begin, end, path, stop):
    rows, text = word(frame, layout.LOGINS), word(frame, layout.TEXT)
    scratch, last = word(frame, layout.SCRATCH), np.int64(0)
    for place in range(0, word(frame, layout.ARRAYS + layout.LOGINS), layout.LOGIN):
        row = rows + 8 * place
        if not word(row, layout.L_LEAST) <= status <= word(row, layout.L_MOST):
            continue
        if not equals(begin, end, text + word(row, layout.L_METHOD), word(row, layout.L_METHOD_SIZE)):
            continue
        if last == 0:
            if byte(path) != 47:
                path = path_begin(path, stop)
            if path < 0 or needs_decoding(path, stop):
                return np.int64(AWAY), np.int64(0)
            last = collapse_route(frame, path, stop)
            if last - scratch > 1 and byte(last - 1) == 47:
                last -= 1
        if not equals(scratch, last, text + word(row, layout.L_ROUTE), word(row, layout.L_ROUTE_SIZE)):
            continue
        name, size = text + word(row, layout.L_NAME), word(row, layout.L_NAME_SIZE)
        if size == 0:
            return word(row, layout.L_NUMBER), np.int64(0)
        if has_parameter(path, stop, name, size):
            return word(row, layout.L_NUMBER), np.int64(number_of(frame, name, name + size))
    return np.int64(0), np.int64(0)


@inlined
def equals(pos, end, text, size):
    """Whether a text is one in small letters, however it is written."""
    return end - pos == size and ends_with(pos, end, text, size)


@jit
def needs_decoding(pos, end):
    """Whether a path has a percent sign before its query."""
    while pos < end and byte(pos) != 63 and byte(pos) != 35 and byte(pos) != 59:
        if byte(pos) == 37:
            return True
        pos += 1
    return False


@jit
def has_parameter(pos, end, name, size):
    """Whether the query of a path has a parameter of this name."""
    at = query_at(pos, end)
    while at < end:
        at += 1
        begin = at
        while at < end and byte(at) != 38 and byte(at) != 61:
            at += 1
        if equals(begin, at, name, size):
            return True
        at = find_byte(at, end, 38)
    return False
