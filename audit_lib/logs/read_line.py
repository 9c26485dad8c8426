"""Reads one log line by the formats: the naive reader, and the oracle that the fast one is tested against."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import NOTICE
from audit_lib.logs.fields import clean_client, clean_method, clean_route, mask_email, parse_time, strip_port
from audit_lib.logs.formats import SECRET_IN_URL, Block, LogFormats
from audit_lib.logs.json_line import json_fields
from audit_lib.logs.units import LINE_LIMIT

_DEPTH = 6
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_SYMBOLS = re.compile(rb"[^0-9A-Za-z\[(]*+")
_SPACE = b" \t\v\f"


@dataclass(frozen=True)
class LogEvent:
    """What one line shows: a request (with a status) or a message (with a name)."""

    kind: str
    message: str = ""
    status: int | None = None
    client: str = ""
    method: str = ""
    route: str = ""
    subject: str = ""
    once: bool = False


@dataclass(frozen=True)
class Line:
    """How one line was read. `at` is in microseconds since 1970 UTC, None where it carries no time."""

    state: str
    at: int | None = None
    record: bool = False
    events: tuple[LogEvent, ...] = ()

    @property
    def requested(self) -> bool:
        """Whether it is a request."""
        return any(event.status for event in self.events)


BLANK = Line("blank")
NOT_UNDERSTOOD = Line("not understood")


@dataclass(frozen=True)
class _Head:
    """What the prefixes of a line gave, and the text that is left."""

    text: bytes
    at: int | None = None
    record: bool = False
    client: str | None = None  # "" where it was logged as none
    prefixed: bool = False


def bare(raw: bytes) -> bytes:
    """A line without its end, NULs and colours; what stays is what the formats see."""
    text = raw[:-1] if raw.endswith(b"\n") else raw
    if b"\0" in text:
        text = text.replace(b"\0", b"")
    if b"\x1b" in text:
        text = _ANSI.sub(b"", text)
    return text.removeprefix(BOM_UTF8).rstrip(b"\r")


def read_line(raw: bytes, formats: LogFormats, zone: ZoneInfo) -> Line:
    """One line as read, not understood or blank, with what it shows."""
    if len(raw) - raw.endswith(b"\n") > LINE_LIMIT:
        return NOT_UNDERSTOOD
    text = bare(raw)
    if not text.strip(_SPACE):
        return BLANK
    structured = text.startswith(b"{") and text.endswith(b"}")
    line = _read_json(text, formats, zone) if structured else _read_text(text, formats, zone)
    # A client can write a carriage return: a request or message with one counts, other lines hide something.
    if b"\r" in text and not line.events:
        return NOT_UNDERSTOOD
    if line.requested:
        return line
    leaks = _anywhere(text, formats)
    return replace(line, state="read", events=line.events + leaks) if leaks else line


def _read_text(text: bytes, formats: LogFormats, zone: ZoneInfo) -> Line:
    head = _read_head(text, formats, zone)
    for block in formats.bodies:
        found = _match(block, head.text, zone)
        if found is None:
            continue
        if block.status or "status" in found.fields:
            events = _request(block, found.fields, formats)
            return Line("read", head.at if head.at is not None else found.at, True, events)
        return Line("read", head.at, head.record, _anchored(head, formats, zone))
    messages = _anchored(head, formats, zone)
    return Line("read" if head.prefixed or messages else "not understood", head.at, head.record, messages)


class _Match(NamedTuple):
    """What a block took of a text: its fields, its time, and where it ends."""

    fields: dict[str, bytes]
    at: int | None
    end: int


def _match(block: Block, text: bytes, zone: ZoneInfo) -> _Match | None:
    """How a text begins by a block; None also where no calendar has the time that it names."""
    found = block.expression.match(text)
    if found is None:
        return None
    fields = found.groupdict()
    at = parse_time(fields["time"], zone) if fields.get("time") else None
    return None if fields.get("time") and at is None else _Match(fields, at, found.end())


def _read_head(text: bytes, formats: LogFormats, zone: ZoneInfo) -> _Head:
    """Takes prefixes off as long as one matches; the first time and the first client that were seen hold."""
    head = _Head(text)
    for depth in range(_DEPTH):
        for block in formats.prefixes:
            found = None if block.outer and depth else _match(block, head.text, zone)
            if found is None:
                continue
            logged = strip_port(found.fields.get("client") or b"", always=False)
            client = clean_client(logged) if logged else None
            rest = head.text[found.end :]
            # What uvicorn writes before "Traceback" belongs to the record that failed.
            record = block.record and not rest.startswith(b"Traceback")
            head = _Head(
                rest,
                head.at if head.at is not None else found.at,
                head.record or record,
                client if head.client is None else head.client,
                True,
            )
            break
        else:
            break
    return head


def _request(block: Block, fields: dict[str, bytes], formats: LogFormats) -> tuple[LogEvent, ...]:
    always = any(part.field == "peer" for part in block.parts)
    client = clean_client(strip_port(fields.get("client") or b"", always))
    method = block.method or clean_method(fields.get("method") or b"")
    status = block.status or int(fields["status"])
    return _requested(status, client, method, fields.get("path") or b"", formats)


def _requested(
    status: int, client: str, method: str, path: bytes, formats: LogFormats
) -> tuple[LogEvent, ...]:
    route = clean_route(path)
    kind = formats.kind_of(status)
    request = LogEvent(kind, status=status, client=client, method=method, route=route)
    parameter = _secret_parameter(path, formats)
    if not parameter:
        return (request,)
    return request, LogEvent(NOTICE, SECRET_IN_URL, None, client, method, route, parameter)


def _secret_parameter(path: bytes, formats: LogFormats) -> str:
    """What says that a query parameter is a secret, of the first one with a value; "" if none is."""
    query = path.partition(b"?")[2]
    for pair in query.split(b"&") if query else ():
        name, _, value = pair.partition(b"=")
        if value and (found := formats.secret_parameter(name.decode("ascii", "replace"))):
            return found
    return ""


def _anchored(head: _Head, formats: LogFormats, zone: ZoneInfo) -> tuple[LogEvent, ...]:
    """The first message that stands where the text begins, after symbols and emoji."""
    start = _SYMBOLS.match(head.text)
    text = head.text[start.end() :] if start else head.text
    for block in formats.messages:
        found = None if block.anywhere else _match(block, text, zone)
        if found:
            return (_message(block, found.fields, head.client or ""),)
    return ()


def _anywhere(text: bytes, formats: LogFormats) -> tuple[LogEvent, ...]:
    blocks = (block for block in formats.messages if block.anywhere)
    return tuple(LogEvent(block.kind, block.name) for block in blocks if block.parts[0].literal in text)


def _message(block: Block, fields: dict[str, bytes], client: str) -> LogEvent:
    subject = ""
    if fields.get("variable"):
        subject = fields["variable"].decode()
    elif fields.get("email"):
        subject = mask_email(fields["email"])
    if fields.get("client"):
        client = clean_client(fields["client"])
    route = clean_route(fields["path"]) if fields.get("path") else ""
    return LogEvent(block.kind, block.name, None, client, "", route, subject, block.once)


def _read_json(text: bytes, formats: LogFormats, zone: ZoneInfo) -> Line:
    """A structured line: a request by its fields, or the lines that its text holds."""
    fields = json_fields(text, formats.json)
    if fields is None:
        return NOT_UNDERSTOOD
    at = fields.at(zone)
    if fields.status and (fields.path or fields.method):
        client = clean_client(strip_port(fields.client, always=False))
        request = _requested(fields.status, client, clean_method(fields.method), fields.path, formats)
        return Line("read", at, True, request)
    record, seen = fields.level and not fields.text.startswith(b"Traceback"), dict[LogEvent, None]()
    for piece in fields.text.split(b"\n"):
        line = _read_text(bare(piece), formats, zone)
        at = line.at if at is None else at
        record = record or line.record
        seen.update(dict.fromkeys(line.events))
    return Line("read", at, record, _once(seen))


def _once(events: Iterable[LogEvent]) -> tuple[LogEvent, ...]:
    """At most one request, and one of each kind that counts once a record."""
    kept: list[LogEvent] = []
    for event in events:
        same = (other for other in kept if other.kind == event.kind or (other.status and event.status))
        if not any(event.status or event.once for _ in same):
            kept.append(event)
    return tuple(kept)
