"""Compiled: the request that the text of a structured line is, if no field names its method and path."""

from audit_lib.base.compiled.memory import byte, eight, find_byte, inlined, jit, put, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.runs import LETTERS, run_end

_BEFORE = b"HTTP: "  # may stand before the method, and the version behind the path
_HEAD, _MASK = int.from_bytes(_BEFORE, "little"), (1 << 8 * len(_BEFORE)) - 1
_VERSION = int.from_bytes(b" HTTP/", "little")


@inlined
def is_path(pos, end):
    """Whether a path begins with a slash or a scheme."""
    at = run_end(LETTERS, pos, end)
    scheme = at > pos and end - at >= 3 and byte(at) == 58 and byte(at + 1) == 47 and byte(at + 2) == 47
    return byte(pos) == 47 or scheme


@jit
def keep_told_request(caps, row):
    """Keeps method and path of a text that is GET /path and no more; AWAY where the naive reader decides."""
    pos, end = word(row, 2), word(row, 3)
    if not 65 <= byte(pos) <= 90:
        return 0
    if word(row, 1):
        return AWAY
    pos += len(_BEFORE) if end - pos > len(_BEFORE) and eight(pos) & _MASK == _HEAD else 0
    stop = pos
    while stop < end and 65 <= byte(stop) <= 90:
        stop += 1
    if not 3 <= stop - pos <= 16 or stop == end or byte(stop) != 32:
        return 0
    path_end = find_byte(stop + 1, end, 32)
    if path_end > stop + 1 and is_path(stop + 1, path_end) and is_version(path_end, end):
        put(caps, layout.C_METHOD, pos)
        put(caps, layout.C_METHOD_END, stop)
        put(caps, layout.C_PATH, stop + 1)
        put(caps, layout.C_PATH_END, path_end)
    return 0


@inlined
def is_version(pos, end):
    """Whether nothing stands there but perhaps a version of HTTP."""
    if pos == end:
        return True
    if end - pos <= len(_BEFORE) or eight(pos) & _MASK != _VERSION:
        return False
    at = pos + len(_BEFORE)
    while at < end and (byte(at) == 46 or 48 <= byte(at) <= 57):
        at += 1
    return at == end
