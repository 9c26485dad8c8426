"""Reads logs on a cluster: the same kernel on ranges of a file that its workers open themselves."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from audit_lib.base.compiled.load_code import NotCompiled
from audit_lib.base.compressed import is_packed
from audit_lib.base.errors import BadInput
from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.kernel.chunks import ChunkRead, after_last_line, buffer_size, fill
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_once
from audit_lib.logs.login_redirects import settled
from audit_lib.logs.read_file import read_to_end
from audit_lib.logs.read_options import Plan
from audit_lib.logs.units import LINE_LIMIT, Bytes

try:
    import fsspec
    from distributed import Client
except ImportError as _missing:
    raise BadInput.at("a URL or --scheduler", f"needs {_missing.name}: install audit-lib[cluster]") from None

# One task reads so much: enough to outweigh its cost, little enough for any worker's memory.
RANGE = 64 << 20
_STEP = 1 << 16
_PATIENCE_SECONDS = 10


def read_on_cluster(urls: Sequence[str], plan: Plan, scheduler: str, size: int = RANGE) -> list[LogSums]:
    """The sums of each file, whatever worker read which part of it, and if workers are lost meanwhile.

    A plain file is read in ranges; a packed one, or one that may declare its columns, is one task. `BadInput`
    where the scheduler does not answer or a file cannot be read. A path without :// must be there on every
    worker.
    """
    places = [url if "://" in url else str(Path(url).resolve()) for url in urls]
    with connect(scheduler) as client:
        work = [_submitted(client, place, plan, size) for place in places]
        return [_gathered(place, *each, plan) for place, each in zip(places, work, strict=True)]


def connect(scheduler: str) -> Any:
    """A client of the cluster, to be closed; `BadInput` where no scheduler answers."""
    try:
        return Client(scheduler, timeout=_PATIENCE_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None


def open_url(url: str) -> BinaryIO:
    """A file by fsspec URL or path; `BadInput` where it cannot be read."""
    try:
        return cast(BinaryIO, fsspec.open(url, "rb").open())
    except ImportError:
        raise BadInput.at(url, "needs a library of its own: install audit-lib[cluster]") from None
    except (OSError, ValueError) as error:
        raise BadInput.at(url, f"cannot be read ({type(error).__name__})") from None


def _submitted(client: Any, url: str, plan: Plan, size: int) -> tuple[bool, list[Any]]:
    """Whether a file is read in one piece, and the tasks that read it."""
    with open_url(url) as file:
        first = file.read(8)
        length = file.seek(0, io.SEEK_END)
    if is_packed(first) or first.startswith(b"#"):  # its columns may change where no range begins
        return True, [client.submit(read_whole, url, plan, pure=False)]
    starts = range(0, length, size)
    return False, [client.submit(read_range, url, start, start + size, plan, pure=False) for start in starts]


def _gathered(url: str, whole: bool, tasks: list[Any], plan: Plan) -> LogSums:
    try:
        if whole:
            return cast(LogSums, tasks[0].result())
        return settled(reduce_chunks(_results(tasks), plan), plan.formats.logins, plan.wanted)
    except OSError as error:
        raise BadInput.at(url, f"cannot be read by a worker ({type(error).__name__})") from None
    except NotCompiled as error:
        raise BadInput.at("--scheduler", f"what workers count cannot be joined here ({error})") from None


def _results(tasks: list[Any]) -> Iterator[ChunkRead]:
    """The results in order; each is let go as soon as it was taken."""
    for task in tasks:
        yield cast(ChunkRead, task.result())
        task.release()


def read_whole(url: str, plan: Plan) -> LogSums:
    """The sums of a packed file, on a worker."""
    with open_url(url) as file:
        return read_to_end(file, url, plan)


def read_range(url: str, start: int, end: int, plan: Plan) -> ChunkRead:
    """The lines that begin in a range of bytes, on a worker; `BadInput` if it cannot read or compile."""
    with open_url(url) as file:
        try:
            return read_once(*_lines_from(file, start, end), plan)
        except NotCompiled as error:
            raise BadInput.at(url, f"a worker cannot compile the fast log reader ({error})") from None


def _lines_from(file: BinaryIO, start: int, end: int) -> tuple[Bytes, int]:
    """A buffer with the lines that begin in a range, and how many bytes they are.

    Of a last line beyond the limit there is no more than shows it.
    """
    before = max(0, start - 1)
    file.seek(before)
    buffer = np.empty(buffer_size(end - before), np.uint8)
    filled, _ = fill(file, buffer, 0, end - before)
    first = _behind_line_feed(buffer, filled) if start else 0
    last = max(first, after_last_line(buffer, filled))
    while first < filled and buffer[filled - 1] != ord("\n") and filled - last <= LINE_LIMIT + 1:
        more, _ = fill(file, buffer, filled, filled + _STEP)
        if more == filled:
            break
        found = buffer[filled:more].tobytes().find(b"\n")
        filled = more if found < 0 else filled + found + 1
    return buffer[first:], filled - first


def _behind_line_feed(buffer: Bytes, filled: int) -> int:
    """The place behind the first line feed; the end where there is none."""
    for at in range(0, filled, _STEP):
        found = buffer[at : min(at + _STEP, filled)].tobytes().find(b"\n")
        if found >= 0:
            return at + found + 1
    return filled
