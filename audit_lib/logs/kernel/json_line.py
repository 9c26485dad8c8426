"""Compiled reading of a structured (JSON) line; whatever is not plain is left to the naive reader."""

import numpy as np

from audit_lib.base.compiled.memory import apart, byte, put, stay_apart, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.json_text import ESCAPED, TEXT_VALUE, skip_space, text_at, value_end
from audit_lib.logs.kernel.line_fields import nowhere, taken
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.named_fields import RECORDS, SIZE, WRAPPER, Value, clear, name_of

MOST_DEPTH = layout.MOST_DEPTH
# Of each object or list that is open: its depth by names, whether it is a list, and one that is passed over.
_DEPTH, _LIST, _PASSED = 2, 2, 1


@apart
def read_fields(frame, begin, end, inner):
    """The fields of an object, of objects within it, too; its text goes to `inner`."""
    stay_apart()
    clear(frame)
    opened = word(frame, layout.FOUND) + 8 * SIZE * layout.FIELDS
    put(opened, 0, 0)
    pos, level, expecting = skip_space(begin + 1, end), 0, False
    while True:
        if pos >= end:
            return nowhere()
        top = word(opened, level)
        if byte(pos) == (93 if top & _LIST else 125) and not expecting:
            level -= 1
            pos = skip_space(pos + 1, end)
            if level < 0:
                break
        else:
            name, name_end = pos, pos
            if not top & _LIST:
                if byte(pos) != 34:
                    return nowhere()
                text = text_at(pos + 1, end)
                if text.end < 0 or text.holds & ESCAPED:
                    return nowhere()
                name, name_end = pos + 1, text.end
                pos = skip_space(text.end + 1, end)
                if pos >= end or byte(pos) != 58:
                    return nowhere()
                pos = skip_space(pos + 1, end)
                if pos >= end:
                    return nowhere()
            depth, expecting = top >> _DEPTH, False
            if byte(pos) == 123 or byte(pos) == 91:
                more, dots = name_of(frame, name, name_end, Value(0, 0, pos, pos, depth))
                is_list = byte(pos) == 91
                if (more & 2 and is_list and not top & _PASSED) or (more & RECORDS and level == 0):
                    return nowhere()
                if more & WRAPPER and level == 0:
                    put(word(frame, layout.FOUND), SIZE * layout.J_WRAPPER, 1)
                passed = top & _PASSED or more & 1 or is_list or top & _LIST
                level, depth = level + 1, depth + dots + 1
                if level >= MOST_DEPTH or depth >= MOST_DEPTH:
                    return nowhere()
                put(opened, level, depth << _DEPTH | (_LIST if is_list else 0) | (_PASSED if passed else 0))
                pos = skip_space(pos + 1, end)
                continue
            if byte(pos) == 34:
                text = text_at(pos + 1, end)
                kind, holds, first, stop, after = TEXT_VALUE, text.holds, pos + 1, text.end, text.end + 1
            else:
                kind, stop = value_end(pos, end)
                holds, first, after = 0, pos, stop
            if stop < 0:
                return nowhere()
            if name_end > name and not top & _PASSED:
                value = Value(np.int64(kind), np.int64(holds), first, stop, depth + 1)
                if name_of(frame, name, name_end, value)[0] == AWAY:
                    return nowhere()
            pos = skip_space(after, end)
        if pos >= end:
            return nowhere()
        if byte(pos) == 44:
            pos, expecting = skip_space(pos + 1, end), True
        elif byte(pos) == (93 if word(opened, level) & _LIST else 125):
            expecting = False
        else:
            return nowhere()
    return taken(frame, inner, True) if pos == end else nowhere()
