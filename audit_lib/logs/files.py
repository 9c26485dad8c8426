"""The files of a project's logs: within it, or given by `--log`."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.archives import LogStream
from audit_lib.base.errors import BadInput, Fault, parse_each
from audit_lib.base.files import OpenSource, Unreadable, log_paths, open_source
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LineReader, raw_lines
from audit_lib.secrecy.redact import redact_named
from audit_lib.settings import ENVIRONMENTS, LogSource, Project, environment_name
from audit_lib.settings.load import real_path

STDIN, _LONGEST, _RECORD = "-", 2_000, 200  # characters of a line that is quoted; lines of a record
_UTC = ZoneInfo("UTC")
_PLACE = re.compile(r"(.+):(\d+)")
_OPTION = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})=(.+)", re.DOTALL)
Spool = Callable[[BinaryIO], Path]


@dataclass(frozen=True)
class LogFile:
    """One file: the folder below which no link is followed, its path below that, its name in the report."""

    root: Path
    path: str
    name: str
    zone: ZoneInfo = _UTC  # of times that name none
    written: int | None = None  # microseconds since 1970 UTC, for times without a year; None: not known
    is_remote: bool = False  # whether its path is a URL

    def open(self) -> AbstractContextManager[OpenSource]:
        """The file, opened once, or a copy of a remote one. Raises `Unreadable` as `open_source` does."""
        if not self.is_remote:
            return open_source(self.root, self.path)
        try:
            import fsspec  # noqa: PLC0415  slow to import, and of the extra [cluster]

            copy = Path(fsspec.open_local(f"simplecache::{self.path}"))
            return open_source(copy.parent, copy.name)
        except (ImportError, OSError, ValueError) as error:
            reason = f"cannot be read ({type(error).__name__}: perhaps audit-lib[cluster] is missing)"
            raise Unreadable(self.path, "unreadable", reason) from None


def log_files(project: Project) -> Iterator[tuple[LogSource, list[LogFile]]]:
    """Each source with its files by name; a file belongs to the first source that names it."""
    seen: set[tuple[Path, str]] = set()
    for source in project.log_sources:
        files = {(file.root, file.path): file for file in _named(project, source)}
        yield source, [file for place, file in files.items() if place not in seen]
        seen.update(files)


def outside_logs(project: Project) -> list[str]:
    """The logs outside the project that `--log` gives, as the report calls them."""
    return [it.pattern for it in project.log_sources if it.file and not it.file.is_relative_to(project.root)]


def _named(project: Project, source: LogSource) -> list[LogFile]:
    """The files of a source; no link is followed to one within the project, whoever names it."""
    root, file, zone = project.root, source.file, ZoneInfo(source.time_zone)
    if file and not file.is_relative_to(root):
        return [LogFile(file.parent, file.name, source.pattern, zone)]
    if not (file or source.dated):  # no settings file says that of a pattern: the command line names a URL
        return [LogFile(root, source.pattern, source.pattern, zone, is_remote=True)]
    paths = [file.relative_to(root).as_posix()] if file else log_paths(root, source.pattern)
    return [LogFile(root, path, path, zone) for path in paths]


def source_row(source: Any, name: str, kind: str, **columns: Any) -> dict[str, Any]:
    """A row of the contract Sources for a file, or a pattern, of a source: read, unless `columns` differ."""
    place = {"source": name, "kind": kind, "environment": source.environment, "service": source.service}
    return place | {"state": "read", "reason": "", "remedy": ""} | columns


def with_logs(
    project: Project, options: Collection[str], stdin: BinaryIO | None = None, spool: Spool | None = None
) -> Project:
    """The project with the logs of all `--log` options, before those that audit.toml names.

    `spool` gives the file that holds what stdin holds. `BadInput` with the faults of all options.
    """
    from_stdin = [option for option in options if option.endswith(f"={STDIN}")]
    BadInput.unless(len(from_stdin) < 2, "--log", "stdin (-) can be given for one service only")
    given, faults = parse_each(partial(_source, project, stdin, spool), options)
    twice = "is given twice: name files that differ in their names"
    faults += [Fault(name, twice) for name, count in Counter(it.pattern for it in given).items() if count > 1]
    if faults:
        raise BadInput(faults)
    return replace(project, log_sources=(*given, *project.log_sources))


def _source(project: Project, stdin: BinaryIO | None, spool: Spool | None, option: str) -> LogSource:
    found = _OPTION.fullmatch(option)
    named, service, origin = found.groups() if found else ("", "", "")
    environment = environment_name(named)
    form = f"ENVIRONMENT/SERVICE=PATH or =- (stdin), with ENVIRONMENT one of {', '.join(ENVIRONMENTS)}"
    BadInput.unless(environment, "--log", f"must have the form {form}")
    name = f"--log {environment}/{service}"
    own = (each for each in project.log_sources if (each.environment, each.service) == (environment, service))
    same = {replace(each, pattern=name) for each in own}  # as audit.toml declares each log of this place, …
    plain = LogSource(name, service, environment, project.time_zone, zone_declared=project.zone_declared)
    source = same.pop() if len(same) == 1 else plain  # … if it declares the same of all
    if origin == STDIN:
        if stdin is None or spool is None:
            raise BadInput.at(name, "must be a file: a notebook has no stdin")
        return replace(source, file=spool(stdin), dated=False)
    path = Path(origin)
    # The method of a path raises where a folder may not be entered.
    BadInput.unless(os.path.exists(origin), name, "names a file that does not exist or cannot be read")  # noqa: PTH110
    BadInput.unless(path.is_file(), name, "is not a regular file")
    return replace(source, pattern=f"{name}: {path.name}", file=real_path(path, project.root, name))


def spooled(stream: BinaryIO, folder: Path) -> Path:
    """A file of the folder with all that a stream holds, which nobody else may enter."""
    path = folder / "stdin.log"
    with path.open("xb") as file:
        copyfileobj(stream, file, 1 << 20)
    return path


def quote_lines(project: Project, evidence: Iterable[str], around: int = 2) -> pd.DataFrame:
    """One row for each line that a `file:line` names, with those around it: `file`, `line`, `text`.

    In order of file and line, cut at 2,000 characters and redacted. Files that cannot be read have no row.
    """
    cited = ((place[1], int(place[2])) for place in filter(None, map(_PLACE.fullmatch, evidence)))
    wanted = {(name, line + away) for name, line in cited for away in range(-around, around + 1)}
    rows = [
        (file.name, number, redact_named(raw.decode("utf-8", "replace").rstrip("\r\n")[:_LONGEST]))
        for file, number, raw in _lines(project, wanted)
    ]
    return pd.DataFrame(rows, columns=["file", "line", "text"])


def line_times(
    project: Project, lines: Collection[tuple[str, int]], formats: LogFormats
) -> dict[tuple[str, int], int | None]:
    """The instant of each line of the project's logs: its own, or that of the record that it goes on."""
    near = {(name, at - away) for name, at in lines for away in range(_RECORD)}
    reader_of = cache(partial(LineReader, formats))
    read = {(file.name, at): reader_of(file.zone).read(raw) for file, at, raw in _lines(project, near)}
    return {
        (name, at): next((it.at for it in back if it.at is not None or it.continues != "record"), None)
        for name, at in lines
        for back in [[read[name, at - away] for away in range(_RECORD) if (name, at - away) in read]]
    }


def _lines(project: Project, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[LogFile, int, bytes]]:
    files = {file.name: file for _, named in log_files(project) for file in named}
    for name, places in groupby(sorted(wanted), key=itemgetter(0)):
        file, numbers = files.get(name) or LogFile(project.root, name, name), {line for _, line in places}
        with suppress(Unreadable), file.open() as (content, _):
            lines = islice(raw_lines(LogStream(content)), max(numbers))
            yield from ((file, number, raw) for number, raw in enumerate(lines, 1) if number in numbers)
