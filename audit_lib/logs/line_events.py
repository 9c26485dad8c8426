"""What one log line shows: its state, its time, and the request or the message as events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from audit_lib.base.log_kinds import DECLARED, NOTICE
from audit_lib.logs.blocks import Block
from audit_lib.logs.declared_logins import FAILED
from audit_lib.logs.fields import clean_client, clean_method, clean_route, mask_email, strip_port
from audit_lib.logs.formats import SECRET_IN_URL, LogFormats
from audit_lib.logs.named_fields import NamedFields
from audit_lib.logs.units import WHOLE


@dataclass(frozen=True)
class Head:
    """What stood before a text: the first time and the first client of it hold."""

    at: int | None = None
    record: bool = False
    client: str | None = None  # "" where it was logged as none
    understood: bool = False
    structures: int = 0
    lacks: int = WHOLE  # of its time

    def then(self, at: int | None, lacks: int) -> tuple[int | None, int]:
        """The time, and what it lacks, if another one follows: the first holds."""
        return (self.at, self.lacks) if self.at is not None or at is None else (at, self.lacks | lacks)

    def behind(self, fields: NamedFields) -> "Head":
        """What stands before the text of a structured line."""
        client = self.client
        if client is None and fields.client:
            client = clean_client(strip_port(fields.client, always=False))
        record = self.record or (fields.level and not fields.text.startswith(b"Traceback"))
        at, lacks = self.then(fields.at, fields.lacks)
        return Head(at, record, client, True, self.structures + 1, lacks)


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
    continues: int = 0  # CONTINUES: it is part of the record before it, as far as it can tell
    lacks: int = WHOLE  # what its time has not of its own

    @property
    def requested(self) -> bool:
        """Whether it is a request."""
        return any(event.status for event in self.events)


BLANK = Line("blank")
NOT_UNDERSTOOD = Line("not understood")


def shown_line(
    at: int | None, record: bool, events: tuple[LogEvent, ...], *, understood: bool = True
) -> Line:
    """A line by what it shows; one that shows nothing is text only if it is `understood`."""
    if any(event.status for event in events):
        state = "request"
    elif events:
        state = "message"
    else:
        state = "text only" if understood else "not understood"
    return Line(state, at, record, events)


def request_of_block(block: Block, fields: dict[str, bytes], formats: LogFormats) -> tuple[LogEvent, ...]:
    """What a request shows, from the block that matched and its fields."""
    always = any(part.field == "peer" for part in block.parts)
    client = clean_client(strip_port(fields.get("client") or b"", always))
    method = block.method or clean_method(fields.get("method") or b"")
    status = block.status or int(fields["status"])
    return request_events(status, client, method, fields.get("path") or b"", formats)


def request_of_fields(fields: NamedFields, client: str, formats: LogFormats) -> tuple[LogEvent, ...]:
    """What a structured request shows; `client` is what stood before it."""
    own = clean_client(strip_port(fields.client, always=False))
    return request_events(fields.status, own or client, clean_method(fields.method), fields.path, formats)


def request_events(
    status: int, client: str, method: str, path: bytes, formats: LogFormats
) -> tuple[LogEvent, ...]:
    """A request as an event, and another if its query has a secret."""
    route = clean_route(path)
    request = LogEvent(formats.kind_of(status), "", status, client, method, route)
    if answer := formats.login_answer(status, method, route, query_of(path)):
        kind = DECLARED if answer.what == FAILED else request.kind
        request = replace(request, kind=kind, message=answer.message, subject=answer.parameter.decode())
    parameter = _secret_parameter(path, formats)
    if not parameter:
        return (request,)
    return request, LogEvent(NOTICE, SECRET_IN_URL, None, client, method, route, parameter)


def query_of(path: bytes) -> bytes:
    """What stands behind the first question mark."""
    return path.partition(b"?")[2]


def _secret_parameter(path: bytes, formats: LogFormats) -> str:
    """What says that a query parameter is a secret, of the first one with a value; "" if none is."""
    query = query_of(path)
    for pair in query.split(b"&") if query else ():
        name, _, value = pair.partition(b"=")
        if value and (found := formats.secret_parameter(name.decode("ascii", "replace"))):
            return found
    return ""


def message_of_block(block: Block, fields: dict[str, bytes], client: str) -> LogEvent:
    """What a message shows; `client` is what stood before it."""
    subject = ""
    if fields.get("variable"):
        subject = fields["variable"].decode()
    elif fields.get("email"):
        subject = mask_email(fields["email"])
    if fields.get("client"):
        client = clean_client(strip_port(fields["client"], always=False))
    route = clean_route(fields["path"]) if fields.get("path") else ""
    return LogEvent(block.kind, block.name, None, client, "", route, subject, block.once)


def without_repeats(events: Iterable[LogEvent]) -> tuple[LogEvent, ...]:
    """At most one request, and one of each kind that counts once a record."""
    kept: list[LogEvent] = []
    for event in events:
        same = (other for other in kept if other.kind == event.kind or (other.status and event.status))
        if not any(event.status or event.once for _ in same):
            kept.append(event)
    return tuple(kept)
