"""Compiled: the fields that a structured line names, in the form in which it is counted."""

from typing import NamedTuple

import numpy as np

from audit_lib.base.compiled.memory import inlined, jit, put, word
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.digits import NONE
from audit_lib.logs.kernel.json_text import ESCAPED, WIDE, one_line
from audit_lib.logs.kernel.login_outcome import IS_LOGIN, may_tell, put_refused, refused_login
from audit_lib.logs.kernel.match import AWAY
from audit_lib.logs.kernel.named_fields import SIZE
from audit_lib.logs.kernel.times import WHOLE
from audit_lib.logs.kernel.told_request import keep_told_request

ASIDE = np.int64(-(1 << 61))  # as an instant: the naive reader decides
_CAPTURED = (
    (layout.J_CLIENT, layout.C_CLIENT),
    (layout.J_METHOD, layout.C_METHOD),
    (layout.J_PATH, layout.C_PATH),
)


class Fields(NamedTuple):
    """What a structured line names: client, method and path are in the captures, the text in a buffer."""

    at: int
    lacks: int  # of the time
    status: int
    size: int
    level: bool
    cause: bool  # whether what stands behind the text may tell, if that does not


@jit
def taken(frame, inner, json):
    """The fields in the form that a line is counted in; the text goes to `inner`."""
    found, caps = word(frame, layout.FOUND), word(frame, layout.CAPTURES)
    for field, capture in _CAPTURED:
        row = row_of(found, field)
        is_seen = word(row, 0) != 0
        put(caps, capture, word(row, 2) if is_seen else 0)
        put(caps, capture + 1, word(row, 3) if is_seen else 0)
    if word(found, SIZE * layout.J_WRAPPER) and not names_anything(found):
        return nowhere()
    told = refused_login(frame, row_of(found, layout.J_ENDED), row_of(found, layout.J_EVENT))
    text, status = row_of(found, layout.J_TEXT), row_of(found, layout.J_STATUS)
    time = row_of(found, layout.J_TIME)
    is_bare = word(caps, layout.C_PATH_END) == 0 and word(caps, layout.C_METHOD_END) == 0
    if told == 0 and is_bare and word(text, 0) and word(status, 0) and keep_told_request(caps, text) == AWAY:
        return nowhere()
    return Fields(
        word(time, 4) if word(time, 0) else NONE,
        word(time, 1) if word(time, 0) else WHOLE,
        word(status, 4) if word(status, 0) else np.int64(0),
        np.int64(text_size(text, told, inner, json)),
        word(row_of(found, layout.J_LEVEL), 0) != 0,
        told == 0 and has_cause(frame, found, text, json),
    )


@inlined
def row_of(found, field):
    """Where the words of a field stand."""
    return found + 8 * SIZE * field


@inlined
def text_size(text, told, inner, json):
    """The length of the text, which is written to `inner`: of a refused login if the fields tell one."""
    if told:
        return put_refused(inner) if told == IS_LOGIN else AWAY
    if word(text, 0) == 0:
        return 0
    if json and word(text, 1) & WIDE:
        return AWAY
    return one_line(word(text, 2), word(text, 3), inner, word(text, 1) & ESCAPED != 0, json)


@inlined
def has_cause(frame, found, text, json):
    """Whether another field than the text may say why; pairs without a text have none."""
    cause = row_of(found, layout.J_CAUSE)
    if word(cause, 0) == 0:
        return False
    is_other = word(cause, 2) != word(text, 2) if word(text, 0) else json
    return is_other and may_tell(frame, cause)


@inlined
def names_anything(found):
    """Whether a line names any field but events."""
    count = 0
    for field in range(layout.J_EVENT):
        count += word(found, SIZE * field) != 0
    return count > 0


@inlined
def nowhere():
    """What stands for a line that the naive reader decides on."""
    return Fields(ASIDE, WHOLE, np.int64(0), np.int64(0), False, False)
