"""A clock that was set back where two chunks meet, and how many such steps of one file are kept."""

import numpy as np

from audit_lib.sources.kernel import layout
from audit_lib.sources.kernel.layout import NONE, Ints
from audit_lib.sources.log_sums import day_text
from audit_lib.sources.log_tally import Period

_NUMBER = layout.CLOCK_NUMBER << 28


def with_steps(events: Ints, state: Ints, last: int, lines: int, kept: int, *, period: Period) -> Ints:
    """A chunk's events with a step from the time before it, less those steps that are beyond the limit.

    Args:
        events: of the chunk, with their lines in the file.
        state: of the chunk; its first time tells whether the clock was set back before it.
        last: the time before the chunk, or NONE.
        lines: how many lines stand before the chunk.
        kept: how many steps of the file are kept already.
    """
    first = int(state[layout.FIRST])
    day = first // layout.DAY + 1
    if NONE not in (first, last) and last - first > layout.MINUTE and period.holds(day_text(day)):
        step = np.zeros((1, layout.EVENT), np.int64)
        line = lines + int(state[layout.FIRST_LINE])
        step[0, : layout.E_TWO] = line, first, first, last, day << 47 | _NUMBER
        place = int(np.searchsorted(events[:, layout.E_LINE], line))
        events = np.concatenate([events[:place], step, events[place:]])
    elif not state[layout.STEPS]:
        return events
    is_step = events[:, layout.E_ONE] >> 28 & 255 == layout.CLOCK_NUMBER
    within: Ints = events[~is_step | (np.cumsum(is_step) + kept <= layout.MOST_STEPS)]
    return within


def steps_in(events: Ints) -> int:
    """How many of the events are steps of a clock."""
    return int(np.count_nonzero(events[:, layout.E_ONE] >> 28 & 255 == layout.CLOCK_NUMBER))
