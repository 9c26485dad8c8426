"""Requests of Rails, which says who asks for what when one begins, and the status when it ends."""

import re

from audit_lib.logs.line import Line, LineReader
from audit_lib.logs.values import clean_client, clean_method, parse_time

# Nothing that a client writes stands before it, since that is quoted.
_BEFORE = rb"(?P<before>[^\"{]*?)(?P<tags>(?:\[[^\] \"]+\] )*)"
_BEGUN = re.compile(
    _BEFORE
    + rb'Started (?P<method>[A-Z]+) "(?P<path>[^ "]*)" for (?P<client>[0-9A-Fa-f:.]+) at (?P<time>.{25})'
)
_ENDED = re.compile(_BEFORE + rb"Completed [1-5]\d\d ")
_PROCESS = re.compile(rb"#(\d+)\]|\[(\d+)\]: ")
_MOST_OPEN = 10_000
BEGINS = re.compile(rb'Started [A-Z]+ "[^ "]*" for ')


class PairReader:
    """Reads lines as a LineReader does, and joins the two lines of a request.

    Both have the same tags; without any they are of one process. If several are open there, what they do not
    share is not known.
    """

    def __init__(self, reader: LineReader) -> None:
        self._reader, self._read = reader, reader.read
        self._open: dict[bytes, list[re.Match[bytes]]] = {}

    def read(self, raw: bytes) -> Line:
        """The line, if it ends a request with what began it."""
        line = self._read(raw)
        if line.state == "request":
            return self._joined(raw, line) if self._open and b"Completed " in raw else line
        if line.state == "text only" and b" for " in raw and (found := _BEGUN.match(raw)):
            self._open.setdefault(_key(found), []).append(found)
            if len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open)))
        return line

    def _joined(self, raw: bytes, line: Line) -> Line:
        found = _ENDED.match(raw)
        begun = self._open.pop(_key(found), []) if found else []
        event = line.events[0]
        if len(line.events) > 1 or not begun or event.client or event.route:
            return line
        client, method, path, at = (_shared(begun, name) for name in ("client", "method", "path", "time"))
        events = self._reader.request(event.status or 0, clean_client(client), clean_method(method), path)
        begins = parse_time(at, self._reader.zone) if line.at is None else line.at
        return line._replace(events=events, at=begins)


def _key(found: re.Match[bytes]) -> bytes:
    """The tags of a request's line, else its process; of a file without either all are of one."""
    process = _PROCESS.search(found["before"])
    return found["tags"] or (process[0] if process else b"")


def _shared(begun: list[re.Match[bytes]], name: str) -> bytes:
    """What all open requests have in common of a field; empty if they differ."""
    values = {found[name] for found in begun}
    return values.pop() if len(values) == 1 else b""
