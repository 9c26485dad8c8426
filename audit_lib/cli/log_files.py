"""Opens the logs that a command line names: files, stdin and URLs, with a progress bar on a terminal."""

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from audit_lib.base.errors import BadInput, Fault
from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.group_limit import joined
from audit_lib.logs.read_file import bytes_in, read_to_end
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import folded
from audit_lib.logs.yearless import read_with_year


def openable(paths: Iterable[str]) -> list[str]:
    """The paths, each once; `BadInput` with every one that cannot be opened."""
    faults: list[Fault] = []
    kept: dict[str, str] = {}
    for path in paths:
        if path != "-" and "://" not in path:
            if Path(path).is_dir():
                faults.append(Fault(path, "is a directory: name its log files"))
            elif not Path(path).exists():
                faults.append(Fault(path, "does not exist"))
        kept.setdefault(path if path == "-" or "://" in path else str(Path(path).resolve()), path)
    if faults:
        raise BadInput(faults)
    return list(kept.values())


def read_paths(paths: Sequence[str], plan: Plan) -> list[LogSums]:
    """The sums of all, within the budgets of routes and groups; `BadInput` if one cannot be read whole."""
    total = bytes_in(Path(), paths)
    read: list[LogSums] = []
    for path in paths:
        read = [_joined([*read, _sums(path, plan, total)], plan)]
    return read


def _joined(parts: list[LogSums], plan: Plan) -> LogSums:
    whole = folded([joined(parts)], plan.routes)[0]
    return plan.limit.within(whole) if plan.limit else whole


def _sums(path: str, plan: Plan, total: int) -> LogSums:
    try:
        if not Path(path).is_file():
            with _opened(path) as file:
                return read_to_end(file, path, plan, total)

        def read(written: int | None) -> LogSums:
            with _opened(path) as file:
                return read_to_end(file, path, replace(plan, written=written), total)

        return read_with_year(read, Path(path).stat().st_mtime_ns // 1_000)[0]
    except OSError as error:
        raise BadInput.at(path, f"cannot be read ({error.strerror})") from None


def read_remotely(paths: Sequence[str], plan: Plan, scheduler: str) -> list[LogSums]:
    """The same by the workers of a cluster."""
    if "-" in paths:
        raise BadInput.at("-", "is stdin, which a cluster cannot read")
    from audit_lib.logs.cluster import read_on_cluster  # noqa: PLC0415  slow to import

    return [_joined(read_on_cluster(paths, plan, scheduler), plan)]


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """The file or stdin, with a progress bar on stderr if that is a terminal and the size is known."""
    if path == "-":
        yield sys.stdin.buffer
        return
    if "://" in path:
        from audit_lib.logs.cluster import open_url  # noqa: PLC0415  slow to import

        with open_url(path) as remote:
            yield remote
        return
    with Path(path).open("rb", buffering=0) as file:
        size = Path(path).stat().st_size
        if not (size and sys.stderr.isatty()):
            yield cast(BinaryIO, file)
            return
        with click.progressbar(length=size, label=path, file=sys.stderr) as bar:
            yield cast(BinaryIO, _Watched(cast(BinaryIO, file), bar))


class _Watched(io.RawIOBase):
    """A file that moves a progress bar as it is read."""

    def __init__(self, file: BinaryIO, bar: Any) -> None:
        self._file, self._bar = file, bar

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = int(self._file.readinto(buffer))  # type: ignore[attr-defined]
        self._bar.update(count)
        return count
