"""Quotes raw log lines by their place, for an evidence package; what may be a value is redacted."""

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
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.log_files import LogFile, log_files
from audit_lib.logs.stream import raw_lines
from audit_lib.logs.values import instant_of
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
    for text in evidence:
        for place in text.split("; "):
            if found := _PLACE.fullmatch(place):
                near = range(max(int(found[2]) - around, 1), int(found[2]) + around + 1)
                wanted.setdefault(found[1], set()).update(near)
    files = {file.name: file for _, named in log_files(project) for file in named}
    found_rows = [
        row
        for source in sorted(wanted)
        for row in _quoted(files.get(source) or LogFile(project.root, source, source), wanted[source])
    ]
    return pd.DataFrame(found_rows, columns=COLUMNS)


def line_times(project: Project, lines: Mapping[str, set[int]], formats: LogFormats) -> dict[Place, datetime]:
    """When lines of the project's logs were written, by log and line; those without a time are left out."""
    found = {}
    for source, named in log_files(project):
        reader = LineReader(formats, ZoneInfo(source.time_zone))
        for file in named:
            for number, raw in _raw(file, lines.get(file.name, set())):
                if (at := reader.read(raw).at) is not None:
                    found[file.name, number] = instant_of(at)
    return found


def _quoted(file: LogFile, lines: set[int]) -> Iterator[tuple[str, int, str]]:
    for number, raw in _raw(file, lines):
        yield file.name, number, redact_named(raw.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST])


def _raw(file: LogFile, lines: set[int]) -> Iterator[tuple[int, bytes]]:
    """Lines by number, as far as the file can be read."""
    if not lines:
        return
    try:
        with file.open() as opened:
            lines_read = raw_lines(cast(BinaryIO, io.BufferedReader(LogStream(opened.file))))
            for number, raw in enumerate(islice(lines_read, max(lines)), 1):
                if number in lines:
                    yield number, raw
    except (Unreadable, Bomb):
        return
