"""Reads logs one after another, on all processors, or on a cluster: the sums are the same.

A large log is cut into pieces where a record with its own time begins, since what is said before that changes
nothing behind it. A log is not cut that declares its columns, has requests of Rails, or times without a year.
"""

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedReader, BytesIO
from multiprocessing import get_context
from threading import Semaphore
from typing import Any

from audit_lib.base.archives import Bomb, LogStream
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable
from audit_lib.logs.file_lines import raw_lines, read_lines
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import CLOCK_SET_BACK, LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.tally import (
    MOST_STEPS,
    OTHER_SHAPES,
    Facts,
    LogSums,
    Plan,
    Tally,
    grouped,
    read_log,
    settled,
    together,
)
from audit_lib.logs.times import YEARLESS

PIECE = 8 << 20  # bytes, at least, …
_MOST_HELD = 4 * PIECE  # … and at most, if no record begins
_MOST_TRIED = 1_000  # lines, for one that begins a record
_ALONE = 16 << 20  # up to so many bytes in all, another process would take longer to start than to read
_MOST_PROCESSES = 8
_PATIENCE_SECONDS = 10  # for an answer of a cluster
_RAILS = re.compile(rb'Started [A-Z]+ "')


Log = tuple[LogFile, Plan]
_Submitted = tuple[Log, list["Future[LogSums]"]]


class _NotCut(Exception):
    """A log of which a piece cannot be read alone."""


def read_all(formats: LogFormats, logs: Sequence[Log], size: int, scheduler: str = "") -> Iterator[LogSums]:
    """What each log holds, in their order; they have so many bytes in all. `BadInput` for no scheduler."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if scheduler:
        with workers(scheduler) as run:
            yield from run(partial(_read, formats), logs)
    elif count < 2 or size < _ALONE:
        yield from map(partial(_read, formats), logs)
    else:
        count = min(count, _MOST_PROCESSES)
        # A fork has the formats with all that was compiled of them.
        with ProcessPoolExecutor(count, get_context("fork"), _shared.append, (formats,)) as pool:
            slots, waiting = Semaphore(2 * count), deque[_Submitted]()

            def submit(*piece: Any) -> "Future[LogSums]":
                slots.acquire()  # pieces that wait are held in memory
                future = pool.submit(_run, _read_piece, *piece)
                future.add_done_callback(lambda _: slots.release())
                return future

            for log in logs:
                parts = _submit_pieces(formats, log, submit) or [pool.submit(_run, _read, log)]
                waiting.append((log, parts))
                while waiting and all(part.done() for part in waiting[0][1]):
                    yield _collect(formats, *waiting.popleft())
            for submitted in waiting:
                yield _collect(formats, *submitted)


_shared: list[LogFormats] = []  # what a process reads logs by, at the end


def _run(work: Callable[..., LogSums], *given: Any) -> LogSums:
    return work(_shared[-1], *given)


def _read(formats: LogFormats, log: Log) -> LogSums:
    return read_log(formats, *log)


def _submit_pieces(
    formats: LogFormats, log: Log, submit: Callable[..., "Future[LogSums]"]
) -> list["Future[LogSums]"]:
    """The pieces of a log, as they are read elsewhere; none of a log that is not cut."""
    file, plan = log
    try:
        with file.open() as opened:
            if opened.facts.size_bytes < 2 * PIECE:
                return []
            stream = LogStream(opened.file)
            pieces = cut(stream, LineReader(formats, plan.zone))
            return [submit(plan, *piece, stream.broken) for piece in pieces]
    except (_NotCut, Bomb, Unreadable):
        return []


def _collect(formats: LogFormats, log: Log, parts: list["Future[LogSums]"]) -> LogSums:
    """What a log holds, by its pieces or else read now."""
    sums = _joined([part.result() for part in parts])
    return settled(formats, sums) if sums else _read(formats, log)


def cut(stream: LogStream, reader: LineReader) -> Iterator[tuple[bytes, bytes]]:
    """Pieces of a log, each with the line that the next one begins with; raises `_NotCut`."""
    file, held = BufferedReader(stream, PIECE), b""
    while block := file.read(PIECE):
        held += block
        if held.startswith(b"#") or _RAILS.search(held):
            raise _NotCut
        if at := _last_record(held, reader):
            yield held[:at], held[at : held.index(b"\n", at) + 1]
            held = held[at:]
        elif len(held) > _MOST_HELD:
            raise _NotCut
    yield held, b""


def _last_record(held: bytes, reader: LineReader) -> int:
    """Where the last whole line begins that begins a record with a time of its own; 0 if none is near."""
    end = held.rfind(b"\n")
    for _ in range(_MOST_TRIED):
        start = held.rfind(b"\n", 0, max(end, 0)) + 1
        line = reader.read(held[start : end + 1])
        if start == 0 or (line.record and line.at is not None and not line.lacks & YEARLESS):
            return start
        end = start - 1
    return 0


def _read_piece(formats: LogFormats, plan: Plan, content: bytes, following: bytes, broken: str) -> LogSums:
    lines = read_lines(raw_lines(BytesIO(content)), formats, plan.zone, plan.written)
    after = LineReader(formats, plan.zone, plan.written).read(following) if following else None
    return replace(Tally(plan).total(lines, after), broken=broken)


def _joined(parts: Sequence[LogSums]) -> LogSums | None:
    """The sums of a log of those of its pieces; None if these do not tell what those of the whole are."""
    if len(parts) == 1:
        return parts[0]
    facts, requests, events = Facts(), [], []
    for part in parts:
        before = facts.lines
        requests.append(part.requests.assign(line=part.requests["line"] + before))
        events.append(part.events.assign(line=part.events["line"] + before))
        facts.append(part.facts)
    if facts.lacks & YEARLESS or any(OTHER_SHAPES in shapes for shapes in facts.shapes.values()):
        return None
    shown = together(events)
    steps = shown["message"].eq(CLOCK_SET_BACK)
    kept = shown[~steps | steps.cumsum().le(MOST_STEPS)]
    return LogSums(grouped(together(requests)), together([kept]), facts, parts[-1].broken)


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
