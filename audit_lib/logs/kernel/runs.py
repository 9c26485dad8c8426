"""Compiled searches for what a field takes: all bytes of a class, a name, an address."""

from audit_lib.base.compiled.memory import WIDTH, byte, inlined, jit, lowest, marks_of
from audit_lib.logs.kernel.match_steps import (
    BYTES,
    CLIENTS,
    DIGITS,
    DOTTED,
    EMAILS,
    HEXES,
    LETTERS,
    NAME,
    PEER,
    ROUTE,
    SP,
    VARIABLES,
    WORD,
)
from audit_lib.logs.kernel.shared_arrays import MISS


def _outside(members):
    """The marks of bytes that end a run of a class."""
    return marks_of(bytes(set(range(256)) - set(BYTES[members])), WIDTH)


not_sp, not_digits, not_word, not_name, not_dotted = map(_outside, (SP, DIGITS, WORD, NAME, DOTTED))
not_peer, not_client, not_letters, not_route = map(_outside, (PEER, CLIENTS, LETTERS, ROUTE))
not_email, not_variable, not_hex = map(_outside, (EMAILS, VARIABLES, HEXES))


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
        elif members == HEXES:
            marks = not_hex(pos)
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
def address_end(pos, end):
    """The end of an address (templates.ADDRESS), or MISS."""
    at, group = pos, 0
    while group < 4:
        digits = 0
        while at < end and digits < 3 and 48 <= byte(at) <= 57:
            at, digits = at + 1, digits + 1
        group += 1
        if digits == 0 or (group < 4 and (at >= end or byte(at) != 46)):
            break
        if group == 4:
            after = at + 1 if at < end and byte(at) == 46 else at
            if after >= end or not 48 <= byte(after) <= 57:
                return at
            break
        at += 1
    stop, colons = run_end(HEXES, pos, end), 0
    for at in range(pos, stop):
        colons += byte(at) == 58
    while stop > pos and (byte(stop - 1) == 46 or (byte(stop - 1) == 58 and not is_pair(pos, stop))):
        stop -= 1
    if colons < 2 or stop == pos:
        return MISS
    at = stop + 1
    if stop < end and byte(stop) == 37:
        while at < end and is_alphanumeric(byte(at)):
            at += 1
    return at if at > stop + 1 else stop


@inlined
def is_pair(pos, stop):
    """Whether two colons end a text."""
    return stop - pos >= 2 and byte(stop - 2) == 58


@inlined
def is_alphanumeric(value):
    """Whether a byte is an ASCII letter or a digit."""
    return 48 <= value <= 57 or 65 <= value <= 90 or 97 <= value <= 122
