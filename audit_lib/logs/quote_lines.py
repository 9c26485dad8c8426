"""Quotes raw log lines by their place, for an incident's evidence; what may be a value is redacted."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.archives import Bomb, LogStream
from audit_lib.base.files import Unreadable
from audit_lib.logs.file_lines import raw_lines
from audit_lib.logs.files import LogFile, log_files
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.times import instant_of
from audit_lib.secrecy.redact import redact_named
from audit_lib.settings import Project

COLUMNS = ["file", "line", "text"]
LONGEST = 2_000  # characters of a line
AROUND = 2  # lines before and after: what carries no time is bounded by its neighbours
Place = tuple[str, int]  # a log's name, and a line of it
_PLACE = re.compile(r"(.+):(\d+)")


def quote_lines(project: Project, evidence: Iterable[str], around: int = AROUND) -> pd.DataFrame:
    """One row for each line that a `file:line` names, with those around it: `file`, `line`, `text`.

    Evidence that names no line of a file within the project or of one of its logs is passed over.
    """
    wanted: dict[str, set[int]] = {}
    for place in filter(None, map(_PLACE.fullmatch, evidence)):
        line = int(place[2])
        wanted.setdefault(place[1], set()).update(range(max(line - around, 1), line + around + 1))
    files = {file.name: file for _, named in log_files(project) for file in named}
    rows = [
        (name, number, redact_named(raw.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST]))
        for name in sorted(wanted)
        for number, raw in _lines(files.get(name) or LogFile(project.root, name, name), wanted[name])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def line_times(project: Project, lines: Mapping[str, set[int]], formats: LogFormats) -> dict[Place, datetime]:
    """When lines of the project's logs were written, by log and line; those without a time are left out."""
    found = {}
    for source, named in log_files(project):
        reader = LineReader(formats, ZoneInfo(source.time_zone))
        for file in named:
            for number, raw in _lines(file, lines.get(file.name, set())):
                if (at := reader.read(raw).at) is not None:
                    found[file.name, number] = instant_of(at)
    return found


def _lines(file: LogFile, numbers: set[int]) -> Iterator[tuple[int, bytes]]:
    """Lines by number, as far as the file can be read."""
    try:
        with file.open() as opened:
            stream = cast(BinaryIO, io.BufferedReader(LogStream(opened.file)))
            for number, raw in enumerate(islice(raw_lines(stream), max(numbers, default=0)), 1):
                if number in numbers:
                    yield number, raw
    except (Unreadable, Bomb):
        return
