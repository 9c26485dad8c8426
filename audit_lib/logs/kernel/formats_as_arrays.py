"""Compiles log formats into arrays that the kernel runs: the same templates that the naive reader matches."""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from audit_lib.base.compiled.own_cache import kept_or_made, kept_path
from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logs.blocks import Block
from audit_lib.logs.declared_logins import FAILED, MOVED, SENT
from audit_lib.logs.fields import latest_and_year
from audit_lib.logs.formats import CONTINUES, POSSIBLE_FAILURE, LogFormats
from audit_lib.logs.kernel.decision_tree import Literals, Tree
from audit_lib.logs.kernel.log_kernel import SOURCES
from audit_lib.logs.kernel.match_steps import steps_of
from audit_lib.logs.kernel.shared_arrays import (
    BLOCK,
    FIELDS,
    HEAD_OF_WORD,
    LOGIN,
    LOGIN_NUMBER,
    MOVED_NUMBER,
    NAME_SLOTS,
    SENT_NUMBER,
    SLACK,
    Program,
    name_slot,
)
from audit_lib.logs.kernel.shared_steps import Rest
from audit_lib.logs.read_options import Plan
from audit_lib.logs.units import NONE, Ints

LOGIN_NUMBERS = {FAILED: LOGIN_NUMBER, MOVED: MOVED_NUMBER, SENT: SENT_NUMBER}


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


def _row(block: Block, number: int, texts: Literals) -> list[int]:
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
        CONTINUES[block.continues],
        *(number for text in block.around_client for number in (texts.place(text) if text else (0, 0))),
    ]


def compile_formats(formats: LogFormats) -> Program:
    """The program for formats, in UTC."""
    texts = Literals()
    at_begin = [block for block in formats.messages if not block.anywhere]
    prefixes = _numbered(formats.prefixes, 0)
    inner = [rest for rest, block in zip(prefixes, formats.prefixes, strict=True) if not block.outer]
    bodies = _numbered(formats.bodies, len(prefixes), whole=True)
    messages = _numbered(at_begin, len(prefixes) + len(bodies))
    tree = Tree((prefixes, inner, bodies, messages), texts)
    places = formats.message_numbers
    blocks = [_row(block, 0, texts) for block in (*formats.prefixes, *formats.bodies)]
    blocks += [_row(block, places[block.name], texts) for block in at_begin]
    sought = [texts.place(block.parts[0].literal) for block in formats.sought]
    # The kernel only asks which lines the naive reader has to look at: what follows a `*` is enough.
    endings = dict.fromkeys(name.lstrip("*").encode() for name in formats.secret_parameters)
    parameters = [texts.place(name) for name in endings]
    names, words, logins = _names(texts, formats), _words(texts, formats), _logins(texts, formats)
    return Program(
        np.frombuffer(bytes(texts.text) + bytes(SLACK), np.uint8).copy(),
        tree.nodes(),
        tree.roots,
        tree.switches(),
        np.array(blocks, np.int64).reshape(-1, BLOCK),
        np.array(sought, np.int64).reshape(-1, 2),
        np.array(parameters, np.int64).reshape(-1, 2),
        np.array(logins, np.int64).reshape(-1, LOGIN),
        np.array(words, np.int64).reshape(-1, 2),
        np.array(names, np.int64).reshape(-1, 4),
        *zone_offsets("UTC"),
    )


def _numbered(blocks: Sequence[Block], row: int, *, whole: bool = False) -> list[Rest]:
    return [Rest(number, steps_of(block, whole)) for number, block in enumerate(blocks, row)]


def _words(texts: Literals, formats: LogFormats) -> list[list[int]]:
    """Where the rows of each kind's words begin and end, the same of what these begin with, then all rows.

    Before them stands the number of the message of a possible failure.
    """
    possible, outcome = formats.possible, formats.json.outcome
    of_texts = possible.about, possible.failing, possible.before_address
    kinds = [*of_texts, outcome.refused, outcome.granted, outcome.login, outcome.aside, outcome.failed]
    kinds += [tuple(dict.fromkeys(word[:HEAD_OF_WORD] for word in words)) for words in kinds]
    bounds, rows = [[formats.message_numbers[POSSIBLE_FAILURE] + 1, 0]], list[list[int]]()
    for words in kinds:
        begin = 1 + len(kinds) + len(rows)
        bounds.append([begin, begin + len(words)])
        rows += [[*texts.place(word.encode())] for word in words]
    return [*bounds, *rows]


def _logins(texts: Literals, formats: LogFormats) -> list[list[int]]:
    """The answers that bear on declared logins."""
    rows = []
    for answer in formats.login_answers:
        named = (answer.method.lower().encode(), answer.route, answer.parameter)
        places = [number for text in named for number in (texts.place(text) if text else (0, 0))]
        rows.append([LOGIN_NUMBERS[answer.what], answer.least, answer.most, *places])
    return rows


def _names(texts: Literals, formats: LogFormats) -> list[list[int]]:
    """The names of a structured line's fields as a table by `name_slot`; empty rows have size 0."""
    json = formats.json
    plain = (json.time, json.text, json.status, json.client, json.method, json.path, json.level, json.cause)
    outer = (json.labels, json.foreign, json.wrapper, json.records)
    lists = (*plain, json.outcome.ended, json.outcome.event, *outer)
    assert len(lists) == FIELDS
    table = [[0, 0, 0, 0] for _ in range(NAME_SLOTS)]
    for field, names in enumerate(lists):
        for rank, name in enumerate(names):
            slot = name_slot(len(name.encode()), name.encode()[0], name.encode()[-1])
            while table[slot][3]:
                slot = (slot + 1) % NAME_SLOTS
            table[slot] = [field, rank, *texts.place(name.encode())]
    return table


def settings_of(plan: Plan) -> Ints:
    """What the kernel is told of a plan: the period, what is wanted, and what each status may be."""
    wanted, period = plan.wanted, plan.period
    flags = [wanted.client, wanted.route, wanted.method, wanted.events, wanted.minutes, wanted.counts]
    failures = [int(plan.formats.kind_of(status) != "other") for status in range(600)]
    for answer in plan.formats.login_answers:
        for status in range(answer.least, answer.most + 1):
            failures[status] |= 2
    latest, year = (NONE, 0) if plan.written is None else latest_and_year(plan.zone, plan.written)
    return np.array([period.first, period.end, *flags, latest, year, *failures], np.int64)


@lru_cache(maxsize=8)
def program_of(formats: LogFormats, zone_name: str) -> Program:
    """The program for formats and a time zone."""
    starts, offsets = zone_offsets(zone_name)
    return _compiled(formats)._replace(zone_from=starts, zone_offset=offsets)


def _compiled(formats: LogFormats) -> Program:
    path = kept_path(f"{formats!r} {MESSAGE_KINDS} {CONTINUES}", ".npz", SOURCES)
    content = kept_or_made(path, lambda: _packed(compile_formats(formats)))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Program(**arrays)


def _packed(program: Program) -> bytes:
    content = io.BytesIO()
    np.savez(content, **program._asdict())
    return content.getvalue()
