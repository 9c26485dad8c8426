"""Compiles log formats into arrays that the kernel runs: the same templates that the naive reader matches."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logs.formats import Block, LogFormats
from audit_lib.logs.kernel.match_steps import PHASES, Reading, Rest, steps_of
from audit_lib.logs.kernel.shared_arrays import BLOCK, FIELDS, NAME_SLOTS, SLACK, Program, name_slot
from audit_lib.logs.units import Ints


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


class _Texts:
    """All literals, one behind another."""

    def __init__(self) -> None:
        self.text = bytearray(b" ")

    def place(self, text: bytes) -> tuple[int, int]:
        """Where a text stands, and its length."""
        at = self.text.find(text)
        if at < 0:
            at = len(self.text)
            self.text += text
        return at, len(text)


def _row(block: Block, number: int, texts: _Texts) -> list[int]:
    """What a match of the block means."""
    fields = {part.field for part in block.parts}
    at, size = texts.place(block.method.encode()) if block.method else (0, 0)
    return [
        int(block.record),
        int(bool(block.status) or "status" in fields),
        at,
        at + size,
        block.status or 0,
        int("peer" in fields),
        number,
        int(block.kind == "notice"),
        1 << MESSAGE_KINDS.index(block.kind) if block.once else 0,
    ]


def reading_of(formats: LogFormats) -> Reading:
    """The blocks by their rows in the program, with their steps, and what is sought anywhere."""
    prefixes = _numbered(formats.prefixes, 0)
    bodies = _numbered(formats.bodies, len(prefixes), whole=True)
    inner = [prefixes[row] for row, block in enumerate(formats.prefixes) if not block.outer]
    messages = _numbered(_at_begin(formats), len(prefixes) + len(bodies))
    phases = dict(zip(PHASES, (prefixes, inner, bodies, messages), strict=True))
    sought = tuple(block.parts[0].literal for block in formats.messages if block.anywhere)
    return Reading(phases, sought)


def _numbered(blocks: Sequence[Block], row: int, *, whole: bool = False) -> list[Rest]:
    return [(number, steps_of(block, whole)) for number, block in enumerate(blocks, row)]


def _at_begin(formats: LogFormats) -> list[Block]:
    """The messages that stand where a text begins."""
    return [block for block in formats.messages if not block.anywhere]


@lru_cache(maxsize=8)
def compile_formats(formats: LogFormats, zone_name: str) -> Program:
    """The program for formats and a time zone."""
    texts = _Texts()
    places = formats.message_numbers
    blocks = [_row(block, 0, texts) for block in (*formats.prefixes, *formats.bodies)]
    blocks += [_row(block, places[block.name], texts) for block in _at_begin(formats)]
    parameters = [texts.place(name.encode()) for name in formats.secret_parameters]
    names = _names(texts, formats)
    starts, offsets = zone_offsets(zone_name)
    return Program(
        np.frombuffer(bytes(texts.text) + bytes(SLACK), np.uint8).copy(),
        np.array(blocks, np.int64).reshape(-1, BLOCK),
        np.array(parameters, np.int64).reshape(-1, 2),
        np.array(names, np.int64).reshape(-1, 4),
        starts,
        offsets,
    )


def _names(texts: _Texts, formats: LogFormats) -> list[list[int]]:
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
            table[slot] = [field, rank, *texts.place(name.encode())]
    return table
