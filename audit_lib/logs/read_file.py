"""Reads one log stream by the reader that suits it, and finds the year of times without one."""

import io
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from audit_lib.base.compiled.load_code import NotCompiled, is_at_hand, load_entry
from audit_lib.base.compressed import BOMB_RATIO, Bomb, Stream
from audit_lib.base.errors import BadInput
from audit_lib.logs.count_lines import raw_lines, tally_lines
from audit_lib.logs.file_counts import BY_GROUP, NAMED, LogSums, summed, sums_of
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.login_redirects import settled
from audit_lib.logs.read_options import Plan, Wanted
from audit_lib.logs.route_limit import folded, without_unused
from audit_lib.logs.units import DAY, NONE, YEARLESS

# From this size on the fast reader, once it is compiled, is done before the naive one.
FAST_FROM = 1 << 18
# Up to this size, of all files together, the naive reader is done before the fast one is compiled.
COMPILE_FROM = 32 << 20
YEAR_TAKEN = "its times carry no year; it was taken from the file's date"
YEAR_OPEN = "its times carry no year, and the file's date leaves it open: no line has a time"
# A file that was written until its date ends near it; one that was copied later, with a new date, does not.
_MOST_SILENT = 32 * DAY
# A step back of this size is no clock's: the file spans more than a year.
_A_STEP = 32 * DAY
# What only the naive reader knows: requests of Rails that are told on two lines, and hours of one digit.
NAIVE_ALONE = re.compile(rb'Started [A-Z]+ "[^ "]*" for |\d{4}([-/])\d\d\1\d\d  \d:')


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


def read_log(file: BinaryIO, plan: Plan, total: int = 0, fast_from: int = FAST_FROM) -> LogSums:
    """The sums of one unpacked stream. Both readers give the same; a test holds them to it.

    `total` are the bytes of all files that are to be read, as far as they are known: of many small ones the
    fast reader is worth its compilation, too.
    """
    return settled(_read(file, plan, total, fast_from), plan.formats.logins, plan.wanted)


def _read(file: BinaryIO, plan: Plan, total: int, fast_from: int) -> LogSums:
    first = _read_up_to(file, fast_from)
    if NAIVE_ALONE.search(first):
        return read_naively(io.BufferedReader(_Chained(first, file)), plan)
    enough = len(first) >= fast_from
    if enough and total < COMPILE_FROM and not is_at_hand(LOG_KERNEL):
        first += _read_up_to(file, COMPILE_FROM - len(first))
        enough = len(first) >= COMPILE_FROM
    if not enough:
        return read_naively(io.BytesIO(first), plan)
    whole = _Chained(first, file)
    if not _is_compiled():
        return read_naively(io.BufferedReader(whole), plan)
    return reduce_chunks(read_chunks(cast(BinaryIO, whole), plan), plan)


@lru_cache
def _is_compiled() -> bool:
    """Whether the fast reader is there; where it is not, that is said once."""
    try:
        load_entry(LOG_KERNEL)
    except NotCompiled as error:
        print(f"the fast log reader cannot be compiled here ({error}): reading slowly", file=sys.stderr)
        return False
    return True


def bytes_in(root: Path, paths: Iterable[str]) -> int:
    """How many bytes the files hold, as they lie on the disk; of what cannot be asked, none."""
    total = 0
    for path in paths:
        with suppress(OSError, ValueError):
            total += root.joinpath(path).lstat().st_size
    return total


def read_naively(file: BinaryIO, plan: Plan) -> LogSums:
    """The same sums by the naive reader, line by line."""
    sums = sums_of(tally_lines(raw_lines(file), plan.formats, plan.zone, plan.period, plan.written))
    sums = folded([_as_wanted(sums, plan.wanted)], plan.routes)[0]
    return plan.limit.within(sums) if plan.limit else sums


def _as_wanted(sums: LogSums, wanted: Wanted) -> LogSums:
    """The sums without names that are not wanted: else a limit would come sooner than in the fast reader.

    That one names groups for events and minutes, too; where these are wanted nothing is left out here.
    """
    if wanted.events or wanted.minutes:
        return sums
    unwanted = (column for column in NAMED if not getattr(wanted, column))
    groups = sums.groups | {column: np.zeros_like(sums.groups[column]) for column in unwanted}
    return without_unused(replace(sums, groups=summed(groups, *BY_GROUP)))


def read_to_end(file: BinaryIO, place: str, plan: Plan, total: int = 0) -> LogSums:
    """The sums of a file, packed or not; `total` as in `read_log`.

    Raises `BadInput`, which names the place, where the file cannot be read to its end.
    """
    stream = Stream(file)
    try:
        sums = read_log(cast(BinaryIO, stream), plan, total)
    except Bomb:
        raise BadInput.at(place, f"unpacks to more than {BOMB_RATIO} times its size: a bomb") from None
    except OSError as error:
        raise BadInput.at(place, f"cannot be read ({error.strerror})") from None
    if stream.broken:
        raise BadInput.at(place, f"is damaged or cut short ({stream.broken})")
    return sums


def _read_up_to(file: BinaryIO, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := file.read(min(size, 1 << 20))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(chain(pieces))


def read_with_year(read: Callable[[int | None], LogSums], written: int) -> tuple[LogSums, str]:
    """The sums of a file that was last written at `written`, and a remark if its times carry no year.

    If the year is open, the file is read again, and its lines have no time.
    """
    sums = read(written)
    if not sums.lacks & YEARLESS:
        return sums, ""
    return (read(None), YEAR_OPEN) if _is_open(sums, written) else (sums, YEAR_TAKEN)


def _is_open(sums: LogSums, written: int) -> bool:
    """Whether the file, last written at `written`, may be of another year than that of its date."""
    if sums.last == NONE or abs(written - sums.last) > _MOST_SILENT:
        return True
    is_step = sums.events["message"] == (
        sums.messages.index(CLOCK_SET_BACK) if CLOCK_SET_BACK in sums.messages else -1
    )
    steps = sums.events["not_after"][is_step] - sums.events["not_before"][is_step]
    return bool((steps > _A_STEP).any())
