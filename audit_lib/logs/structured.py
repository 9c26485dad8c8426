"""The fields of a structured log line, JSON or key=value, by the names that libraries give them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from audit_lib.logs.templates import ADDRESS, FIELDS
from audit_lib.logs.times import WHOLE, Clock, lacks_of
from audit_lib.logs.values import SMALL, Words, strip_port

MOST_DEPTH = 30  # objects within objects; what lies deeper is not looked at
MOST_RECORDS = 5_000  # as many records; a megabyte of CloudTrail's has fifteen hundred
REFUSED_LOGIN = b"login_failed"  # the text of a line whose fields say so, as applications name that event
OUTCOME = ("ended", "refused", "granted", "event", "login", "aside", "failed")
_KINDS = ("time", "text", "status", "client", "method", "path", "level", "cause")
_TIMES = tuple(re.compile(FIELDS[name]) for name in ("time", "time:clf"))
_NUMBER = re.compile(rb"([1-9]\d{8,19})(?:\.(\d+))?")
_LATEST = 7_258_118_400_000_000  # the year 2200
_STATUS = re.compile(rb"[1-5]\d\d")
_METHOD = re.compile(rb"[A-Za-z]{1,16}")
_PATH = re.compile(rb"/|[A-Za-z]+://")
_ADDRESS = re.compile(ADDRESS)
_REQUEST = re.compile(rb"(?:HTTP: )?([A-Z]{3,16}) ((?:/|[A-Za-z]+://)[^ ]*+)(?: HTTP/[0-9.]++)?")
_PAIR = re.compile(rb' *([A-Za-z_@][A-Za-z0-9_.@-]*+)=(?:"((?:[^"\\]|\\.)*+)"|([^ ]*+))(?= |\Z)', re.DOTALL)
_TOKEN = re.compile(rb" *[^ ]*+")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_NAME = re.compile(rb"[0-9A-Za-z ._:/()-]{1,64}")  # of an event; what has other signs is none
_SIGNS = b" ._:/()-"


class FieldNames:
    """Names of a structured line's fields, in order of preference; a dotted name counts by its last part."""

    def __init__(self, words: Words, outcome: Words) -> None:
        self.outcome = dict.fromkeys(OUTCOME, ()) | dict(outcome)
        self.wrapper, self.records, self.labels, self.foreign = (
            frozenset(words.get(name, ())) for name in ("wrapper", "records", "labels", "foreign")
        )
        ended, event = self.outcome["ended"], self.outcome["event"]
        named = {kind: words.get(kind, ()) for kind in _KINDS}
        # For each name what it may name, and its place among the names for that.
        self.ranks: dict[str, list[tuple[str, int]]] = {}
        for kind, names in (named | {"is_refused": ended, "is_login": event, "is_failed": event}).items():
            for rank, name in enumerate(names):
                self.ranks.setdefault(name, []).append((kind, rank))
        # What the `name` of a record says is an event, since a record is one.
        is_whole = "name" in event or not self.records
        self.within_records = self if is_whole else FieldNames(words, {**outcome, "event": (*event, "name")})

    def is_refused(self, value: bytes) -> bool | None:
        """Whether a value is that of a refusal, or of its contrary; None for any other."""
        small = value.translate(SMALL).decode("latin-1")
        return (
            True if small in self.outcome["refused"] else False if small in self.outcome["granted"] else None
        )

    def is_login(self, value: bytes) -> bool:
        """Whether an event is a login, by its name."""
        small = value.translate(SMALL).decode("latin-1")
        about, aside = (any(word in small for word in self.outcome[name]) for name in ("login", "aside"))
        return about and not aside

    def is_failed(self, value: bytes) -> bool:
        """Whether an event is a failed login by its name alone, as user.login_failed."""
        small = value.translate(SMALL, _SIGNS).decode("latin-1")
        return bool(_NAME.fullmatch(value)) and small.endswith(self.outcome["failed"])


@dataclass(frozen=True)
class NamedFields:
    """What a structured line names; empty if it names none. `time` is in microseconds since 1970 UTC."""

    time: int | None = None
    lacks: int = WHOLE  # of its time
    text: bytes = b""
    status: int = 0
    client: bytes = b""
    method: bytes = b""
    path: bytes = b""
    level: bool = False
    is_refused: bool | None = None
    is_login: bool = False
    is_failed: bool = False
    cause: bytes = b""
    records: tuple["NamedFields", ...] = ()

    @property
    def requested(self) -> bool:
        """Whether it is a request. An absolute URL without a client is a call that the application made."""
        has_target = bool(self.path or self.method)
        return bool(self.status) and has_target and (self.path[:1] in b"/" or self.client != b"")


_Field = tuple[str, int, bytes, bool]  # name, depth, value, and whether it is a text and no number


class _Plain(str):
    """A number, true or false as it is written."""


class _Object(list[tuple[str, Any]]):
    """The fields of an object in their order, as often as they stand there."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_Plain, parse_float=_Plain, strict=False)


def json_fields(text: bytes, names: FieldNames, clock: Clock) -> NamedFields | None:
    """The fields of a JSON object, or of the one that it wraps; None of other texts, or too many records."""
    try:
        record = _DECODER.decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, _Object):
        return None
    fields = _select(_walk(record, names, 0), names, clock)
    for name, value in record:
        if name in names.wrapper and isinstance(value, _Object) and fields == NamedFields():
            fields = _select(_walk(value, names, 0), names, clock)
    found = [each for name, value in record if name in names.records for each in _objects(value)]
    if len(found) > MOST_RECORDS:
        return None
    within = names.within_records
    records = tuple(_select(_walk(each, within, 0), within, clock) for each in found)
    return replace(fields, records=records)


def _objects(value: Any) -> list[_Object]:
    """The objects of a list; an object stands for a list of one."""
    if isinstance(value, _Object):
        return [value]
    return [each for each in value if isinstance(each, _Object)] if isinstance(value, list) else []


def pair_fields(text: bytes, names: FieldNames, clock: Clock) -> NamedFields | None:
    """The fields of key=value pairs; None if the text does not begin with two of them."""
    first = _PAIR.match(text)
    if not first or text[:1] == b" " or not _PAIR.match(text, first.end()):
        return None
    pairs, at = [], 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found:
            value = (
                found[3] if found[2] is None else _ESCAPE.sub(lambda it: _ESCAPED.get(it[1], it[1]), found[2])
            )
            pairs.append((found[1].decode(), value))
        at = (found or _TOKEN.match(text, at)).end()  # type: ignore[union-attr]
    return _select(_walk(pairs, names, 0), names, clock)


def _walk(record: Iterable[tuple[str, Any]], names: FieldNames, depth: int) -> Iterator[_Field]:
    """All texts and numbers of an object, but for what a client writes, by the last parts of their names."""
    for name, given in record if depth < MOST_DEPTH else ():
        *outer, last = name.split(".")
        below = depth + 1 + len(outer)
        value = _Plain(str(given).lower()) if isinstance(given, bool) else given
        if isinstance(value, str | bytes):
            if last in names.ranks and names.foreign.isdisjoint(outer):
                raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
                yield last, below, raw, not isinstance(value, _Plain)
        elif isinstance(value, _Object):
            if names.foreign.isdisjoint((*outer, last)):
                yield from _walk(value, names, below)
        elif isinstance(value, list) and name in names.labels:
            labels = [dict(label) for label in _objects(value)]
            named = [
                (each["name"], each.get("value")) for each in labels if isinstance(each.get("name"), str)
            ]
            yield from _walk(named, names, depth + 1)


def _select(found: Iterator[_Field], names: FieldNames, clock: Clock) -> NamedFields:
    """Of each field the value that fits it, least deep, then by the order of names, then the first."""
    best: dict[str, tuple[int, int]] = {}
    selected: dict[str, Any] = {}
    for name, depth, raw, quoted in found:
        for kind, rank in names.ranks[name]:
            place = (depth, rank)
            if kind in best and best[kind] <= place:
                continue
            if (value := _fit(kind, raw, quoted, names, clock)) is not None:
                best[kind], selected[kind] = place, value
                if kind == "time":
                    selected["lacks"] = WHOLE if _NUMBER.fullmatch(raw) else lacks_of(raw)
    ended = selected.get("is_refused")
    if (ended and selected.get("is_login")) or (ended is not False and selected.get("is_failed")):
        selected["text"] = REFUSED_LOGIN
    if "status" in selected and "path" not in selected and "method" not in selected:
        request = _REQUEST.fullmatch(selected.get("text", b""))
        selected |= {"method": request[1], "path": request[2]} if request else {}
    return NamedFields(**selected)


def _fit(kind: str, value: bytes, quoted: bool, names: FieldNames, clock: Clock) -> Any:
    """The value as that of a field; None if it cannot be one."""
    if kind == "is_refused":
        return names.is_refused(value)
    if kind == "status":
        return int(value) if _STATUS.fullmatch(value) else None
    if kind == "time":
        is_written = quoted and any(pattern.fullmatch(value) for pattern in _TIMES)
        return clock.read(value)[0] if is_written else _since_1970(value)
    if kind == "level":
        return True if quoted or value not in (b"true", b"false") else None
    if kind == "client":  # of a list, the one that the nearest proxy has seen
        value = value.rpartition(b",")[2].strip(b" ")
    return value if quoted and value and _FITS.get(kind, _any)(value, names) else None


def _any(_value: bytes, _names: FieldNames) -> bool:
    return True


# Of what is text, what else must hold.
_FITS: dict[str, Callable[[bytes, FieldNames], Any]] = {
    "client": lambda value, _: _ADDRESS.fullmatch(strip_port(value)),
    "is_login": lambda value, names: names.is_login(value),
    "is_failed": lambda value, names: names.is_failed(value),
    "method": lambda value, _: _METHOD.fullmatch(value),
    "path": lambda value, _: _PATH.match(value),
}


def _since_1970(value: bytes) -> int | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size (1973 to 5138)."""
    found = _NUMBER.fullmatch(value)
    if not found:
        return None
    micros = int(found[1]) * 1_000_000 + int((found[2] or b"")[:6].ljust(6, b"0"))
    at = micros // 1_000 ** ((len(found[1]) - 9) // 3)
    return at if at < _LATEST else None
