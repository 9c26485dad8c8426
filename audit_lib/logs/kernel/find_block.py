"""The choice of a block, whose machine code is made of the formats (code.py), and what that code calls."""

import numpy as np
from numba import types

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.match_steps import PHASES, SHOWS
from audit_lib.logs.kernel.memory import byte, eight, jit
from audit_lib.logs.kernel.times import MISS, asctime, clf_time, iso_time, syslog_time
from audit_lib.logs.templates import LEVELS

AWAY = np.int64(layout.AWAY)

_INT = types.int64
# Each takes the frame, an address and the end of the text; code.py says what it gives and leaves behind.
CHOICES = first_prefix, first_inner_prefix, first_body, first_message = tuple(
    types.ExternalFunction(name, _INT(_INT, _INT, _INT)) for name in PHASES
)
shows_anywhere = types.ExternalFunction(SHOWS, _INT(_INT, _INT))

# The names of levels as numbers, with the mask of their bytes and their lengths.
_LEVELS = np.array(
    [
        [
            int.from_bytes(part.ljust(8, b"\0"), "little", signed=True)
            for part in (level, b"\xff" * len(level))
        ]
        + [len(level)]
        for level in LEVELS
    ],
    np.int64,
)


@jit
def level_end(pos, end):
    """The end of a level's name, or MISS."""
    text = eight(pos)
    for row in range(len(_LEVELS)):
        if text & _LEVELS[row, 1] == _LEVELS[row, 0]:
            at = pos + _LEVELS[row, 2]
            if at <= end and (at == end or byte(at) < 65 or byte(at) > 90):
                return at
    return MISS


# What the code of formats calls, by the names of choice.py.
HELPERS = {
    "time": iso_time,
    "time:clf": clf_time,
    "time:asctime": asctime,
    "time:syslog": syslog_time,
    "level": level_end,
}
