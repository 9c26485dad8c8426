"""Reads one log line by the formats: the naive reader, and the oracle that the fast one is tested against."""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.logs.blocks import Block
from audit_lib.logs.fields import clean_client, lacks_zone, parse_time, strip_port, time_of_last_year
from audit_lib.logs.formats import CONTINUES, POSSIBLE_FAILURE, LogFormats
from audit_lib.logs.line_events import (
    BLANK,
    NOT_UNDERSTOOD,
    Head,
    Line,
    LogEvent,
    message_of_block,
    request_of_block,
    request_of_fields,
    shown_line,
    without_repeats,
)
from audit_lib.logs.named_fields import REFUSED_LOGIN, NamedFields, json_fields, pair_fields
from audit_lib.logs.names_and_words import possible_client
from audit_lib.logs.units import LINE_LIMIT, LONGEST_CAUSE, MINUTE, WHOLE, YEARLESS, ZONELESS

_PREFIXES = 6  # as many a line may have, one behind another
_STRUCTURES = 3  # as many structured lines may lie one within another's text
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_SYMBOLS = re.compile(rb"[^0-9A-Za-z\[(]*+")
_SPACE = b" \t\v\f"


def bare(raw: bytes) -> bytes:
    """A line without its end, NULs and colours; what stays is what the formats see."""
    text = raw[:-1] if raw.endswith(b"\n") else raw
    if b"\0" in text:
        text = text.replace(b"\0", b"")
    if b"\x1b" in text:
        text = _ANSI.sub(b"", text)
    return text.removeprefix(BOM_UTF8).rstrip(b"\r")


def read_line(raw: bytes, formats: LogFormats, zone: ZoneInfo, written: int | None = None) -> Line:
    """One line by its state (LOG_LINE_STATES), with what it shows.

    `written` is when its file was last written: from that follows the year of a time that has none. Without
    it such a line has no time.
    """
    if len(raw) - raw.endswith(b"\n") > LINE_LIMIT:
        return NOT_UNDERSTOOD
    text = bare(raw)
    if not text.strip(_SPACE):
        return BLANK
    line = Reader(formats, zone, written).read(text, Head())
    # A client can write a carriage return: a request or message with one counts, other lines hide something.
    if b"\r" in text and not line.events:
        return NOT_UNDERSTOOD
    if line.requested:
        return line
    leaks = _anywhere(text, formats)
    return replace(line, state="message", events=line.events + leaks) if leaks else line


class Match(NamedTuple):
    """What a block took of a text: its fields, its time, and where it ends."""

    block: Block
    fields: dict[str, bytes]
    at: int | None
    end: int
    lacks: int


@dataclass(frozen=True)
class Reader:
    """Reads texts by the formats: a line, or what a structured line says."""

    formats: LogFormats
    zone: ZoneInfo
    written: int | None

    def read(self, text: bytes, head: Head) -> Line:
        """A text behind what stood before it."""
        is_whole = not head.understood
        if is_whole and _is_object(text):
            fields = json_fields(text, self.formats.json, self.zone)
            return self._structured(fields, head) if fields else NOT_UNDERSTOOD
        if not _is_object(text):
            text, head = self._behind_prefixes(text, head)
        fields = self._fields(text) if head.structures < _STRUCTURES else None
        if fields is None:
            return self._plain(text, head)
        if fields.requested or fields.text or _is_object(text):
            return self._structured(fields, head)
        return self._plain(text, head.behind(fields))

    def _fields(self, text: bytes) -> NamedFields | None:
        read = json_fields if _is_object(text) else pair_fields
        return read(text, self.formats.json, self.zone)

    def _structured(self, fields: NamedFields, head: Head) -> Line:
        """A structured line: a request by its fields, or the lines that its text holds."""
        within = head.behind(fields)
        at, record = within.at, within.record
        if fields.requested:
            events = request_of_fields(fields, head.client or "", self.formats)
            return replace(shown_line(at, True, events), lacks=within.lacks)
        seen = dict[LogEvent, None]()
        for piece in fields.text.split(b"\n") if fields.text else ():
            line = self.read(bare(piece), within)
            within = replace(within, lacks=within.lacks | line.lacks)
            at = line.at if at is None else at
            record = record or line.record
            seen.update(dict.fromkeys(line.events))
        events = without_repeats(seen) or self._cause(fields, within)
        if fields.records and not (events or fields.text or fields.level) and within.structures < _STRUCTURES:
            return self._records(fields, within)
        return replace(shown_line(at, record, events), lacks=within.lacks)

    def _cause(self, fields: NamedFields, head: Head) -> tuple[LogEvent, ...]:
        """What is said behind a text that tells nothing: a failed login if that text refuses a client."""
        is_told = fields.text in (fields.cause, REFUSED_LOGIN) or len(fields.cause) > LONGEST_CAUSE
        cause = b"" if is_told else fields.cause.partition(b"\n")[0]
        if possible_client(cause, self.formats.possible) is None:
            return ()
        if head.client and self.formats.json.outcome.is_refused(fields.text):
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
        return replace(shown_line(at, True, events), lacks=lacks)

    def _plain(self, text: bytes, head: Head) -> Line:
        """A request or a statement, or else a message."""
        understood, continues = head.understood, 0
        if found := self.match("bodies", text):
            block = found.block
            if block.status or "status" in found.fields:
                events = request_of_block(block, found.fields, self.formats)
                at, lacks = head.then(found.at, found.lacks)
                return replace(shown_line(at, True, events), lacks=lacks)
            understood, continues = True, 0 if head.structures else CONTINUES[block.continues]
        line = shown_line(head.at, head.record, self._messages(text, head), understood=understood)
        return replace(line, continues=continues, lacks=head.lacks)

    def match(self, section: str, text: bytes) -> Match | None:
        """What the first block of a section that matches takes of a text."""
        for block in self.formats.by_beginning[section].of(text):
            found = block.expression.match(text)  # here, since most of many blocks do not match
            if found and (taken := self._taken(block, text, found)):
                return taken
        return None

    def _taken(self, block: Block, text: bytes, found: re.Match[bytes]) -> Match | None:
        """How a text begins by a block; None also where no calendar has the time that it names.

        A client may choose a name that holds an address, and what stands around one. So where that stands
        once more behind the address, the client is not known.
        """
        fields = found.groupdict()
        before, behind = block.around_client
        if before:
            _, again, rest = text[found.end("client") :].partition(before)
            fields["client"] = b"" if again and behind in rest else fields["client"]
        if raw := fields.get("yearless"):
            at = None if self.written is None else time_of_last_year(raw, self.zone, self.written)
            return Match(block, fields, at, found.end(), ZONELESS | YEARLESS)
        if not fields.get("time"):
            return Match(block, fields, None, found.end(), WHOLE)
        at = parse_time(fields["time"], self.zone)
        if at is None:
            later = self._without_false_times(block, text)
            then = block.expression.match(later) if later else None
            return self._taken(block, later, then) if later and then else None
        lacks = ZONELESS if lacks_zone(fields["time"]) else WHOLE
        return Match(block, fields, at, found.end(), lacks)

    def _without_false_times(self, block: Block, text: bytes) -> bytes | None:
        """The text without what stands before the first place of a time that a calendar has, if there is one.

        A text before a time may hold times that none has: so it ends where the fast reader ends it.
        """
        if block.around_time is None:
            return None
        before, behind = block.around_time
        head = before.match(text)
        begin = head.end() if head else 0
        place = behind.search(text, begin)
        while place and parse_time(place["time"], self.zone) is None:
            place = behind.search(text, place.start() + 1)
        return text[:begin] + bytes(place.start() - begin) + text[place.start() :] if place else None

    def _behind_prefixes(self, text: bytes, head: Head) -> tuple[bytes, Head]:
        """Takes prefixes off a text as long as one matches."""
        for section in ("prefixes", *("inner prefixes",) * (_PREFIXES - 1)):
            found = self.match(section, text)
            if found is None:
                break
            logged = strip_port(found.fields.get("client") or b"", always=False)
            client = clean_client(logged) if logged else None
            text = text[found.end :]
            # What uvicorn writes before "Traceback" belongs to the record that failed.
            record = found.block.record and not text.startswith(b"Traceback")
            at, lacks = head.then(found.at, found.lacks)
            client = client if head.client is None else head.client
            head = Head(at, head.record or record, client, True, head.structures, lacks)
        return text, head

    def _messages(self, text: bytes, head: Head) -> tuple[LogEvent, ...]:
        """The first message that stands where the text begins, after symbols and emoji."""
        start = _SYMBOLS.match(text)
        text = text[start.end() :] if start else text
        if found := self.match("messages", text):
            return (message_of_block(found.block, found.fields, head.client or ""),)
        client = possible_client(text, self.formats.possible)
        if client is None:
            return ()
        return (LogEvent(POSSIBLE, POSSIBLE_FAILURE, client=client or head.client or ""),)


def _is_object(text: bytes) -> bool:
    return text.startswith(b"{") and text.endswith(b"}")


def _anywhere(text: bytes, formats: LogFormats) -> tuple[LogEvent, ...]:
    found = (block for block in formats.sought if block.parts[0].literal in text)
    return tuple(LogEvent(block.kind, block.name) for block in found)
