"""A log's bytes in chunks of whole lines, and what each chunk gave."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.shared_arrays import CountTables
from audit_lib.logs.units import LINE_LIMIT, Bytes, Ints

_STEP = 1 << 16


class Counted(Protocol):
    """Who counted chunks: the groups with a date are in its tables."""

    tables: CountTables
    reads_on: bool  # whether it may count more chunks

    def restart(self) -> None:
        """Begins afresh, after what it counted was taken."""


@dataclass
class ChunkRead:
    """What one chunk gave, apart from the groups with a date; `head` are the groups before its first date."""

    worker: Counted
    state: Ints
    head: Ints
    onces: Ints
    events: Ints


@dataclass(eq=False)
class Filled:
    """The tables of a worker that reads no more, so that they can be sent from one machine to another."""

    tables: CountTables
    reads_on = False

    def restart(self) -> None:
        """Lets its tables go."""
        self.tables = layout.new_tables()


def chunks(file: BinaryIO, buffers: Iterator[Bytes], size: int) -> Iterator[tuple[Bytes, int]]:
    """Buffers with how many bytes of each are whole lines; the last line may lack its end.

    Of a line beyond the limit so much is kept that it shows to be too long. `buffers` gives the next free
    one; each must hold `size` and room for one line (`buffer_size`).
    """
    buffer, filled = next(buffers), 0
    while True:
        # A line that is too long already leaves no room for a chunk: it is skipped first.
        ended = False
        if filled <= LINE_LIMIT + 1:
            filled, ended = fill(file, buffer, filled, filled + size)
        stop = after_last_line(buffer, filled)
        while not stop and not ended:
            if filled > LINE_LIMIT + 1:
                filled, ended = _skip_line(file, buffer)
            else:
                filled, ended = fill(file, buffer, filled, filled + min(size, _STEP))
            stop = after_last_line(buffer, filled)
        if ended:
            if filled:
                yield buffer, filled
            return
        following = next(buffers)
        left = filled - stop
        following[:left] = buffer[stop:filled]
        yield buffer, stop
        buffer, filled = following, left


def buffer_size(size: int) -> int:
    """What a buffer must hold: a chunk, and one line that began in the chunk before."""
    return size + LINE_LIMIT + 2 * _STEP


def fill(file: BinaryIO, buffer: Bytes, filled: int, upto: int) -> tuple[int, bool]:
    """Reads until so many bytes are there; how many there are, and whether the stream has ended."""
    view = buffer.data
    while filled < upto:
        count = file.readinto(view[filled:upto])  # type: ignore[attr-defined]
        if not count:
            return filled, True
        filled += count
    return filled, False


def after_last_line(buffer: Bytes, filled: int) -> int:
    """Where the last whole line ends; 0 where there is none."""
    reach = _STEP
    while True:
        start = max(0, filled - reach)
        found = buffer[start:filled].tobytes().rfind(b"\n")
        if found >= 0:
            return start + found + 1
        if start == 0:
            return 0
        reach *= 4


def _skip_line(file: BinaryIO, buffer: Bytes) -> tuple[int, bool]:
    """Drops the rest of a line that is too long: what stays of it ends at the limit, with what follows it."""
    stop = LINE_LIMIT + 1
    while True:
        piece = file.read(_STEP)
        if not piece:
            return stop, True
        found = piece.find(b"\n")
        if found >= 0:
            rest = np.frombuffer(piece[found:], np.uint8)
            buffer[stop : stop + len(rest)] = rest
            return stop + len(rest), False
