"""What the compiled reader and its caller share: places in the arrays that they hand each other."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit_lib.logs.units import Bytes, Ints

STRING_LIMIT = 4096
# What one line can add at most: so much room is there before a line is begun.
STRING_ROOM = 6 * STRING_LIMIT
# Events of the reader's own, beyond the messages of the formats: by their numbers.
SENT_NUMBER, MOVED_NUMBER, LOGIN_NUMBER, CLOCK_NUMBER, URL_NUMBER = range(250, 255)

# Places in the captures of one line: its block's address, where its fields begin and end, time, status, what
# the time lacks.
BLOCK_AT, TIME_AT, STATUS_AT, TIME_LACKS, CAPS = 0, 12, 13, 14, 16
(C_CLIENT, C_CLIENT_END, C_METHOD, C_METHOD_END, C_PATH, C_PATH_END) = range(2, 8)
(C_EMAIL, C_EMAIL_END, C_VARIABLE, C_VARIABLE_END) = range(8, 12)

# Places of the state: how lines ended, where time and record stand, why the kernel stopped and where.
(LINES, REQUESTS, MESSAGES, TEXT_ONLY, UNKNOWN, BLANK, LAST, TODAY, FIRST, BEGUN, OPENED, EVENTS) = range(12)
(PENDING, WHY, STOP, DATED, HEAD, WITHIN, HELD, ONCES, FIRST_LINE, STEPS, CHUNK) = range(12, 23)
# Whether a record with a time is open, whether the last line continued it, whether this one does, whether a
# time had no zone or no year. No chunk knows what was open before it: CARRIED, or CARRIED_INSIDE it.
(OPEN, INSIDE, FOLLOWS, NO_ZONE, NO_YEAR) = range(23, 28)
# What is to be added when its row has come: its table (0: nothing waits), where to look for it, key and mark.
(W_TABLE, W_SLOT, W_ONE, W_TWO, W_MARK, STATES) = range(28, 34)
CARRIED, CARRIED_INSIDE = 2, 3
DONE, LEAVE, GROW = range(3)
# For the end of a match: there is none, or the naive reader decides.
MISS, AWAY = -1, -2
# Places of the settings.
(FIRST_AT, END_AT, BY_CLIENT, BY_ROUTE, BY_METHOD, WANT_EVENTS, WANT_MINUTES, WANT_COUNTS) = range(8)
# From here on for each status below 600 whether it is a failure (1), or a login may have it (2).
FAILURES = 10
LATEST, YEAR = 8, 9  # a time without a year is one of this year or the last, and not later
# Columns of an event, and of a message that what stands before the chunk decides on: it counts once a record
# and stands before the first of the chunk, or continues a record that was open.
E_LINE, E_AT, E_BEFORE, E_AFTER, E_ONE, E_TWO, E_SUBJECT, E_ONCE, EVENT = range(9)
O_BIT, O_ONE, O_TWO, O_ROW, O_LINE, O_FOLLOWS, ONCE = range(7)
# Columns of a group. One of a file has lines with and without a time together: these are counted again.
G_ONE, G_TWO, G_COUNT, G_MARK, GROUP = range(5)
G_UNTIMED, G_UNTIMED_MARK, FILE_GROUP = range(4, 7)
# Columns of a block: what a match means.
(RECORD, REQUEST, METHOD_AT, METHOD_TO, FIXED_STATUS, PORT, NUMBER, NOTICE, REPEAT) = range(9)
# What stands before the client's address and behind it, where both must not come once more.
BLOCK_CONTINUES, BEFORE_AT, BEFORE_SIZE, BEHIND_AT, BEHIND_SIZE, BLOCK = range(9, 15)
# Columns of an answer that bears on a declared login: the number of its message, the statuses, its texts.
(L_NUMBER, L_LEAST, L_MOST, L_METHOD, L_METHOD_SIZE, L_ROUTE, L_ROUTE_SIZE, L_NAME, L_NAME_SIZE, LOGIN) = (
    range(10)
)
# Columns of a node: what to do, with what, and where to go on. N_HEAD and N_MASK are the first eight bytes of
# its text (steps without one have other numbers there), N_NEXT, N_FAIL and N_OTHER places within the nodes.
(N_DO, N_TEXT, N_SIZE, N_HEAD, N_MASK, N_NEXT, N_FAIL, N_OTHER, NODE) = range(9)
N_MOST, N_CAPTURE = N_HEAD, N_MASK
# The trail holds for each step of the way where it began, and the node to come back to if nothing follows.
T_POS, T_OTHER, TRAIL_STEP = range(3)
# The choices that are made by a tree.
PREFIX, INNER_PREFIX, BODY, MESSAGE = range(4)
# What the entry is asked to do.
SCAN, TAKE, SIGHT, NUMBER_OF, REFILL, RELINK, GATHER = range(7)
MOST_ARGS = 16  # numbers for one call
# Fields of a structured line.
(J_TIME, J_TEXT, J_STATUS, J_CLIENT, J_METHOD, J_PATH, J_LEVEL, J_CAUSE, J_ENDED, J_EVENT) = range(10)
# Names of lists of labels, and of objects: those that hold what a client writes, a line, or lines.
J_LABELS, J_FOREIGN, J_WRAPPER, J_RECORDS, FIELDS = range(10, 15)
MOST_DEPTH = 30  # of objects within objects
# What is found of a line: five words a field, the objects that are open, three words an event.
MOST_EVENTS = 6
EVENTS_AT = 5 * FIELDS + MOST_DEPTH
FOUND_SIZE = EVENTS_AT + 3 * MOST_EVENTS

# Kinds of words: of possible failures, and of what the fields of a structured line say.
W_ABOUT, W_FAILING, W_BEFORE, W_REFUSED, W_GRANTED, W_LOGIN, W_ASIDE, W_FAILED, W_KINDS = range(9)
HEAD_OF_WORD = 3  # so many bytes of each are sought together with those of the others

# Slots of the table of their names.
NAME_SLOTS = 1024


def name_slot(size: int, first: int, last: int) -> int:
    """Where the search for a name begins, by its size, first and last byte; compiled, too."""
    return (size * 131 + first * 31 + last) & (NAME_SLOTS - 1)


class Program(NamedTuple):
    """What the kernel knows of formats."""

    text: Bytes  # all literals
    nodes: Ints  # the decision tree: one row a step, see decision_tree.py
    roots: Ints  # for each phase and first byte where in the nodes the choice begins, or MISS
    switches: Ints  # for each switch of the tree and what it may find the same
    blocks: Ints  # one row a block: what a match means
    sought: Ints  # one row a text that is sought anywhere: place, length
    parameters: Ints  # one row an ending of secret parameters' names: place, length
    logins: Ints  # one row an answer that bears on a declared login, in the order in which they are tried
    words: Ints  # of each kind where its words begin and end (formats_as_arrays), then one row a word
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
    """Counts by a key of two words (packed_words.py), and where each was seen first."""

    rows: Ints  # the two words, the count (0: the row is empty), the mark: the worker's chunk and its line
    size: Ints  # one element: how many there are


class CountTables(NamedTuple):
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
    trail: Ints  # where each step of the block that is being matched began
    scratch: Bytes  # a route in the making
    inner: Bytes  # the text of a structured line, and of one within it
    cleaned: Bytes  # a line without NULs and colours
    found: Ints  # its fields, and the objects within it that are open
    memo: Ints  # the date that was read last: see times.py


# The order in which arrays stand in a worker's frame: their addresses, then their lengths.
(BUFFER, TEXT, NODES, ROOTS, SWITCHES, BLOCKS, SOUGHT, PARAMETERS, LOGINS, WORDS, NAMES) = range(11)
(ZONE_FROM, ZONE_OFFSET, SLOTS, STARTS, ARENA, STRINGS) = range(11, 17)
(GROUPS, HEADS, MINUTES) = range(17, 23, 2)  # of each the rows, and behind them the size
(STATE, SETTING, EVENT_ROWS, ONCE_ROWS, CAPTURES, TRAIL, SCRATCH, INNER, CLEANED, FOUND, MEMO) = range(23, 34)
ARGS, ARRAYS = 34, 35
FRAME = 2 * ARRAYS
# Room behind an array of bytes, since so many are looked at where one may be the last.
SLACK = 64


def arrays(buffer: Bytes, program: Program, tables: CountTables, work: Work) -> list[NDArray[Any]]:
    """All arrays in the order of the frame."""
    return [buffer, *program, *(array for table in tables for array in table), *work]


def new_strings(capacity: int = 1 << 12, arena: int = 1 << 17) -> Strings:
    """Room for half as many strings as `capacity`."""
    starts = np.zeros(capacity // 2 + 8, np.int64)
    return Strings(np.zeros(capacity, np.int64), starts, np.zeros(arena, np.uint8), np.zeros(1, np.int64))


def new_groups(capacity: int = 1 << 12, width: int = GROUP) -> Groups:
    """Room for three quarters as many groups as `capacity`, a power of two."""
    return Groups(np.zeros((capacity, width), np.int64), np.zeros(1, np.int64))


def new_tables() -> CountTables:
    """Empty tables, which grow as they must."""
    return CountTables(new_strings(), new_groups(), new_groups(256), new_groups(256))


def rows_in(groups: Groups) -> Ints:
    """The rows that are used."""
    return groups.rows[groups.rows[:, G_COUNT] > 0]


def texts(strings: Strings) -> list[bytes]:
    """The strings by their number; the first is empty."""
    arena, starts = strings.arena.tobytes(), strings.starts.tolist()
    return [arena[starts[number] : starts[number + 1]] for number in range(int(strings.size[0]) + 1)]
