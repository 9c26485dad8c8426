"""Reads one log line by the formats: its state, its time, and the request or the message as events."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial, reduce
from io import BufferedReader, RawIOBase
from itertools import accumulate, chain, repeat, takewhile
from operator import or_
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.base.in_words import DECLARED, NOTICE, POSSIBLE, REQUEST_KINDS
from audit_lib.logs.formats import POSSIBLE_FAILURE, SECRET_IN_URL, LogFormats, matchers
from audit_lib.logs.logins import bare_route
from audit_lib.logs.structured import REFUSED_LOGIN, NamedFields, json_fields, pair_fields
from audit_lib.logs.templates import FIELDS, Block, Part, expressions, parse_template
from audit_lib.logs.times import MINUTE, REFUSED, SAME_DIGITS, WHOLE, Clock, parse_time, place_time
from audit_lib.logs.values import KEPT, KEPT_BYTES, clean_client, clean_route, mask_email, remember, shape_of

LINE_LIMIT = 1 << 20  # a longer line is none: it is counted as not understood, and never held whole
# Lines that no format matches, text that speaks of a refusal, and other text that no format knows.
UNREAD, REFUSAL, OWN_WORDS = UNKNOWN = ("not understood", "refusal", "own words")
_STRUCTURES, _BEGINNING, _LONGEST_CAUSE = 3, 160, 600  # one within another; bytes of a level; of a cause
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_SYMBOLS = re.compile(rb"\A[^0-9A-Za-z\[(]++")
_PAIRED = re.compile(rb"[A-Za-z_@][A-Za-z0-9_.@-]*+=")  # what may begin with key=value
UNDECLARED = "iis (W3C, default fields)"  # the body of rows whose columns nothing declares
MOST_CHANGES = 64  # of the columns, within a file
_DIRECTIVE = b"#Fields:"
_LONGEST = 4096  # bytes of a directive
_NEEDED = {"c-ip": "client", "cs-method": "method", "cs-uri-stem": "path", "sc-status": "status"}
_NUMBERS = ("s-port", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken")
_BEFORE = rb"(?P<before>[^\"{]*?)(?P<tags>(?:\[[^\] \"]+\] )*)"  # nothing of a client, which is quoted
RAILS_BEGUN = re.compile(
    _BEFORE
    + rb'Started (?P<method>[A-Z]{1,16}) "(?P<path>[^ "]*)" for (?P<client>[0-9A-Fa-f:.]+) at (?P<time>.{25})'
)
_ENDED = re.compile(_BEFORE + rb"Completed [1-5]\d\d ")
_PROCESS = re.compile(rb"#(\d+)\]|\[(\d+)\]: ")
# Of an answer; no part of a time, a decimal, or what stands behind a process's name.
_REFUSED_STATUS = re.compile(rb"(?<![\w.-])(?<!\d[,:])(?<!\w\[)40[13](?![\w:-]|[.,]\d)")
_WARNING = re.compile(FIELDS["warning"])  # the level of a warning or of something worse


class LogEvent(NamedTuple):
    """What one line shows: a request (with a status) or a message (with a name).

    `client` "": the `Line`'s. `subject`: a variable, parameter, masked e-mail address or words, no value.
    """

    kind: str
    message: str = ""
    status: int | None = None
    client: str = ""
    method: str = ""
    route: str = ""
    subject: str = ""
    once: bool = False


class Line(NamedTuple):
    """How one line was read. `at` is in microseconds since 1970 UTC, None where it carries no time."""

    state: str
    at: int | None = None
    record: bool = False
    events: tuple[LogEvent, ...] = ()
    lacks: int = WHOLE  # what its time has not of its own
    client: str = ""  # of the events that name none of their own
    continues: str = ""  # "record": it is part of the one before; "continuation": if the line before is
    is_statement: bool = False  # whether a body of the formats matches its words
    unknown: str = ""  # UNKNOWN: why nobody knows what its words say; "" if somebody does
    shape: str = ""  # of a line whose words nobody knows
    warns: bool = False  # whether such a line, or a message, has the level of a warning


class Layout(NamedTuple):
    """What a text is, and where its fields stand: as in all texts that differ from it in digits alone."""

    start: int  # of what its prefixes leave
    times: list[tuple[slice, ...]]
    client: slice  # that a prefix names; empty if none does
    record: bool  # whether its prefixes begin one
    fields: Callable[..., NamedFields | None] | None  # reads what is left, if that may be structured
    body: Any  # the block that takes what is left, or None
    request: list[slice]  # its client, method, path and status, if it is a request


class Head(NamedTuple):
    """What stood before a text: the first time and the first client of it hold."""

    at: int | None = None
    lacks: int = WHOLE  # of its time
    record: bool = False
    client: str | None = None  # "" where it was logged as none
    structures: int = 0

    def behind(self, fields: NamedFields) -> "Head":
        """What stands before the text of a structured line."""
        at, lacks, record, client, structures = self
        if at is None and fields.time is not None:
            at, lacks = fields.time, fields.lacks | lacks
        record = record or (fields.level != b"" and not fields.text.startswith(b"Traceback"))
        client = clean_client(fields.client) if client is None and fields.client else client
        return Head(at, lacks, record, client, structures + 1)


NOTHING = Head()  # before the text of a whole line, of which nothing is understood so far
BLANK, NOT_UNDERSTOOD = Line("blank"), Line("not understood")


def bare(raw: bytes) -> bytes:
    """A line without its end, NULs and colours; what stays is what the formats see."""
    text = raw.rstrip(b"\r\n")
    if 0 in text or 27 in text or text.startswith(BOM_UTF8):
        return _ANSI.sub(b"", raw.rstrip(b"\n").replace(b"\0", b"")).removeprefix(BOM_UTF8).rstrip(b"\r")
    return text


class LineReader:
    """Reads the lines of one file by the formats, by its zone and by when it was last written."""

    def __init__(self, formats: LogFormats, zone: ZoneInfo, written: int | None = None) -> None:
        self.formats, self.zone, self.by = formats, zone, matchers(formats)
        self._kinds = dict.fromkeys(formats.declared_statuses, DECLARED) | REQUEST_KINDS
        self.clock = Clock(zone, written)
        self.tried: list[tuple[bytes, Block | None]] = []  # texts of the last line, with what took them
        self._request_of: Callable[..., tuple[LogEvent, ...]] = lru_cache(maxsize=KEPT)(self.request)
        self._choices = (self.by.outer, *(self.by.inner,) * 5, self.by.body)  # up to six prefixes
        self.layout_of = remember(self.layout, self.by.telling_heads)
        self._shows, self._aside_of = (remember(each, self.by.telling) for each in (self._says, self._aside))

    def read(self, raw: bytes) -> Line:
        """One line by its state (LOG_LINE_STATES), with what it shows."""
        self.tried.clear()
        if len(raw) > LINE_LIMIT and len(raw) - raw.endswith(b"\n") > LINE_LIMIT:
            return NOT_UNDERSTOOD._replace(unknown=UNREAD, shape=shape_of(bare(raw)))
        text = bare(raw)
        if not text.strip(b" \t\v\f"):
            return BLANK
        line = self._read(text, NOTHING, self.layout_of(text))
        return line if line.state == "request" else self._with_words(text, line)

    def _with_words(self, text: bytes, line: Line) -> Line:
        phrases, refuses, shape, warns = self._aside_of(text)
        # A client can write a carriage return: an event with one counts, other lines hide something.
        if b"\r" in text and not line.events:
            return NOT_UNDERSTOOD._replace(unknown=UNREAD, shape=shape, warns=warns)
        state, at, record, events, lacks, client, continues, is_statement, unknown, *_ = line
        # A failure that has a name is written on several lines, of which a generic phrase counts none again.
        if phrases and any(event.once for event in events):
            phrases = [event for event in phrases if event.kind == NOTICE]
        if phrases:  # without its record's first line nothing tells it from the next failure
            once, is_named = record or continues != "", any(it.kind != NOTICE for it in phrases)
            events = tuple(it for it in events if it.kind != POSSIBLE or not is_named)  # what failed is said
            state, events = "message", (*events, *(it._replace(once=it.once and once) for it in phrases))
        if state == "not understood":
            unknown = UNREAD
        elif state == "text only" and not is_statement:
            unknown = REFUSAL if refuses or (b"40" in text and _REFUSED_STATUS.search(text)) else OWN_WORDS
        shape = shape if unknown else ""
        return Line(state, at, record, events, lacks, client, continues, is_statement, unknown, shape, warns)

    def _aside(self, text: bytes) -> tuple[list[LogEvent], bool, str, bool]:
        seen = dict.fromkeys(
            LogEvent(it.kind, it.name, once=it.once)
            for it in self.by.sought
            if it.parts[0].literal in text  # and what else it has of plain text behind
            and -1 not in accumulate(it.parts, lambda at, part: text.find(part.literal, at), initial=0)
        )
        return list(seen), self.by.refuses(text), shape_of(text), bool(_WARNING.search(text, 0, _BEGINNING))

    def layout(self, text: bytes, clock: Clock | None = None) -> Layout:
        """The prefixes of a text, and the first body that takes what follows; a clock judges their times."""
        begin, times, client, record, request = 0, [], slice(0), False, []
        for choice in self._choices:
            rest = text[begin:]
            is_object = rest[:1] == b"{" and rest[-1:] == b"}"
            match = (self.by.body if is_object else choice).match(rest, clock)
            self.tried += [(rest, match[0])] if match else []
            if match is None:
                break
            block, found = match
            span = block.span("time", found, begin)
            times += [place_time(text[span].translate(SAME_DIGITS), span.start)] if span.stop else []
            if block.whole:
                break
            client = client if client.stop else block.span("client", found, begin)
            begin += found.end()
            # What uvicorn writes before "Traceback" belongs to the record that failed.
            record = record or (block.record and not text.startswith(b"Traceback", begin))
        fields = json_fields if is_object else pair_fields if _PAIRED.match(rest) else None
        if match and (match[0].status or "status" in match[0].pattern.groupindex):
            request = [block.span(name, found, begin) for name in ("client", "method", "path", "status")]
        return Layout(begin, times, client, record, fields, match and match[0], request)

    def _read(self, text: bytes, head: Head, layout: Layout) -> Line:
        """A text of this layout. The first time and client hold: others may stand in a client's text."""
        at, lacks, record, client, structures = head
        for place in layout.times:
            time, missing = self.clock.read(text, place)
            if missing & REFUSED:
                return self._read(text, head, self.layout(text, self.clock))
            if at is None and time is not None:
                at, lacks = time, missing | lacks
        if layout.request and not layout.fields:
            return self._answered(text, head, layout, at, lacks)
        if layout.start:
            client = clean_client(text[layout.client]) if client is None and layout.client.stop else client
            head = Head(at, lacks, record or layout.record, client, structures)
        return self._read_rest(text, head, layout)

    def _read_rest(self, text: bytes, head: Head, layout: Layout) -> Line:
        """What follows the prefixes: a structured line, a request, a message or other text."""
        rest, body, is_object = text[layout.start :], layout.body, layout.fields is json_fields
        if layout.fields and head.structures < _STRUCTURES:
            if (fields := layout.fields(rest, self.by.fields, self.clock)) and (
                fields.requested or fields.text or is_object
            ):
                return self._structured(fields, head)
            head = head.behind(fields) if fields else head
        if is_object and head is NOTHING:
            return NOT_UNDERSTOOD
        if layout.request:
            return self._answered(text, head, layout, head.at, head.lacks)
        continues, events = body.continues if body and not head.structures else "", self._messages(rest, head)
        state = "message" if events else "text only" if body or head is not NOTHING else "not understood"
        return Line(state, head.at, head.record, events, head.lacks, "", continues, body is not None)

    def _answered(self, text: bytes, head: Head, layout: Layout, at: int | None, lacks: int) -> Line:
        client, method, path, status = map(text.__getitem__, layout.request)
        events = self._events_of(path, layout.body.method or method, layout.body.status or status)
        if not events:
            return self._read(text, head, self.layout(text, self.clock))
        return Line("request", at, True, events, lacks, clean_client(client))

    def _structured(self, fields: NamedFields, head: Head) -> Line:
        within = head.behind(fields)
        if fields.requested:
            client = clean_client(fields.client) or head.client or ""
            events = self._events_of(fields.path, fields.method, fields.status)
            return Line("request", within.at, True, events, within.lacks, client)
        pieces = map(bare, fields.text.split(b"\n"))
        lines = [self._read(each, within, self.layout_of(each)) for each in pieces if fields.text]
        events = _without_repeats(event for line in lines for event in own_events(line))
        events = events or self._cause(fields, within)
        if fields.records and not (events or fields.text or fields.level) and within.structures < _STRUCTURES:
            return self._records(fields, within)
        at = next((line.at for line in lines if line.at is not None), None)
        return _shown(lines, within, within.at if within.at is not None else at, events)

    def _cause(self, fields: NamedFields, head: Head) -> tuple[LogEvent, ...]:
        """What is said behind a text that shows nothing: a failed login if that text refuses a client."""
        is_known = fields.text in (fields.cause, REFUSED_LOGIN) or len(fields.cause) > _LONGEST_CAUSE
        if self.by.possible_client(b"" if is_known else fields.cause.partition(b"\n")[0]) is None:
            return ()
        if head.client and self.by.fields.judge("is_refused", fields.text):
            return self._messages(REFUSED_LOGIN, head)
        return (LogEvent(POSSIBLE, POSSIBLE_FAILURE, client=head.client or ""),)

    def _records(self, fields: NamedFields, head: Head) -> Line:
        """The records of a line that is nothing else. If their times are not of one minute, it has none."""
        lines = [self._structured(each, head) for each in fields.records]
        times = [line.at for line in lines if line.at is not None]
        at = min(times) if times and max(times) - min(times) < MINUTE else None
        return _shown(lines, head, at, tuple(event for line in lines for event in own_events(line)))._replace(
            record=True, is_statement=False
        )

    def _says(self, text: bytes) -> bool:
        return self.by.message.match(text) is not None or self.by.possible_client(text) is not None

    def _messages(self, text: bytes, head: Head) -> tuple[LogEvent, ...]:
        """The first message that stands where the text begins, after symbols and emoji; else a possible
        failed login, if the text has the words of one."""
        text = text if text[:1].isalnum() else _SYMBOLS.sub(b"", text)
        shows = self._shows(text)
        match = self.by.message.match(text, self.clock) if shows else None
        self.tried.append((text, match[0] if match else None))
        if match:
            block, found = match
            client, email, path, variable = (
                text[block.span(name, found)] for name in ("client", "email", "path", "variable")
            )
            subject = variable.decode() or (mask_email(email) if email else "")
            address = clean_client(client) if client else head.client or ""
            return (
                LogEvent(block.kind, block.name, None, address, block.method,
                         clean_route(path) or block.route, subject, block.once),
            )  # fmt: skip
        possible = self.by.possible_client(text) if shows else None
        whose, words = possible or ("", "")
        return () if possible is None else (
            LogEvent(POSSIBLE, POSSIBLE_FAILURE, client=whose or head.client or "", subject=words),
        )  # fmt: skip

    def _events_of(self, path: bytes, method: bytes | str, status: bytes | int) -> tuple[LogEvent, ...]:
        bare_path, _, query = path.partition(b"?")
        if not query or not (self.by.answers or self.by.secret_of(path)):
            path = bare_path  # the same for whatever query
        return (self._request_of if len(path) <= KEPT_BYTES else self.request)(path, method, status)

    def request(self, path: bytes, method: bytes | str, status: bytes | int) -> tuple[LogEvent, ...]:
        """A request as an event without its client, another if its URL has a secret, none for no status."""
        bare_path, _, query = path.partition(b"?")
        route, number = clean_route(bare_path), int(status)
        if not 100 <= number < 600:
            return ()
        if isinstance(method, bytes):  # of letters alone, by each format
            method = method.decode().upper() if len(method) <= 16 else ""
        kind, message, subject = self._kinds.get(number, "other"), "", ""
        answers = self.by.answers.get(bare_route(route)) if self.by.answers else None
        if answers and (own := next((one for one in answers if one.fits(number, method, query)), None)):
            message, subject, kind = own.event, own.parameter.decode(), kind if own.event else DECLARED
        request = LogEvent(kind, message, number, "", method, route, subject)
        if not (shown := self.by.secret_of(path)):
            return (request,)
        return request, LogEvent(NOTICE, SECRET_IN_URL, None, "", method, route, shown)


def _shown(lines: list[Line], head: Head, at: int | None, events: tuple[LogEvent, ...]) -> Line:
    lacks = reduce(or_, (line.lacks for line in lines), head.lacks)
    state = "request" if any(event.status for event in events) else "message" if events else "text only"
    return Line(
        *(state, at, head.record or any(line.record for line in lines), events, lacks),
        is_statement=any(line.is_statement for line in lines),
    )


def own_events(line: Line) -> tuple[LogEvent, ...]:
    """The events of a line, each with its client."""
    return tuple(event if event.client else event._replace(client=line.client) for event in line.events)


def _without_repeats(events: Iterable[LogEvent]) -> tuple[LogEvent, ...]:
    """At most one request, and one of each kind that counts once a record."""
    kept: list[LogEvent] = []
    for event in dict.fromkeys(events):
        same = [other for other in kept if other.kind == event.kind or (other.status and event.status)]
        kept += [] if same and (event.status or event.once) else [event]
    return tuple(kept)


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
    """How each line of a file is read, in order, by the columns that the file declares if it does so.

    The end of a request of Rails has the client, method and path of its beginning, "" where open ones differ.
    """
    reader = LineReader(formats, zone, written)
    begun: dict[bytes, list[re.Match[bytes]]] = {}
    for raw, declared in formats_by_line(lines, formats):
        if declared is not reader.formats:
            reader = LineReader(declared, zone, written)
        line = reader.read(raw)
        if line.state == "text only" and b"Started " in raw and (found := RAILS_BEGUN.match(raw)):
            begun.setdefault(_request_key(found), []).append(found)
            if len(begun) > 10_000:  # that are open at once
                begun.pop(next(iter(begun)))
        elif begun and line.state == "request" and (found := _ENDED.match(raw)):
            line = _joined(line, begun.pop(_request_key(found), []), reader)
        yield line


def formats_by_line(lines: Iterable[bytes], formats: LogFormats) -> Iterator[tuple[bytes, LogFormats]]:
    """Each line with what it is read by: in a log that declares its columns, by them."""
    lines = iter(lines)
    first = next(lines, b"")
    lines = chain([first] if first else [], lines)
    if not first.startswith(b"#"):
        yield from zip(lines, repeat(formats))
    current, directive, changes = formats, b"", 0
    for raw in lines:
        if raw.startswith(_DIRECTIVE) and changes <= MOST_CHANGES:
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
    fields = [(_NEEDED | dict.fromkeys(_NUMBERS, "digits")).get(name, "token") for name in names]
    if names[:2] == ["date", "time"]:
        fields[:2] = ["time"]
    rows = (" ".join(f"{{{name}}}" for name in fields) + "{end}", "#{dotted}: {text}")
    bodies = tuple(Block("declared columns", parse_template(each), whole=True) for each in rows)
    return replace(formats, prefixes=(), bodies=bodies, messages=(), words={**formats.words, "possible": {}})


def _joined(line: Line, begun: list[re.Match[bytes]], reader: LineReader) -> Line:
    event = line.events[0]
    if len(line.events) > 1 or not begun or line.client or event.route:
        return line
    values = [{found[name] for found in begun} for name in ("client", "method", "path", "time")]
    client, method, path, time = (each.pop() if len(each) == 1 else b"" for each in values)
    return line._replace(
        events=reader.request(path, method, event.status or 0),
        at=parse_time(time, reader.zone) if line.at is None else line.at,
        client=clean_client(client),
    )


def _request_key(found: re.Match[bytes]) -> bytes:
    """The tags of a request's line, else its process; of a file without either all are of one."""
    process = _PROCESS.search(found["before"])
    return found["tags"] or (process[0] if process else b"")


def explain_line(raw: bytes, formats: LogFormats, zone: ZoneInfo) -> tuple[Line, list[str], str]:
    """How a line is read, as every command counts it; the blocks that matched, in turn; what came nearest.

    Each name stands once. The nearest is "" for a request or message, and where no block takes two steps."""
    reader = LineReader(formats, zone)
    reader.layout_of = partial(reader.layout, clock=reader.clock)  # by their own digits, each anew
    line = reader.read(raw)
    line = line._replace(events=own_events(line))
    blocks = (block.name for _, block in reader.tried if block)
    left = reader.tried[-1][0] if reader.tried and line.state in ("not understood", "text only") else b""
    names = dict.fromkeys([*blocks, *(event.message for event in line.events if event.message)])
    return line, list(names), _nearest(left, len(bare(raw)) - len(left), formats)


def _nearest(text: bytes, before: int, formats: LogFormats) -> str:
    near, most = "", 0
    for block in (*formats.prefixes, *formats.bodies, *formats.messages) if text else ():
        steps = [at for at, part in enumerate(block.parts, 1) if part.field not in ("text", "rest")]
        tried = (_begun(block.parts[:at]).match(text) for at in steps)
        taken = [found.end() for found in takewhile(bool, tried) if found]
        if 1 < len(taken) < len(steps) and taken[-1] > most:
            most, part = taken[-1], block.parts[steps[len(taken)] - 1]
            awaited = f"{{{part.field}}}" if part.field else f"`{part.literal.decode('utf-8', 'replace')}`"
            near = f"{block.name}: it matches to column {before + most}, and expects {awaited}"
    return near


@lru_cache(maxsize=1 << 12)
def _begun(parts: tuple[Part, ...]) -> re.Pattern[bytes]:
    return re.compile(b"".join(expressions(parts, whole=False)), re.DOTALL)
