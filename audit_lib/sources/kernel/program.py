"""Compiles log formats into arrays that the kernel runs: the same templates that the naive reader matches."""

from functools import lru_cache
from itertools import pairwise, product, takewhile

import numpy as np

from audit_lib.log_kinds import MESSAGE_KINDS
from audit_lib.sources.kernel.classes import ALL, BITS, BYTES, FIRST_OF_TIME, HEADS, RUNS, TIMES, TURNS
from audit_lib.sources.kernel.layout import (
    ANY_LEAD,
    BLOCK,
    BODY,
    FIELDS,
    FROM,
    INNER_PREFIX,
    LEAD,
    MESSAGE,
    NAME_SLOTS,
    NUMBER,
    PHASES,
    PREFIX,
    RUN_LEAD,
    SHARED,
    SLACK,
    TEXT_LEAD,
    TIME_LEAD,
    TO,
    Bytes,
    Program,
    name_slot,
)
from audit_lib.sources.kernel.zones import zone_offsets
from audit_lib.sources.log_formats import Block, LogFormats
from audit_lib.sources.templates import LEVELS, Part

# Operations: what each does with its arguments is said in match.py.
LIT, RUN, TIME, LEVEL, STATUS, HEADRUN, FIND, END, REST, LEAVE = range(10)


class _Assembler:
    """Collects operations and literals."""

    def __init__(self) -> None:
        self.ops: list[list[int]] = []
        self.text = bytearray(b" ")

    def literal(self, text: bytes) -> tuple[int, int]:
        at = self.text.find(text)
        if at < 0:
            at = len(self.text)
            self.text += text
        return at, len(text)

    def block(self, block: Block, phase: int) -> list[int]:
        """The row of one block, after its operations."""
        start = len(self.ops)
        if not block.parts:
            self._op(LIT, *self.literal(block.literal))
            self._op(LEAVE)
        for number, part in enumerate(block.parts):
            self._part(
                part, number > 0 and block.parts[number - 1].field == "text", number + 1 == len(block.parts)
            )
        if phase == BODY and block.parts and self.ops[-1][0] not in (END, REST):
            self._op(REST, 1)
        fields = {part.field for part in block.parts}
        method = self.literal(block.method.encode()) if block.method else (0, 0)
        return [
            start,
            len(self.ops),
            int(block.record),
            int(bool(block.status) or "status" in fields),
            method[0],
            sum(method) if block.method else 0,
            block.status or 0,
            int("peer" in fields),
            0,
            int(block.kind == "notice"),
            1 << MESSAGE_KINDS.index(block.kind) if block.once else 0,
            self._captured(start),
            *_lead(block),
            0,
        ]

    def shared(self, before: list[int], row: list[int]) -> int:
        """With how many operations a block begins as the one before it does."""
        pairs = zip(self.ops[before[FROM] : before[TO]], self.ops[row[FROM] : row[TO]], strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _captured(self, start: int) -> int:
        """A bit for each capture that the operations since `start` fill; the lowest is a time's."""
        bits = 0
        for code, one, _, three, four in self.ops[start:]:
            if code == TIME and one != TIMES["time:syslog"]:
                bits |= 1
            elif code in (RUN, HEADRUN):
                bits |= 1 << (three if code == RUN else four) & ~1
        return bits

    def _part(self, part: Part, after_text: bool, last: bool) -> None:
        if part.field == "text":
            if last:
                self._op(END)
        elif part.field == "rest":
            self._op(REST, 0)
        elif part.literal:
            self._op(FIND if after_text else LIT, *self.literal(part.literal))
        elif part.field in TIMES:
            self._op(TIME, TIMES[part.field])
        elif part.field == "level":
            self._op(LEVEL)
        elif part.field == "status":
            self._op(STATUS)
        elif part.field in HEADS:
            least, most, capture = HEADS[part.field]
            self._op(HEADRUN, BITS[f"head of {part.field}"], BITS[part.field], least | most << 8, capture)
        else:
            kind, least, capture = RUNS[part.field]
            self._op(RUN, BITS[kind], least, capture, TURNS[kind])

    def _op(self, *row: int) -> None:
        self.ops.append([*row, *[0] * (5 - len(row))])


def _lead(block: Block) -> tuple[int, int, int, int, int]:
    """How a match begins (a time, a run of a class, a literal), and up to eight bytes that must follow."""
    if not block.parts:
        return TEXT_LEAD, 0, 0, *_masked(block.literal)
    first, *others = block.parts
    following = others[0] if others else Part()
    after = following.literal or (b" " if following.field == "sp" else b"")
    if first.literal:
        return TEXT_LEAD, 0, 0, *_masked(first.literal)
    if first.field == "time":
        return TIME_LEAD, 0, 0, *_masked(after)
    if first.field in RUNS:
        kind = RUNS[first.field][0]
        return RUN_LEAD, BITS[kind], TURNS[kind], *_masked(after)
    return ANY_LEAD, 0, 0, 0, 0


def _masked(text: bytes) -> tuple[int, int]:
    """The first eight bytes of a text as a number, and the mask of those that there are."""
    text = text[:8]
    value, mask = (
        int.from_bytes(part.ljust(8, b"\0"), "little", signed=True) for part in (text, b"\xff" * len(text))
    )
    return value, mask


def _first_bytes(block: Block) -> set[int]:
    """The bytes with which a match can begin."""
    if not block.parts:
        return {block.literal[0]}
    found: set[int] = set()
    for part in block.parts:
        if part.literal:
            return found | {part.literal[0]}
        if part.field in ("text", "rest"):
            return set(ALL)
        if part.field in FIRST_OF_TIME:
            return found | set(FIRST_OF_TIME[part.field])
        if part.field in HEADS:
            return found | set(BYTES[f"head of {part.field}"])
        if part.field == "level":
            return found | {level[0] for level in LEVELS}
        kind, least, _ = RUNS.get(part.field, ("digits", 1, 0))
        found |= set(BYTES[kind])
        if least:
            return found
    return set(ALL)


@lru_cache(maxsize=8)
def compile_formats(formats: LogFormats, zone_name: str) -> Program:
    """The program for formats and a time zone."""
    assembler = _Assembler()
    rows: list[list[int]] = []
    firsts: list[tuple[tuple[int, ...], int, set[int]]] = []
    anywhere: list[list[int]] = []
    phases = ((PREFIX, formats.prefixes), (BODY, formats.bodies), (MESSAGE, formats.messages))
    for phase, blocks in phases:
        for number, block in enumerate(blocks):
            if block.anywhere:
                anywhere.append([*assembler.literal(block.parts[0].literal), number])
                continue
            row = assembler.block(block, phase)
            row[NUMBER] = number
            if number and rows:
                row[SHARED] = assembler.shared(rows[-1], row)
            inner = (INNER_PREFIX,) if phase == PREFIX and not block.outer else ()
            firsts.append(((phase, *inner), len(rows), _first_bytes(block)))
            rows.append(row)
    candidates = np.zeros((2, PHASES, 256, 2), np.int64)
    order: list[int] = []
    for timed, phase, byte in product(range(2), range(PHASES), range(256)):
        fitting = [number for phases_, number, bytes_ in firsts if phase in phases_ and byte in bytes_]
        fitting = [number for number in fitting if timed or rows[number][LEAD] != TIME_LEAD]
        candidates[timed, phase, byte] = len(order), len(fitting)
        order += fitting
    names = _names(assembler, formats)
    parameters = [assembler.literal(name.encode()) for name in formats.secret_parameters]
    classes = np.zeros(256, np.int64)
    for name, members in BYTES.items():
        classes[np.frombuffer(members, np.uint8)] |= BITS[name]
    starts, offsets = zone_offsets(zone_name)
    return Program(
        np.array(assembler.ops, np.int64).reshape(-1, 5),
        np.frombuffer(bytes(assembler.text) + bytes(SLACK), np.uint8).copy(),
        classes,
        np.array(rows, np.int64).reshape(-1, BLOCK),
        candidates.ravel(),
        np.array(order, np.int64),
        np.array(anywhere, np.int64).reshape(-1, 3),
        _pairs([bytes(assembler.text[at : at + size]) for at, size, _ in anywhere]),
        np.array([min((size for _, size, _ in anywhere), default=2) - 1], np.int64),
        np.array(parameters, np.int64).reshape(-1, 2),
        np.array(names, np.int64).reshape(-1, 4),
        starts,
        offsets,
    )


def _names(assembler: _Assembler, formats: LogFormats) -> list[list[int]]:
    """The names of a structured line's fields as a table by size and last byte; empty rows have size 0."""
    json = formats.json
    lists = (json.time, json.text, json.status, json.client, json.method, json.path, json.level, json.labels)
    assert len(lists) == FIELDS
    table = [[0, 0, 0, 0] for _ in range(NAME_SLOTS)]
    for field, names in enumerate(lists):
        for rank, name in enumerate(names):
            slot = name_slot(len(name.encode()), name.encode()[-1])
            while table[slot][3]:
                slot = (slot + 1) % NAME_SLOTS
            table[slot] = [field, rank, *assembler.literal(name.encode())]
    return table


def _pairs(literals: list[bytes]) -> Bytes:
    pairs = np.zeros(1 << 16, np.uint8)
    for literal in literals:
        for one, two in pairwise(literal):
            pairs[one << 8 | two] = 1
    return pairs
