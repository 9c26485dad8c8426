"""Reads one log line by the formats: its state, its time, and the request or the message as events."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import DECLARED, NOTICE, POSSIBLE
from audit_lib.logs.choice import REQUEST_FIELDS, Choice, Match
from audit_lib.logs.formats import POSSIBLE_FAILURE, SECRET_IN_URL, LogFormats
from audit_lib.logs.logins import FAILED
from audit_lib.logs.refusals import is_warning, shape_of
from audit_lib.logs.structured import REFUSED_LOGIN, NamedFields, json_fields, pair_fields
from audit_lib.logs.values import (
    MINUTE,
    WHOLE,
    Clock,
    clean_client,
    clean_method,
    clean_route,
    client_of,
    mask_email,
    strip_port,
)

# A line beyond this is no log line: it is counted as not understood, and never held whole.
LINE_LIMIT = 1 << 20
# Whether a statement continues its record: always, or only behind one that does.
CONTINUES = {"": 0, "record": 1, "continuation": 2}
# Lines that no format matches, text that speaks of a refusal, and other text that no format knows.
UNREAD, REFUSAL, OWN_WORDS = UNKNOWN = ("not understood", "refusal", "own words")
_PREFIXES = 6  # as many a line may have, one behind another
_STRUCTURES = 3  # as many structured lines may lie one within another's text
_LONGEST_CAUSE = 600  # bytes of what stands behind a text; a longer one tells nothing
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_SYMBOLS = re.compile(rb"[^0-9A-Za-z\[(]*+")
_SPACE = b" \t\v\f"


class LogEvent(NamedTuple):
    """What one line shows: a request (with a status) or a message (with a name)."""

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
    continues: int = 0  # CONTINUES: it is part of the record before it, as far as it can tell
    lacks: int = WHOLE  # what its time has not of its own
    is_statement: bool = False  # whether a body of the formats matches its words
    unknown: str = ""  # UNKNOWN: why nobody knows what its words say; "" if somebody does
    shape: str = ""  # of a line whose words nobody knows
    warns: bool = False  # whether it is the first such line, or message, with the level of a warning


class Head(NamedTuple):
    """What stood before a text: the first time and the first client of it hold."""

    at: int | None = None
    lacks: int = WHOLE  # of its time
    record: bool = False
    client: str | None = None  # "" where it was logged as none
    understood: bool = False
    structures: int = 0

    def then(self, at: int | None, lacks: int) -> tuple[int | None, int]:
        """The time, and what it lacks, if another one follows: the first holds."""
        return (self.at, self.lacks) if self.at is not None or at is None else (at, self.lacks | lacks)

    def behind(self, fields: NamedFields) -> "Head":
        """What stands before the text of a structured line."""
        client = self.client
        if client is None and fields.client:
            client = client_of(fields.client)
        record = self.record or (fields.level and not fields.text.startswith(b"Traceback"))
        return Head(*self.then(fields.at, fields.lacks), record, client, True, self.structures + 1)


BLANK = Line("blank")
NOT_UNDERSTOOD = Line("not understood")
_NO_HEAD = Head()


def bare(raw: bytes) -> bytes:
    """A line without its end, NULs and colours; what stays is what the formats see."""
    text = raw[:-1] if raw[-1:] == b"\n" else raw
    if b"\0" in text:
        text = text.replace(b"\0", b"")
    if b"\x1b" in text:
        text = _ANSI.sub(b"", text)
    return text.removeprefix(BOM_UTF8).rstrip(b"\r")


class LineReader:
    """Reads the lines of one file by the formats, by its zone and by when it was last written."""

    def __init__(self, formats: LogFormats, zone: ZoneInfo, written: int | None = None) -> None:
        self.formats, self.zone = formats, zone
        self._clock = Clock(zone, written)
        self._warned = False

    def read(self, raw: bytes) -> Line:
        """One line by its state (LOG_LINE_STATES), with what it shows."""
        if len(raw) > LINE_LIMIT and len(raw) - raw.endswith(b"\n") > LINE_LIMIT:
            return NOT_UNDERSTOOD._replace(unknown=UNREAD, shape=shape_of(bare(raw)))
        text = bare(raw)
        if not text.strip(_SPACE):
            return BLANK
        line = self._read(text, _NO_HEAD)
        if line.state == "request":
            return line
        # A client can write a carriage return: an event with one counts, other lines hide something.
        if b"\r" in text and not line.events:
            line = NOT_UNDERSTOOD
        else:
            # A failure that has a name is told by several lines, of which a generic phrase counts none again.
            named = any(event.once for event in line.events)
            sought = (block for block in self.formats.sought if block.parts[0].literal in text)
            kinds = {block.name: block.kind for block in sought if block.kind == NOTICE or not named}
            phrases = [LogEvent(kind, name) for name, kind in kinds.items()]
            if phrases:
                line = line._replace(state="message", events=(*line.events, *phrases))
        return self._with_words(text, line)

    def _with_words(self, text: bytes, line: Line) -> Line:
        """The line with what can be said of words that no format knows."""
        unknown = ""
        if line.state == "not understood":
            unknown = UNREAD
        elif line.state == "text only" and not line.is_statement:
            unknown = REFUSAL if self.formats.refusal.is_in(text) else OWN_WORDS
        warns = not self._warned and is_warning(text)
        self._warned = self._warned or warns
        if not unknown and not warns:
            return line
        return line._replace(unknown=unknown, shape=shape_of(text) if unknown else "", warns=warns)

    def match(self, choice: Choice, text: bytes) -> Match | None:
        """What the first of the blocks takes of a text."""
        return choice.match(text, self._clock)

    def _read(self, text: bytes, head: Head) -> Line:
        """A text behind what stood before it."""
        is_object = _is_object(text)
        if is_object and not head.understood:
            fields = json_fields(text, self.formats.fields, self._clock)
            return self._structured(fields, head) if fields else NOT_UNDERSTOOD
        if not is_object:
            text, head = self._behind_prefixes(text, head)
            is_object = _is_object(text)
        fields = None
        if head.structures < _STRUCTURES and (is_object or b"=" in text):
            read = json_fields if is_object else pair_fields
            fields = read(text, self.formats.fields, self._clock)
        if fields is None:
            return self._plain(text, head)
        if fields.requested or fields.text or is_object:
            return self._structured(fields, head)
        return self._plain(text, head.behind(fields))

    def _behind_prefixes(self, text: bytes, head: Head) -> tuple[bytes, Head]:
        """Takes prefixes off a text as long as one matches."""
        choice = self.formats.outer_prefixes
        for _ in range(_PREFIXES):
            match = self.match(choice, text)
            if match is None:
                break
            client = head.client
            if client is None and (logged := match.field("client")):
                client = client_of(logged)
            text = text[match.found.end() :]
            # What uvicorn writes before "Traceback" belongs to the record that failed.
            record = head.record or (match.block.record and not text.startswith(b"Traceback"))
            head = Head(*head.then(match.at, match.lacks), record, client, True, head.structures)
            choice = self.formats.inner_prefixes
        return text, head

    def _plain(self, text: bytes, head: Head) -> Line:
        """A request or a statement, or else a message."""
        is_statement, continues = False, 0
        if match := self.match(self.formats.body_choice, text):
            block = match.block
            if block.status or "status" in match.leaf.groups:
                events = self._request_of_block(match)
                at, lacks = head.then(match.at, match.lacks)
                return Line("request", at, True, events, 0, lacks)
            is_statement, continues = True, 0 if head.structures else CONTINUES[block.continues]
        events = self._messages(text, head)
        state = "message" if events else "text only" if is_statement or head.understood else "not understood"
        return Line(state, head.at, head.record, events, continues, head.lacks, is_statement)

    def _structured(self, fields: NamedFields, head: Head) -> Line:
        """A structured line: a request by its fields, or the lines that its text holds."""
        within = head.behind(fields)
        if fields.requested:
            client = client_of(fields.client) or head.client or ""
            events = self.request(fields.status, client, clean_method(fields.method), fields.path)
            return Line("request", within.at, True, events, 0, within.lacks)
        at, record, is_statement, seen = within.at, within.record, False, dict[LogEvent, None]()
        for piece in fields.text.split(b"\n") if fields.text else ():
            line = self._read(bare(piece), within)
            within = within._replace(lacks=within.lacks | line.lacks)
            at = line.at if at is None else at
            record = record or line.record
            is_statement = is_statement or line.is_statement
            seen.update(dict.fromkeys(line.events))
        events = _without_repeats(seen) or self._cause(fields, within)
        if fields.records and not (events or fields.text or fields.level) and within.structures < _STRUCTURES:
            return self._records(fields, within)
        return _shown(at, record, events, within.lacks)._replace(is_statement=is_statement)

    def _cause(self, fields: NamedFields, head: Head) -> tuple[LogEvent, ...]:
        """What is said behind a text that tells nothing: a failed login if that text refuses a client."""
        is_known = fields.text in (fields.cause, REFUSED_LOGIN) or len(fields.cause) > _LONGEST_CAUSE
        cause = b"" if is_known else fields.cause.partition(b"\n")[0]
        if self.formats.possible.client_in(cause) is None:
            return ()
        if head.client and self.formats.fields.outcome.is_refused(fields.text):
            return self._messages(REFUSED_LOGIN, head)
        return (LogEvent(POSSIBLE, POSSIBLE_FAILURE, client=head.client or ""),)

    def _records(self, fields: NamedFields, head: Head) -> Line:
        """The records of a line that is nothing else. If their times are not of one minute, it has none."""
        lines = [self._structured(each, head) for each in fields.records]
        events = tuple(event for line in lines for event in line.events)
        times = [line.at for line in lines if line.at is not None]
        at = min(times) if times and max(times) - min(times) < MINUTE else None
        lacks = head.lacks
        for line in lines:
            lacks |= line.lacks
        return _shown(at, True, events, lacks)

    def _messages(self, text: bytes, head: Head) -> tuple[LogEvent, ...]:
        """The first message that stands where the text begins, after symbols and emoji."""
        start = _SYMBOLS.match(text)
        text = text[start.end() :] if start else text
        if match := self.match(self.formats.message_choice, text):
            return (_message(match, head.client or ""),)
        client = self.formats.possible.client_in(text)
        if client is None:
            return ()
        return (LogEvent(POSSIBLE, POSSIBLE_FAILURE, client=client or head.client or ""),)

    def _request_of_block(self, match: Match) -> tuple[LogEvent, ...]:
        """What a request shows, from the block that matched and its fields."""
        block, fields = match.leaf.block, match.leaf.request
        values = match.found.group(*fields) if fields else [match.field(name) for name in REQUEST_FIELDS]
        logged, method, path, status = values
        logged = b"" if match.is_forged else logged
        client = clean_client(strip_port(logged, always=True)) if block.has_peer else client_of(logged)
        return self.request(block.status or int(status), client, block.method or clean_method(method), path)

    def request(self, status: int, client: str, method: str, path: bytes) -> tuple[LogEvent, ...]:
        """A request as an event, and another if its query has a secret."""
        bare_path, _, query = path.partition(b"?")
        route = clean_route(bare_path)
        kind, message, subject = self.formats.kind_of(status), "", ""
        if answer := self.formats.login_answer(status, method, route, query):
            kind = DECLARED if answer.what == FAILED else kind
            message, subject = answer.message, answer.parameter.decode()
        request = LogEvent(kind, message, status, client, method, route, subject)
        parameter = self.formats.parameters.first_in(query) if query else ""
        if not parameter:
            return (request,)
        return request, LogEvent(NOTICE, SECRET_IN_URL, None, client, method, route, parameter)


def _is_object(text: bytes) -> bool:
    return text[:1] == b"{" and text[-1:] == b"}"


def _shown(at: int | None, record: bool, events: tuple[LogEvent, ...], lacks: int) -> Line:
    """A structured line by what it shows."""
    state = "message" if events else "text only"
    if any(event.status for event in events):
        state = "request"
    return Line(state, at, record, events, 0, lacks)


def _message(match: Match, client: str) -> LogEvent:
    """What a message shows; `client` is what stood before it."""
    block, subject = match.block, ""
    if variable := match.field("variable"):
        subject = variable.decode()
    elif email := match.field("email"):
        subject = mask_email(email)
    if own := match.field("client"):
        client = client_of(own)
    path = match.field("path")
    route = clean_route(path) if path else ""
    return LogEvent(block.kind, block.name, None, client, "", route, subject, block.once)


def _without_repeats(events: Iterable[LogEvent]) -> tuple[LogEvent, ...]:
    """At most one request, and one of each kind that counts once a record."""
    kept: list[LogEvent] = []
    for event in events:
        same = (other for other in kept if other.kind == event.kind or (other.status and event.status))
        if not any(event.status or event.once for _ in same):
            kept.append(event)
    return tuple(kept)
