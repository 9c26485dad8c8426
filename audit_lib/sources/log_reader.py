"""Reads one log stream by the reader that suits it: the naive one where it is small, else the fast one."""

import io
import sys
from functools import cache
from itertools import chain
from typing import BinaryIO, cast

from audit_lib.sources.kernel.native import NotCompiled, load_entry
from audit_lib.sources.log_fast import Plan, read_chunks
from audit_lib.sources.log_reduce import reduce_chunks
from audit_lib.sources.log_sums import LogSums, sums_of
from audit_lib.sources.log_tally import raw_lines, tally_lines

# Up to this size the naive reader is done before the fast one would have been compiled.
FAST_FROM = 16 << 20


class _Chained(io.RawIOBase):
    """What was read already, then the rest."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first, self._rest = memoryview(first), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not len(self._first):
            return cast(int, self._rest.readinto(buffer))  # type: ignore[attr-defined]
        piece = self._first[: len(buffer)]
        buffer[: len(piece)] = piece
        self._first = self._first[len(piece) :]
        return len(piece)


def read_log(file: BinaryIO, plan: Plan, fast_from: int = FAST_FROM) -> LogSums:
    """The sums of one unpacked stream. Both readers give the same; a test holds them to it."""
    first = _read_up_to(file, fast_from)
    if len(first) < fast_from:
        return read_naively(io.BytesIO(first), plan)
    whole = _Chained(first, file)
    if not _is_compiled():
        return read_naively(io.BufferedReader(whole), plan)
    return reduce_chunks(read_chunks(cast(BinaryIO, whole), plan), plan)


@cache
def _is_compiled() -> bool:
    """Whether the fast reader is there; where it is not, that is said once."""
    try:
        load_entry()
    except NotCompiled as error:
        print(f"the fast log reader cannot be compiled here ({error}): reading slowly", file=sys.stderr)
        return False
    return True


def read_naively(file: BinaryIO, plan: Plan) -> LogSums:
    """The same sums by the naive reader, line by line."""
    return sums_of(tally_lines(raw_lines(file), plan.formats, plan.zone, plan.period))


def _read_up_to(file: BinaryIO, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := file.read(min(size, 1 << 20))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(chain(pieces))
