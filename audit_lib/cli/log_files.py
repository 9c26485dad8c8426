"""Opens the logs that a command line names: files, stdin and URLs, with a progress bar on a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.progress import Watched, adding_up
from audit_lib.cli.terminal import progress_bar
from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.group_limit import joined
from audit_lib.logs.read_file import bytes_in, read_to_end, read_with_year
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import folded

_PATIENCE = 1.0  # seconds without a word


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
    """The sums of all, within the budgets of routes and groups; `BadInput` if one cannot be read whole.

    On a terminal a bar shows how far that is.
    """
    total = bytes_in(Path(), paths)
    read: list[LogSums] = []
    with progress_bar({"bytes of logs": 1}, _PATIENCE) as progress:
        more = adding_up(progress, "bytes of logs", total)
        for path in paths:
            read.append(_sums(path, plan, total, more))
            read = [_joined(read, plan)] if len(read) > 1 else read
    return read


def _joined(parts: list[LogSums], plan: Plan) -> LogSums:
    whole = folded([joined(parts)], plan.routes)[0]
    return plan.limit.within(whole) if plan.limit else whole


def _sums(path: str, plan: Plan, total: int, more: Callable[[int], None]) -> LogSums:
    try:
        if not Path(path).is_file():
            with _opened(path, more) as file:
                return read_to_end(file, path, plan, total)

        def read(written: int | None) -> LogSums:
            with _opened(path, more) as file:
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
def _opened(path: str, more: Callable[[int], None]) -> Iterator[BinaryIO]:
    """The file or stdin; what is read of a file is reported."""
    if path == "-":
        yield sys.stdin.buffer
        return
    if "://" in path:
        from audit_lib.logs.cluster import open_url  # noqa: PLC0415  slow to import

        with open_url(path) as remote:
            yield remote
        return
    with Path(path).open("rb", buffering=0) as file:
        plain = cast(BinaryIO, file)
        yield cast(BinaryIO, Watched(plain, more)) if sys.stderr.isatty() else plain
