"""Lines and logs as text, read by the bundled formats or by others."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.line import Line, LineReader, own_events
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.logs.tally import LogSums, read_log
from audit_lib.settings import LogSource, Project

FORMATS = load_formats()


@lru_cache(maxsize=16)
def _reader(formats: LogFormats, zone: str, written: int | None) -> LineReader:
    return LineReader(formats, ZoneInfo(zone), written)


def read_line(
    line: str | bytes, zone: str = "UTC", formats: LogFormats = FORMATS, written: int | None = None
) -> Line:
    """How one line is read, each event with its client."""
    read = _reader(formats, zone, written).read(line if isinstance(line, bytes) else line.encode())
    return read._replace(events=own_events(read))


def read_text(content: str | bytes, formats: LogFormats = FORMATS) -> LogSums:
    """What a log with this content adds up to."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_log(formats, LogFile(path.parent, path.name, path.name))


def read_folder(folder: Path, *sources: LogSource, formats: LogFormats | None = None) -> LogRead:
    """What the logs of a folder give, by default all that are named so."""
    project = Project("test", folder, log_sources=sources or (LogSource("*.log*"),))
    return read_logs(project, None, formats)


def requests_of(sums: LogSums, *columns: str) -> dict[Any, int]:
    """How many requests there are by these columns."""
    groups = sums.requests.groupby(list(columns) if len(columns) > 1 else columns[0], observed=True)["count"]
    return groups.sum().to_dict()


def events_of(sums: LogSums, *columns: str) -> list[Any]:
    """These columns of each event, in the order of lines."""
    rows = sums.events.sort_values("line", kind="stable")[list(columns)].to_numpy().tolist()
    return [tuple(row) for row in rows] if len(columns) > 1 else [row[0] for row in rows]
