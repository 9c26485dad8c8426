"""Compiled rules of fields, as in `logs/fields.py`: client without port, route without identifiers."""

from audit_lib.base.compiled.memory import byte, find_byte, inlined, jit, lowest, marks_of, put_byte, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.tables import number_of

WIDTH = 32  # so many bytes are looked at together
question_marks = marks_of(b"?", WIDTH)


@inlined
def is_failure(frame, status):
    """Whether a request with this status is an event; messages have none, and are no requests."""
    return word(word(frame, layout.SETTING), layout.FAILURES + status) & 1 != 0


@jit
def is_symbol(value):
    """Whether a byte can stand before the text of a message: no letter, digit, [ or (."""
    return not (48 <= value <= 57 or 65 <= value <= 91 or 97 <= value <= 122 or value == 40)


@jit
def host_of(pos, end, always):
    """Where a client's text begins and ends without port and brackets."""
    if pos < end and byte(pos) == 91:
        at = end - 1
        while at > pos and byte(at) != 93:
            at -= 1
        if at > pos:
            return pos + 1, at
    at = end
    while at > pos and 48 <= byte(at - 1) <= 57:
        at -= 1
    if at < end and at > pos and byte(at - 1) == 58:
        host = at - 1
        if always or find_byte(pos, host, 58) == host or ends_with_a_point(pos, host):
            return pos, host
    return pos, end


@inlined
def ends_with_a_point(pos, end):
    """Whether a point stands in what follows the last colon of an address."""
    while end > pos and byte(end - 1) != 58:
        end -= 1
        if byte(end) == 46:
            return True
    return False


@inlined
def number_client(frame, pos, end, always):
    """The number of a client's text, without port and brackets."""
    begin, stop = host_of(pos, end, always)
    return number_of(frame, begin, stop)


@jit
def path_begin(pos, end):
    """Where the path of a URL begins, behind scheme and host; AWAY (-2) if it has none."""
    at = pos
    while at < end and (65 <= byte(at) <= 90 or 97 <= byte(at) <= 122):
        at += 1
    if at == pos or end - at < 3 or byte(at) != 58 or byte(at + 1) != 47 or byte(at + 2) != 47:
        return layout.AWAY
    at += 3
    while at < end and byte(at) != 47:
        if byte(at) == 63 or byte(at) == 35 or byte(at) == 59:
            return layout.AWAY
        at += 1
    return at if at < end else layout.AWAY


@jit
def collapse_route(frame, pos, end):
    """Writes a path without query, each identifier in it collapsed (log_fields.collapse); where it ends."""
    scratch = word(frame, layout.SCRATCH)
    stop = pos
    while stop < end and byte(stop) != 63 and byte(stop) != 35 and byte(stop) != 59:
        stop += 1
    out, at, segment = scratch, pos + 1, 0
    while at <= stop:
        put_byte(out, 47)
        out += 1
        begin, digits, hexes, marks, small, odd = at, 0, 0, 0, 0, False
        while at < stop and byte(at) != 47:
            value = byte(at)
            if 97 <= value <= 122:
                small += 1
                hexes += value <= 102
            elif 48 <= value <= 57:
                digits += 1
            elif value == 45:
                marks += 1
                hexes += 1
                small += 1
            elif value == 95:
                marks += 1
                small += 1
            elif value == 46 or value == 44 or value == 58 or value == 43:
                marks += 1
            elif 65 <= value <= 70:
                hexes += 1
            elif value == 64 or (value == 37 and at + 2 < stop and byte(at + 1) == 52 and byte(at + 2) == 48):
                odd = True
            put_byte(out, value)
            out += 1
            at += 1
        size = at - begin
        segment += 1
        collapse = odd or size >= 40 or (digits > 0 and digits + marks == size) or segment > 11
        collapse = collapse or (digits > 0 and size >= 8 and digits + hexes == size)
        collapse = collapse or (size >= 16 and digits > 0) or (size >= 24 and small != size)
        if collapse:
            out -= size
            put_byte(out, 123)
            put_byte(out + 1, 105)
            put_byte(out + 2, 100)
            put_byte(out + 3, 125)
            out += 4
        if segment > 11:
            break
        at += 1
    return out


@inlined
def number_route(frame, pos, end):
    """The number of a path without query, each identifier in it collapsed."""
    return number_of(frame, word(frame, layout.SCRATCH), collapse_route(frame, pos, end))


@inlined
def query_at(pos, end):
    """Where the query of a path begins, or `end`."""
    while pos < end:
        marks = question_marks(pos)
        if marks:
            return min(end, pos + lowest(marks))
        pos += WIDTH
    return end


@jit
def secret_parameter(frame, pos, end):
    """Whether a query has a parameter with a value whose name ends like a secret's."""
    rows, text = word(frame, layout.PARAMETERS), word(frame, layout.TEXT)
    at = query_at(pos, end)
    while at < end:
        at += 1
        name = at
        while at < end and byte(at) != 38 and byte(at) != 61:
            at += 1
        if at + 1 < end and byte(at) == 61 and byte(at + 1) != 38:
            for row in range(0, word(frame, layout.ARRAYS + layout.PARAMETERS), 2):
                if ends_with(name, at, text + word(rows, row), word(rows, row + 1)):
                    return True
        at = find_byte(at, end, 38)
    return False


@jit
def ends_with(pos, end, text, size):
    """Whether a text ends with a word in small letters, however it is written."""
    if end - pos < size:
        return False
    pos = end - size
    for i in range(size):
        value = byte(pos + i)
        if (value + 32 if 65 <= value <= 90 else value) != byte(text + i):
            return False
    return True
