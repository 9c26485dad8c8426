"""Reads the logs that a command line names: files, stdin and URLs, with a progress bar on a terminal."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.base.progress import adding_up
from audit_lib.cli.terminal import progress_bar
from audit_lib.logs.formats import LogFormats, load_formats, project_formats
from audit_lib.logs.frames import LogSums, frames_of
from audit_lib.logs.log_files import LogFile
from audit_lib.logs.read_files import LogPart, LogPlace, Part, Run, processes, read_files, read_whole, split
from audit_lib.logs.stream import Plan
from audit_lib.logs.sums import OTHER_CLIENTS
from audit_lib.logs.values import micros_of
from audit_lib.settings import load_project
from audit_lib.settings.load import is_configured

_PATIENCE = 1.0  # seconds without a word
_OTHERS = "too many {} differ: {:,} requests and messages are counted under {}"


@dataclass(frozen=True)
class PathsRead:
    """What logs gave: LogCounts, how many lines ended in each state, and what is to be said beside it."""

    counts: pd.DataFrame
    states: Mapping[str, int]
    remarks: tuple[str, ...]


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


def formats_for(file: Path | None, folder: Path) -> LogFormats:
    """The formats of the file, else those that the project's audit.toml names, else the bundled ones."""
    if file is None and is_configured(folder):
        return project_formats(load_project(folder))
    return load_formats(file)


def zone_of(name: str) -> ZoneInfo:
    """The time zone that `--time-zone` names; `BadInput` for any other text."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadInput.at("--time-zone", "is not a time zone such as UTC or Europe/Berlin") from None


def read_paths(paths: Sequence[str], formats: LogFormats, plan: Plan, scheduler: str) -> PathsRead:
    """What all hold; `BadInput` if one cannot be read whole. On a terminal a bar shows how far that is."""
    if scheduler and "-" in paths:
        raise BadInput.at("-", "is stdin, which a cluster cannot read")
    tasks = [_parts(path, formats, plan) for path in paths if _is_file(path)]
    total = sum(part.size for _, parts in tasks for part in parts)
    with (
        progress_bar({"bytes of logs": 1}, _PATIENCE) as progress,
        _readers(formats, total, scheduler) as run,
    ):
        read = read_files(tasks, formats, run, adding_up(progress, "bytes of logs", total))
        parts = [next(read)[0] if _is_file(path) else _streamed(path, formats, plan) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.fault[0]:
            raise BadInput.at(path, part.fault[1])
        if part.broken:
            raise BadInput.at(path, f"is damaged or cut short ({part.broken})")
    rows = [{"source": path, "environment": "", "service": ""} for path in paths]
    logs = [LogSums(row, part.sums) for row, part in zip(rows, parts, strict=True)]
    counts = frames_of([], logs).counts
    return PathsRead(counts, _states(logs), tuple(_remarks(counts)))


def _readers(formats: LogFormats, total: int, scheduler: str) -> AbstractContextManager[Run]:
    if not scheduler:
        return processes(formats, total)
    from audit_lib.logs.cluster import workers  # noqa: PLC0415  slow to import

    return workers(formats, scheduler)


def _is_file(path: str) -> bool:
    """Whether a log can be read from any place of it."""
    return "://" in path or (path != "-" and Path(path).is_file())


def _parts(path: str, formats: LogFormats, plan: Plan) -> tuple[Plan, list[Part]]:
    """How a log is read, and in which parts."""
    if "://" in path:
        from audit_lib.logs.cluster import RemoteLog  # noqa: PLC0415  slow to import

        remote = RemoteLog(path)
        with remote.open() as opened:
            return plan, split(cast(LogPlace, remote), opened.size, formats, plan)
    resolved = Path(path).resolve()
    file = LogFile(resolved.parent, resolved.name, path)
    with file.open() as opened:
        dated = replace(plan, written=micros_of(opened.facts.modified_at))
        return dated, split(file, opened.facts.size_bytes, formats, dated)


def _streamed(path: str, formats: LogFormats, plan: Plan) -> LogPart:
    """What stdin or a pipe holds."""
    if path == "-":
        return read_whole(sys.stdin.buffer, formats, plan)
    try:
        with Path(path).open("rb") as file:
            return read_whole(file, formats, plan)
    except OSError as error:
        raise BadInput.at(path, f"cannot be read ({error.strerror})") from None


def _states(logs: Sequence[LogSums]) -> dict[str, int]:
    """The lines by the words of Sources."""
    names = {"requests": "request", "messages": "message", "text_only": "text only"}
    names |= {"not_understood": "not understood", "blank": "blank"}
    states = {key: sum(log.sums.states[state] for log in logs) for key, state in names.items()}
    read = sum(log.sums.understood for log in logs)
    return {"lines": sum(log.sums.lines for log in logs), "read": read, **states}


def _remarks(counts: pd.DataFrame) -> Iterator[str]:
    for column, other, what in (("route", OTHER_ROUTES, "routes"), ("client", OTHER_CLIENTS, "addresses")):
        if requests := int(counts.loc[counts[column] == other, "count"].sum()):
            yield _OTHERS.format(what, requests, other)
