"""How the lines of one file are read, one behind another: what one line says about later ones."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BufferedReader, RawIOBase
from typing import BinaryIO
from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LINE_LIMIT, Line, LineReader
from audit_lib.logs.templates import Block, parse_template
from audit_lib.logs.times import parse_time
from audit_lib.logs.values import clean_client, clean_method

UNDECLARED = "iis (W3C, default fields)"  # the body of rows whose columns nothing declares
MOST_CHANGES = 64  # of the columns, within a file
_DIRECTIVE = b"#Fields:"
_LONGEST = 4096  # bytes of a directive
_NEEDED = {"c-ip": "client", "cs-method": "method", "cs-uri-stem": "path", "sc-status": "status"}
_NUMBERS = ("s-port", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken")
# Nothing that a client writes stands before it, since that is quoted.
_BEFORE = rb"(?P<before>[^\"{]*?)(?P<tags>(?:\[[^\] \"]+\] )*)"
_BEGUN = re.compile(
    _BEFORE
    + rb'Started (?P<method>[A-Z]{1,16}) "(?P<path>[^ "]*)" for (?P<client>[0-9A-Fa-f:.]+) at (?P<time>.{25})'
)
_ENDED = re.compile(_BEFORE + rb"Completed [1-5]\d\d ")
_PROCESS = re.compile(rb"#(\d+)\]|\[(\d+)\]: ")
_MOST_OPEN = 10_000  # requests of Rails at once


def raw_lines(stream: BinaryIO | RawIOBase) -> Iterator[bytes]:
    """The lines of a stream; of one beyond the limit only so much that it shows to be too long."""
    file = BufferedReader(stream, LINE_LIMIT) if isinstance(stream, RawIOBase) else stream
    while line := file.readline(LINE_LIMIT + 2):
        yield line
        while len(line) == LINE_LIMIT + 2 and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 2)


def read_lines(
    lines: Iterable[bytes], formats: LogFormats, zone: ZoneInfo, written: int | None = None
) -> Iterator[Line]:
    """How each line of a file is read; one that ends a request of Rails with what began it."""
    reader = LineReader(formats, zone, written)
    begun: dict[bytes, list[re.Match[bytes]]] = {}
    for raw, declared in formats_by_line(lines, formats):
        if declared is not reader.formats:
            reader = LineReader(declared, zone, written)
        line = reader.read(raw)
        if line.state == "text only" and b" for " in raw and (found := _BEGUN.match(raw)):
            begun.setdefault(_request_key(found), []).append(found)
            if len(begun) > _MOST_OPEN:
                begun.pop(next(iter(begun)))
        elif begun and line.state == "request" and (found := _ENDED.match(raw)):
            line = _joined(line, begun.pop(_request_key(found), []), reader)
        yield line


def formats_by_line(lines: Iterable[bytes], formats: LogFormats) -> Iterator[tuple[bytes, LogFormats]]:
    """Each line with what it is read by: in a log that declares its columns, by them."""
    current, directive, changes, declares = formats, b"", 0, None
    for raw in lines:
        if declares is None:
            declares = raw.startswith(b"#")
        if declares and raw.startswith(_DIRECTIVE) and changes <= MOST_CHANGES:
            given = raw[: _LONGEST + 1].rstrip(b"\r\n")
            if given != directive:
                directive, changes = given, changes + 1
                known = len(given) <= _LONGEST and changes <= MOST_CHANGES
                current = _by_columns(formats, given[len(_DIRECTIVE) :] if known else b"")
        yield raw, current


def _by_columns(formats: LogFormats, columns: bytes) -> LogFormats:
    """The formats of rows with these columns; if these make no request, those of a log without columns."""
    names = columns.decode("utf-8", "replace").lower().split()
    if not set(names) >= set(_NEEDED) or len(set(names)) < len(names):
        return replace(formats, bodies=tuple(body for body in formats.bodies if body.name != UNDECLARED))
    kinds = _NEEDED | dict.fromkeys(_NUMBERS, "digits")
    fields = [kinds.get(name, "token") for name in names]
    if names[:2] == ["date", "time"]:
        fields[:2] = ["time"]
    row = " ".join(f"{{{name}}}" for name in fields) + "{end}"
    bodies = (
        Block("declared columns", parse_template(template), whole=True)
        for template in (row, "#{dotted}: {text}")
    )
    words = {**formats.words, "possible": {}}
    return replace(formats, prefixes=(), bodies=tuple(bodies), messages=(), words=words)


def _joined(line: Line, begun: list[re.Match[bytes]], reader: LineReader) -> Line:
    event = line.events[0]
    if len(line.events) > 1 or not begun or event.client or event.route:
        return line
    values = [{found[name] for found in begun} for name in ("client", "method", "path", "time")]
    client, method, path, at = (each.pop() if len(each) == 1 else b"" for each in values)
    events = reader.request(event.status or 0, clean_client(client), clean_method(method), path)
    return line._replace(events=events, at=parse_time(at, reader.zone) if line.at is None else line.at)


def _request_key(found: re.Match[bytes]) -> bytes:
    """The tags of a request's line, else its process; of a file without either all are of one."""
    process = _PROCESS.search(found["before"])
    return found["tags"] or (process[0] if process else b"")
