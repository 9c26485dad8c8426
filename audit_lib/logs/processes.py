"""Reads logs one after another, on all processors, or on a cluster: the sums are the same.

A large log is cut into pieces where a record with its own time begins, since what is said before that changes
nothing behind it. A log is not cut that declares its columns, has requests of Rails, or times without a year.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedReader
from itertools import chain, islice, pairwise
from multiprocessing import get_context
from typing import Any

from audit_lib.base.archives import LogStream
from audit_lib.base.errors import BadInput
from audit_lib.base.files import PieceReader, Unreadable
from audit_lib.logs import tally
from audit_lib.logs.file_lines import raw_lines, read_lines
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import CLOCK_SET_BACK, LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.tally import LogSums, Plan, Tally, read_log
from audit_lib.logs.times import YEARLESS

_ALONE = 16 << 20  # up to so many bytes in all, another process would take longer to start than to read
_BLOCK = 1 << 20  # bytes that are read at a time
_MOST_PROCESSES = 8
_MOST_TRIED = 1_000  # lines of a block, for one that begins a record
_PATIENCE_SECONDS = 10  # for an answer of a cluster
_RAILS = re.compile(rb'Started [A-Z]{1,16} "')
Log = tuple[LogFile, Plan]
_Piece = tuple[LogFile, Plan, int, int]  # from which byte on, and before which one; 0: to the end


def read_all(formats: LogFormats, logs: Sequence[Log], size: int, scheduler: str = "") -> Iterator[LogSums]:
    """What each log holds, in their order; they have so many bytes in all. `BadInput` for no scheduler."""
    count = min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    if scheduler:
        with workers(scheduler) as run:
            yield from run(partial(_read, formats), logs)
    elif count < 2 or size < _ALONE:
        yield from map(partial(_read, formats), logs)
    else:
        pieces = [_pieces(formats, log, count) for log in logs]
        # A fork has the formats with all that was compiled of them.
        with ProcessPoolExecutor(count, get_context("fork"), _shared.append, (formats,)) as pool:
            read = pool.map(_read_piece, chain.from_iterable(pieces))
            for log, own in zip(logs, pieces, strict=True):
                sums = _joined(list(islice(read, len(own))))
                yield tally.settled(formats, sums) if sums else _read(formats, log)


_shared: list[LogFormats] = []  # what a process reads logs by, at the end


def _read(formats: LogFormats, log: Log) -> LogSums:
    return read_log(formats, *log)


def _pieces(formats: LogFormats, log: Log, count: int) -> list[_Piece]:
    """A log, if it is large, in about so many pieces, each but the first from a record with a time on."""
    (file, plan), cuts, done, tail = log, [0], 0, b""
    reader = LineReader(formats, plan.zone)
    try:
        with file.open() as opened:
            least = opened.facts["size_bytes"] // count
            stream = BufferedReader(LogStream(opened.file), _BLOCK)
            while least >= _ALONE // 2 and (block := stream.read(_BLOCK)):
                if (not done and block.startswith(b"#")) or _RAILS.search(tail + block):
                    return [(*log, 0, 0)]
                if done >= least * len(cuts) and (at := _first_record(block, reader)):
                    cuts.append(done + at)
                done, tail = done + len(block), block[-32:]
    except Unreadable:
        cuts = [0]
    return [(*log, *each) for each in pairwise([*cuts, 0])]


def _first_record(block: bytes, reader: LineReader) -> int:
    """Where the first whole line is that begins a record with a time of its own; 0 if none is near."""
    at = block.find(b"\n") + 1
    for _ in range(_MOST_TRIED if at else 0):
        end = block.find(b"\n", at) + 1
        line = reader.read(block[at:end])
        if not end or (line.record and line.at is not None and not line.lacks & YEARLESS):
            return at if end else 0
        at = end
    return 0


def _read_piece(piece: _Piece) -> LogSums:
    (file, plan, start, end), formats = piece, _shared[-1]
    if not start and not end:
        return read_log(formats, file, plan)
    try:
        with file.open() as opened:
            stream = LogStream(opened.file)
            content = BufferedReader(stream, _BLOCK)
            for _ in _blocks(content, start):
                pass
            own = PieceReader(_blocks(content, end - start)) if end else content
            here, behind = (
                read_lines(raw_lines(part), formats, plan.zone, plan.written) for part in (own, content)
            )
            return replace(Tally(plan).total(here, islice(behind, 1)), broken=stream.broken)
    except Unreadable as error:
        return tally.unread(error)


def _blocks(content: "BufferedReader[LogStream]", size: int) -> Iterator[bytes]:
    """The next so many bytes."""
    while size and (block := content.read(min(size, _BLOCK))):
        size -= len(block)
        yield block


def _joined(parts: Sequence[LogSums]) -> LogSums | None:
    """The sums of a log of those of its pieces; None if these do not tell what those of the whole are."""
    if len(parts) == 1:
        return parts[0]
    facts, requests, events = tally.Facts(), [], []
    if any(part.state for part in parts):
        return None
    for part in parts:
        before = facts.lines
        requests.append(part.requests.assign(line=part.requests["line"] + before))
        events.append(part.events.assign(line=part.events["line"] + before))
        facts.append(part.facts)
    if facts.lacks & YEARLESS or any(tally.OTHER_SHAPES in shapes for shapes in facts.shapes.values()):
        return None
    shown = tally.together(events)
    steps = shown["message"].eq(CLOCK_SET_BACK)
    kept = shown[~steps | steps.cumsum().le(tally.MOST_STEPS)]
    return LogSums(tally.grouped(tally.together(requests)), tally.together([kept]), facts, parts[-1].broken)


# ---- On a cluster ----


@contextmanager
def workers(scheduler: str) -> Iterator[Any]:
    """Maps a function over logs on a dask cluster, again if a worker is lost; `BadInput` if none answers."""
    try:
        from distributed import Client  # noqa: PLC0415  slow to import, and of the extra [cluster]

        client = Client(scheduler, timeout=_PATIENCE_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except ImportError as missing:
        raise BadInput.at("--scheduler", f"needs {missing.name}: install audit-lib[cluster]") from None
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None
    with client:
        yield lambda read, logs: (each.result() for each in client.map(read, list(logs), pure=False))
