"""Reads whole log files: packed or plain, a large one in parts, and finds the year of times without one."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_context
from typing import BinaryIO, Protocol, cast

from audit_lib.base.archives import BOMB_RATIO, Bomb, LogStream, is_packed
from audit_lib.base.files import Unreadable
from audit_lib.logs.formats import CLOCK_SET_BACK, LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.pairs import BEGINS
from audit_lib.logs.stream import Plan, raw_lines, sum_lines
from audit_lib.logs.sums import Sums, join, settle_logins
from audit_lib.logs.values import DAY, NONE, YEARLESS

PART = 8 << 20  # bytes of a part
YEAR_TAKEN = "its times carry no year; it was taken from the file's date"
YEAR_OPEN = "its times carry no year, and the file's date leaves it open: no line has a time"
BOMB = f"unpacks to more than {BOMB_RATIO} times its size, which no honest log does"
_ALONE = 2 * PART  # up to so many bytes in all, another process would take longer to start than to read
_MOST_PROCESSES = 8
_BEGINNING = 1 << 18  # bytes
_MOST_SOUGHT = 1_000  # lines that are looked at for a place where a part may begin
# A file that was written until its date ends near it; one that was copied later, with a new date, does not.
_MOST_SILENT = 32 * DAY
# A step back of this size is no clock's: the file spans more than a year.
_LARGE_STEP = 32 * DAY


class LogBytes(Protocol):
    """The bytes of an open log: in order, or those of a place."""

    @property
    def file(self) -> BinaryIO:
        """The bytes in order."""

    def piece(self, start: int, end: int) -> bytes:
        """The bytes between two places."""


class LogPlace(Protocol):
    """Where a log is."""

    def open(self) -> AbstractContextManager[LogBytes]:
        """The log, opened; raises `Unreadable`."""


@dataclass(frozen=True)
class Part:
    """A part of a log: all of it (`end` 0), or the lines that begin in a range of its bytes."""

    place: LogPlace
    start: int = 0
    end: int = 0
    size: int = 0  # bytes, as they lie on the disk


@dataclass(frozen=True)
class LogPart:
    """What was read of a part: its sums, where its packed stream is damaged, or why it cannot be read."""

    sums: Sums = field(default_factory=Sums)
    broken: str = ""
    fault: tuple[str, str] = ("", "")  # a state of Sources, and the reason


Task = tuple[Plan, Part]
Run = Callable[[Sequence[Task]], Iterator[LogPart]]  # reads parts, and gives what they hold in their order


def read_part(formats: LogFormats, plan: Plan, part: Part) -> LogPart:
    """What a part of a log holds."""
    try:
        with part.place.open() as opened:
            if not part.end:
                return read_stream(opened.file, formats, plan)
            lines = raw_lines(io.BytesIO(opened.piece(part.start, part.end)))
            return LogPart(join(sum_lines(lines, formats, plan), plan.period))
    except Unreadable as error:
        return LogPart(fault=(error.state, error.reason))


def read_stream(file: BinaryIO, formats: LogFormats, plan: Plan) -> LogPart:
    """What a stream holds, packed or not."""
    stream = LogStream(file)
    lines = raw_lines(cast(BinaryIO, io.BufferedReader(stream, PART)))
    try:
        return LogPart(join(sum_lines(lines, formats, plan), plan.period), stream.broken)
    except Bomb:
        return LogPart(fault=("refused", BOMB))


def read_whole(file: BinaryIO, formats: LogFormats, plan: Plan) -> LogPart:
    """What a log that is one stream holds."""
    return _joined([read_stream(file, formats, plan)], formats, plan)


def split(place: LogPlace, size: int, formats: LogFormats, plan: Plan) -> list[Part]:
    """The parts of a log of so many bytes, each but the first of which begins at a record with a time.

    One that is packed or may declare its columns, and one without such records, is a part as a whole.
    """
    with place.open() as opened:
        first = opened.piece(0, 8)
        if size < 2 * PART or is_packed(first) or first.startswith(b"#"):
            return [Part(place, size=size)]
        if BEGINS.search(opened.piece(0, _BEGINNING)):  # a request may begin in one part and end in another
            return [Part(place, size=size)]
        reader = LineReader(formats, plan.zone, plan.written)
        found = (_record_behind(opened, start, reader) for start in range(PART, size, PART))
        starts = [0, *dict.fromkeys(start for start in found if start)]
    ends = [*starts[1:], size]
    return [
        Part(place, start, end, end - start) for start, end in zip(starts, ends, strict=True) if start < end
    ]


def _record_behind(opened: LogBytes, start: int, reader: LineReader) -> int:
    """Where the first record with a time begins behind a place of a log; 0 if none is near."""
    content = opened.piece(start, start + _BEGINNING)
    at = content.find(b"\n") + 1
    for _ in range(_MOST_SOUGHT):
        end = content.find(b"\n", at) + 1
        if not at or not end:
            break
        line = reader.read(content[at:end])
        if line.at is not None and line.record:
            return start + at
        at = end
    return 0


@contextmanager
def processes(formats: LogFormats, size: int) -> Iterator[Run]:
    """Reads parts: as many at once as there are processors, or one after another if they are small."""
    count = min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    if size < _ALONE or count < 2:
        yield lambda tasks: (read_part(formats, *task) for task in tasks)
        return
    context = get_context("fork")  # the formats are compiled once, and need not be sent
    with ProcessPoolExecutor(count, context, _begin, (formats,)) as pool:
        yield lambda tasks: pool.map(_read_task, tasks)


_shared: list[LogFormats] = []  # the formats of a process that reads parts


def _begin(formats: LogFormats) -> None:
    _shared[:] = [formats]


def _read_task(task: Task) -> LogPart:
    return read_part(_shared[0], *task)


def read_files(
    tasks: Sequence[tuple[Plan, Sequence[Part]]], formats: LogFormats, run: Run, more: Callable[[int], object]
) -> Iterator[tuple[LogPart, str]]:
    """What each log holds, of which the parts are given, and a remark if its times carry no year.

    `more` is given how many bytes were read. If the year is open, the log is read again, and its lines have
    no time.
    """
    parts = run([(plan, part) for plan, own in tasks for part in own])
    for plan, own in tasks:
        read = _joined(_reported(islice(parts, len(own)), own, more), formats, plan)
        if read.sums.lacks & YEARLESS and plan.written is not None:
            if not _is_open(read.sums, plan.written):
                yield read, YEAR_TAKEN
                continue
            undated = replace(plan, written=None)
            yield _joined(run([(undated, part) for part in own]), formats, undated), YEAR_OPEN
            continue
        yield read, ""


def _reported(
    read: Iterable[LogPart], parts: Sequence[Part], more: Callable[[int], object]
) -> Iterator[LogPart]:
    for each, part in zip(read, parts, strict=True):
        more(part.size)
        yield each


def _joined(parts: Iterable[LogPart], formats: LogFormats, plan: Plan) -> LogPart:
    """A log from its parts; the first that cannot be read speaks for all."""
    problems: list[LogPart] = []

    def sums() -> Iterator[Sums]:
        for part in parts:
            if part.broken or part.fault[0]:
                problems.append(part)
            yield part.sums

    whole = settle_logins(join(sums(), plan.period), formats.logins)
    fault = next((part.fault for part in problems if part.fault[0]), ("", ""))
    broken = next((part.broken for part in problems if part.broken), "")
    return LogPart(Sums() if fault[0] else whole, broken, fault)


def _is_open(sums: Sums, written: int) -> bool:
    """Whether the file, last written at `written`, may be of another year than that of its date."""
    if sums.last == NONE or abs(written - sums.last) > _MOST_SILENT:
        return True
    step = sums.names.index(CLOCK_SET_BACK) if CLOCK_SET_BACK in sums.names else -1
    is_step = sums.events["message"] == step
    steps = sums.events["not_after"][is_step] - sums.events["not_before"][is_step]
    return bool((steps > _LARGE_STEP).any())
