"""What the compiled reader and its caller share: places in the arrays that they hand each other."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit_lib.logs.units import Bytes, Ints

SYMBOL = "audit_lib_log_kernel"  # the compiled entry

LINE_LIMIT = 1 << 20
STRING_LIMIT = 4096
# What one line can add at most: so much room is there before a line is begun.
STRING_ROOM = 6 * STRING_LIMIT
# Events of the reader's own, beyond the messages of the formats: by their numbers.
CLOCK_NUMBER, URL_NUMBER = 253, 254

# Places in the captures of one line: the address of its block, client 2-3, method 4-5, path 6-7, email 8-9,
# variable 10-11, its time and its status.
BLOCK_AT, TIME_AT, STATUS_AT, CAPS = 0, 12, 13, 16

# Places of the state: how lines ended, where time and record stand, why the kernel stopped and where.
(LINES, READ, UNKNOWN, BLANK, LAST, TODAY, FIRST, BEGUN, OPENED, EVENTS, PENDING) = range(11)
(WHY, STOP, DATED, HEAD, WITHIN, HELD, ONCES, FIRST_LINE, STEPS, CHUNK, STATES) = range(11, 22)
DONE, LEAVE, GROW = range(3)
# For the end of a match: there is none, or the naive reader decides.
MISS, AWAY = -1, -2
# Places of the settings.
(FIRST_DAY, LAST_DAY, BY_CLIENT, BY_ROUTE, BY_METHOD, WANT_EVENTS, WANT_MINUTES, WANT_COUNTS) = range(8)
# Columns of an event, and of a message that counts once a record and stands before a chunk's first record.
E_LINE, E_AT, E_BEFORE, E_AFTER, E_ONE, E_TWO, E_SUBJECT, E_ONCE, EVENT = range(9)
O_BIT, O_ONE, O_TWO, O_ROW, O_LINE, ONCE = range(6)
# Columns of a block: what a match means.
(RECORD, REQUEST, METHOD_AT, METHOD_TO, FIXED_STATUS, PORT, NUMBER, NOTICE, REPEAT, BLOCK) = range(10)
# What the entry is asked to do.
SCAN, TAKE, SIGHT, NUMBER_OF, REFILL, RELINK = range(6)
# Fields of a structured line.
J_TIME, J_TEXT, J_STATUS, J_CLIENT, J_METHOD, J_PATH, J_LEVEL, J_LABELS, FIELDS = range(9)


# Slots of the table of their names.
NAME_SLOTS = 256


def name_slot(size: int, last: int) -> int:
    """Where the search for a name begins, by its size and last byte; compiled, too."""
    return (size * 37 + last) & (NAME_SLOTS - 1)


class Program(NamedTuple):
    """What the kernel knows of formats beside their machine code."""

    text: Bytes  # all literals
    blocks: Ints  # one row a block: what a match means
    parameters: Ints  # one row a secret parameter: place, length
    names: Ints  # a table of names of a structured line: field, rank, place, length
    zone_from: Ints  # wall-clock seconds from which an offset holds
    zone_offset: Ints  # seconds


class Strings(NamedTuple):
    """Distinct byte strings, numbered from 1 in order of sight; 0 is the empty one."""

    slots: Ints  # number of the string in each slot, 0 where empty
    starts: Ints  # where string n begins in the arena; starts[n + 1] is its end
    arena: Bytes
    size: Ints  # one element: how many there are


class Groups(NamedTuple):
    """Counts by a key of two words, and where each was seen first."""

    one: Ints
    two: Ints
    counts: Ints
    marks: Ints  # the worker's chunk in the upper half, the line in it in the lower
    size: Ints  # one element: how many there are


class Tables(NamedTuple):
    """What one worker fills: `head` holds groups of a chunk before its first date, which is yet unknown."""

    strings: Strings
    groups: Groups
    head: Groups
    minutes: Groups


class Work(NamedTuple):
    """The arrays of one worker beside its tables."""

    state: Ints
    settings: Ints
    events: Ints
    onces: Ints
    caps: Ints
    scratch: Bytes  # a route in the making
    inner: Bytes  # the text of a structured line
    cleaned: Bytes  # a line without NULs and colours
    found: Ints  # its fields
    memo: Ints  # the date that was read last: see times.py
    args: Ints  # numbers for one call


# The order in which arrays stand in a worker's frame: their addresses, then their lengths.
(BUFFER, TEXT, BLOCKS, PARAMETERS, NAMES, ZONE_FROM, ZONE_OFFSET) = range(7)
(SLOTS, STARTS, ARENA, STRINGS) = range(7, 11)
(GROUPS, HEADS, MINUTES) = range(11, 26, 5)  # of each what follows
(G_ONE, G_TWO, G_COUNT, G_MARK, G_SIZE) = range(5)
(STATE, SETTING, EVENT_ROWS, ONCE_ROWS, CAPTURES, SCRATCH, INNER, CLEANED, FOUND, MEMO, ARGS) = range(26, 37)
ARRAYS = 37
FRAME = 2 * ARRAYS
# Room behind an array of bytes, since so many are looked at where one may be the last.
SLACK = 64


def arrays(buffer: Bytes, program: Program, tables: Tables, work: Work) -> list[NDArray[Any]]:
    """All arrays in the order of the frame."""
    return [buffer, *program, *(array for table in tables for array in table), *work]


def new_strings(capacity: int = 1 << 12, arena: int = 1 << 17) -> Strings:
    """Room for half as many strings as `capacity`."""
    starts = np.zeros(capacity // 2 + 8, np.int64)
    return Strings(np.zeros(capacity, np.int64), starts, np.zeros(arena, np.uint8), np.zeros(1, np.int64))


def new_groups(capacity: int = 1 << 12) -> Groups:
    """Room for half as many groups as `capacity`."""
    one, two, counts, marks = (np.zeros(capacity, np.int64) for _ in range(4))
    return Groups(one, two, counts, marks, np.zeros(1, np.int64))


def texts(strings: Strings) -> list[bytes]:
    """The strings by their number; the first is empty."""
    arena, starts = strings.arena.tobytes(), strings.starts.tolist()
    return [arena[starts[number] : starts[number + 1]] for number in range(int(strings.size[0]) + 1)]
