"""Compiles log formats into arrays that the kernel runs: the same templates that the naive reader matches."""

from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from audit_lib.sources.kernel.layout import (
    BLOCK,
    BODY,
    FIELDS,
    MESSAGE,
    NUMBER,
    PREFIX,
    SLACK,
    Bytes,
    Ints,
    Program,
)
from audit_lib.sources.log_formats import MESSAGE_KINDS, Block, LogFormats
from audit_lib.sources.templates import Part

# Operations: what each does with its arguments is said beside `match` in log_kernel.py.
LIT, RUN, TIME, LEVEL, STATUS, HEADRUN, FIND, END, REST, LEAVE = range(10)
# Captures: each takes two places (from, to); a time and a status are kept as numbers.
NOTHING, CLIENT, METHOD, PATH, EMAIL, VARIABLE = range(6)

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_ALL = bytes(range(256))
_CLASSES: dict[str, bytes] = {
    "sp": b" ",
    "digits": _DIGITS,
    "word": bytes(set(_ALL) - set(b' []"')),
    "name": _LETTERS + _DIGITS + b"_./-",
    "dotted": _LETTERS + _DIGITS + b"_.",
    "peer": bytes(set(_ALL) - set(b' "')),
    "client": _LETTERS + _DIGITS + b".:_-",
    "method": _LETTERS,
    "route": bytes(set(_ALL) - set(b' ":')),
    "email": bytes(set(_ALL) - set(b" ")),
    "variable": _LETTERS[:26] + _DIGITS + b"_",
    "head of dotted": _LETTERS + b"_",
    "head of variable": _LETTERS[:26],
}
_BIT = {name: 1 << place for place, name in enumerate(_CLASSES)}
_RUNS = {  # field: class, least length, capture
    "sp": ("sp", 1, NOTHING),
    "digits": ("digits", 1, NOTHING),
    "word": ("word", 1, NOTHING),
    "name": ("name", 1, NOTHING),
    "peer": ("peer", 0, CLIENT),
    "client": ("client", 1, CLIENT),
    "client:port": ("client", 1, CLIENT),
    "method": ("method", 1, METHOD),
    "path": ("peer", 0, PATH),
    "route": ("route", 0, PATH),
    "email": ("email", 0, EMAIL),
}
_HEADS = {"dotted": (0, 1 << 30, NOTHING), "variable": (2, 63, VARIABLE)}
_TIMES = {"time": 0, "time:clf": 1, "time:asctime": 2, "time:syslog": 3}
_FIRST_OF_TIME = {"time": _DIGITS, "time:clf": _DIGITS, "time:asctime": _LETTERS, "time:syslog": _LETTERS}


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
        ]

    def _part(self, part: Part, after_text: bool, last: bool) -> None:
        if part.field == "text":
            if last:
                self._op(END)
        elif part.field == "rest":
            self._op(REST, 0)
        elif part.literal:
            self._op(FIND if after_text else LIT, *self.literal(part.literal))
        elif part.field in _TIMES:
            self._op(TIME, _TIMES[part.field])
        elif part.field == "level":
            self._op(LEVEL)
        elif part.field == "status":
            self._op(STATUS)
        elif part.field in _HEADS:
            least, most, capture = _HEADS[part.field]
            self._op(HEADRUN, _BIT[f"head of {part.field}"], _BIT[part.field], least | most << 8, capture)
        else:
            kind, least, capture = _RUNS[part.field]
            self._op(RUN, _BIT[kind], least, capture)

    def _op(self, *row: int) -> None:
        self.ops.append([*row, *[0] * (5 - len(row))])


def _first_bytes(block: Block) -> set[int]:
    """The bytes with which a match can begin."""
    if not block.parts:
        return {block.literal[0]}
    found: set[int] = set()
    for part in block.parts:
        if part.literal:
            return found | {part.literal[0]}
        if part.field in ("text", "rest"):
            return set(_ALL)
        if part.field in _FIRST_OF_TIME:
            return found | set(_FIRST_OF_TIME[part.field])
        if part.field in _HEADS:
            return found | set(_CLASSES[f"head of {part.field}"])
        kind, least, _ = _RUNS.get(part.field, ("word" if part.field == "level" else "digits", 1, 0))
        found |= set(_CLASSES[kind])
        if least:
            return found
    return set(_ALL)


@lru_cache(maxsize=8)
def compile_formats(formats: LogFormats, zone_name: str) -> Program:
    """The program for formats and a time zone."""
    assembler = _Assembler()
    rows: list[list[int]] = []
    firsts: list[tuple[int, int, set[int]]] = []
    anywhere: list[list[int]] = []
    phases = ((PREFIX, formats.prefixes), (BODY, formats.bodies), (MESSAGE, formats.messages))
    for phase, blocks in phases:
        for number, block in enumerate(blocks):
            if block.anywhere:
                anywhere.append([*assembler.literal(block.parts[0].literal), number])
                continue
            row = assembler.block(block, phase)
            row[NUMBER] = number
            firsts.append((phase, len(rows), _first_bytes(block)))
            rows.append(row)
    candidates = np.zeros((3, 256, 2), np.int64)
    order: list[int] = []
    for phase in range(3):
        for byte in range(256):
            fitting = [number for own, number, bytes_ in firsts if own == phase and byte in bytes_]
            candidates[phase, byte] = len(order), len(fitting)
            order += fitting
    names = _names(assembler, formats)
    parameters = [assembler.literal(name.encode()) for name in formats.secret_parameters]
    classes = np.zeros(256, np.int64)
    for name, members in _CLASSES.items():
        classes[np.frombuffer(members, np.uint8)] |= _BIT[name]
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
    """The names of a structured line's fields, in the order of log_layout's J_ places."""
    json = formats.json
    lists = (json.time, json.text, json.status, json.client, json.method, json.path, json.level, json.labels)
    assert len(lists) == FIELDS
    return [
        [field, rank, *assembler.literal(name.encode())]
        for field, names in enumerate(lists)
        for rank, name in enumerate(names)
    ]


def _pairs(literals: list[bytes]) -> Bytes:
    pairs = np.zeros(1 << 16, np.uint8)
    for literal in literals:
        for one, two in pairwise(literal):
            pairs[one << 8 | two] = 1
    return pairs


@lru_cache(maxsize=32)
def zone_offsets(name: str) -> tuple[Ints, Ints]:
    """From which wall-clock second on which offset holds, 1970 to 2200, as the naive reader has it."""
    zone, start = ZoneInfo(name), datetime(1970, 1, 1)  # noqa: DTZ001  wall-clock time

    def offset(wall: int) -> int:
        local = (start + timedelta(seconds=wall)).replace(tzinfo=zone)
        return int((local.utcoffset() or timedelta()).total_seconds())

    first, last, step = 31_536_000, 7_258_032_000, 86_400
    starts, offsets = [-(1 << 62)], [offset(first)]
    if name in ("UTC", "Etc/UTC", "GMT"):
        return np.array(starts, np.int64), np.array(offsets, np.int64)
    for day in range(first, last, step):
        if offset(day + step) == offsets[-1]:
            continue
        low, high = day, day + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        starts.append(high)
        offsets.append(offset(high))
    return np.array(starts, np.int64), np.array(offsets, np.int64)
