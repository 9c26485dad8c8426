"""Compiled reading of key=value pairs (logfmt): the same fields as those of a JSON line."""

import numpy as np

from audit_lib.base.compiled.memory import apart, byte, find_byte, inlined, jit, stay_apart
from audit_lib.logs.kernel.json_text import ESCAPED, TEXT_VALUE
from audit_lib.logs.kernel.line_fields import nowhere, taken
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.named_fields import Value, clear, name_of
from audit_lib.logs.kernel.runs import is_alphanumeric


@inlined
def name_end(pos, end):
    """Where the name of a pair ends, at its equals sign, or AWAY."""
    if (
        pos >= end
        or not (is_alphanumeric(byte(pos)) or byte(pos) == 95 or byte(pos) == 64)
        or byte(pos) <= 57
    ):
        return AWAY
    while pos < end:
        value = byte(pos)
        if value == 61:
            return pos
        if not (is_alphanumeric(value) or value == 95 or value == 46 or value == 64 or value == 45):
            return AWAY
        pos += 1
    return AWAY


@jit
def value_of(pos, end):
    """The value behind an equals sign: its span, whether it holds an escape, and where the pair ends."""
    if pos < end and byte(pos) == 34:
        at, holds = pos + 1, 0
        while at < end and byte(at) != 34:
            if byte(at) == 92:
                at, holds = at + 1, ESCAPED
            at += 1
        if at < end and (at + 1 == end or byte(at + 1) == 32):
            return pos + 1, at, holds, at + 1
    stop = find_byte(pos, end, 32)
    return pos, stop, 0, stop


@inlined
def next_token(pos, end):
    """Past the spaces."""
    while pos < end and byte(pos) == 32:
        pos += 1
    return pos


@inlined
def has_pairs(pos, end):
    """Whether a text begins with two pairs."""
    equals = name_end(pos, end)
    if equals < 0:
        return False
    return name_end(next_token(value_of(equals + 1, end)[3], end), end) >= 0


@apart
def read_pairs(frame, pos, end, inner):
    """The fields of all pairs of a text; its own text goes to `inner`."""
    stay_apart()
    clear(frame)
    while pos < end:
        equals = name_end(pos, end)
        if equals < 0:
            pos = next_token(find_byte(pos, end, 32), end)
            continue
        begin, stop, holds, after = value_of(equals + 1, end)
        value = Value(np.int64(TEXT_VALUE), np.int64(holds), begin, stop, np.int64(1))
        if name_of(frame, pos, equals, value)[0] == AWAY:
            return nowhere()
        pos = next_token(after, end)
    return taken(frame, inner, False)
