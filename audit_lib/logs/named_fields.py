"""The fields of a structured log line, JSON or key=value, by the names that libraries give them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from audit_lib.logs.fields import lacks_zone, parse_time, strip_port
from audit_lib.logs.names_and_words import JsonFields
from audit_lib.logs.templates import ADDRESS, FIELDS
from audit_lib.logs.units import WHOLE, ZONELESS

MOST_DEPTH = 30  # objects within objects; a line with more is not understood
MOST_RECORDS = 5_000  # as many records; a megabyte of CloudTrail's has fifteen hundred
_TIMES = tuple(re.compile(FIELDS[name]) for name in ("time", "time:clf"))
_NUMBER = re.compile(rb"([1-9]\d{8,19})(?:\.(\d+))?")
_LATEST = 7_258_118_400_000_000  # the year 2200
_STATUS = re.compile(rb"[1-5]\d\d")
_METHOD = re.compile(rb"[A-Za-z]{1,16}")
_PATH = re.compile(rb"/|[A-Za-z]+://")
_ADDRESS = re.compile(ADDRESS)
_REQUEST = re.compile(rb"(?:HTTP: )?([A-Z]{3,16}) ((?:/|[A-Za-z]+://)[^ ]*+)(?: HTTP/[0-9.]++)?")
_PAIR = re.compile(rb'([A-Za-z_@][A-Za-z0-9_.@-]*+)=(?:"((?:[^"\\]|\\.)*+)"|([^ ]*+))(?= |\Z)', re.DOTALL)
_TOKEN = re.compile(rb"[^ ]++")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
REFUSED_LOGIN = b"login_failed"  # the text of a line whose fields say so, as applications name that event
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


@dataclass(frozen=True)
class NamedFields:
    """What a structured line names; empty if it names none. `at` is in microseconds since 1970 UTC."""

    at: int | None = None
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
        return bool(self.status and (self.path or self.method)) and (
            self.path[:1] in b"/" or self.client != b""
        )


class _Field(NamedTuple):
    """A value with its name: the last part of a dotted one; `quoted` tells text from a number."""

    name: str
    depth: int
    value: bytes
    quoted: bool


class _Plain(str):
    """A number, true or false as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The fields of an object in their order, as often as they stand there."""


def json_fields(text: bytes, names: JsonFields, zone: ZoneInfo) -> NamedFields | None:
    """The fields of a JSON object, of objects within it, too; None if the text is none."""
    try:
        record = json.loads(
            text.decode("utf-8", "replace"),
            strict=False,
            object_pairs_hook=_Object,
            parse_int=_Plain,
            parse_float=_Plain,
        )
    except (ValueError, RecursionError):
        return None
    return _object_fields(record, names, zone) if isinstance(record, _Object) else None


def _object_fields(record: _Object, names: JsonFields, zone: ZoneInfo) -> NamedFields | None:
    """The fields of an object; of the one that it wraps if it names none itself, and of its records.

    None if it has more records than a line can hold.
    """
    fields = _chosen(_walked(record, names, 0), names, zone)
    nested = [(name, value) for name, value in record if isinstance(value, list)]
    for name, value in nested:
        if name in names.wrapper and isinstance(value, _Object) and fields == NamedFields():
            fields = _chosen(_walked(value, names, 0), names, zone)
    found = [each for name, value in nested if name in names.records for each in _objects(value)]
    if len(found) > MOST_RECORDS:
        return None
    within = names.within_records if found else names
    records = tuple(_chosen(_walked(each, within, 0), within, zone) for each in found)
    return replace(fields, records=records) if records else fields


def _objects(value: Any) -> list[_Object]:
    """The objects of a list; an object stands for a list of one."""
    if isinstance(value, _Object):
        return [value]
    return [each for each in value if isinstance(each, _Object)] if isinstance(value, list) else []


def pair_fields(text: bytes, names: JsonFields, zone: ZoneInfo) -> NamedFields | None:
    """The fields of key=value pairs; None if the text does not begin with two of them."""
    first = _PAIR.match(text)
    second = _PAIR.match(text, _behind_spaces(text, first.end())) if first else None
    return _chosen(_pairs(text, names), names, zone) if second else None


def _behind_spaces(text: bytes, at: int) -> int:
    while text[at : at + 1] == b" ":
        at += 1
    return at


def _pairs(text: bytes, names: JsonFields) -> Iterator[_Field]:
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found:
            quoted = found[2] is not None
            value = _ESCAPE.sub(_unescaped, found[2]) if quoted else found[3]
            yield from _named(found[1].decode(), 1, value, names, quoted=True)
        else:
            found = _TOKEN.match(text, at)
        at = _behind_spaces(text, found.end() if found else at)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _ESCAPED.get(found[1], found[1])


def _named(name: str, depth: int, value: bytes, names: JsonFields, *, quoted: bool) -> Iterator[_Field]:
    """A value by the last part of its name, unless a part before that names what a client writes."""
    *outer, last = name.split(".")
    if not any(part in names.foreign for part in outer):
        yield _Field(last, depth + len(outer), value, quoted)


def _walked(record: _Object, names: JsonFields, depth: int) -> Iterator[_Field]:
    """All texts and numbers of an object, without those of objects that hold what a client writes."""
    for name, given in record if depth < MOST_DEPTH else ():
        value = _Plain(str(given).lower()) if isinstance(given, bool) else given
        if isinstance(value, str):
            quoted = not isinstance(value, _Plain)
            yield from _named(name, depth + 1, value.encode("utf-8", "replace"), names, quoted=quoted)
        elif isinstance(value, _Object):
            parts = name.split(".")
            if not any(part in names.foreign for part in parts):
                yield from _walked(value, names, depth + len(parts))
        elif isinstance(value, list) and name in names.labels:
            yield from _walked(_labels(value), names, depth + 1)


def _labels(given: list[Any]) -> _Object:
    """Labels as a list of objects with name and value."""
    fields = [dict(label) for label in given if isinstance(label, _Object)]
    return _Object((each["name"], each.get("value")) for each in fields if isinstance(each.get("name"), str))


def _chosen(found: Iterator[_Field], names: JsonFields, zone: ZoneInfo) -> NamedFields:
    """Of each field the value that fits it, least deep, then by the order of names, then the first."""
    best: dict[str, tuple[int, int]] = {}
    chosen: dict[str, Any] = {}
    for field in found:
        for kind, rank in names.ranks.get(field.name, ()):
            place = (field.depth, rank)
            if (kind in best and best[kind] <= place) or (value := _fit(kind, field, names, zone)) is None:
                continue
            best[kind], chosen[kind] = place, value
            if kind == "at":
                chosen["lacks"] = _lacks(field.value)
    ended = chosen.get("is_refused")
    if (ended and chosen.get("is_login")) or (ended is not False and chosen.get("is_failed")):
        chosen["text"] = REFUSED_LOGIN
    if "status" in chosen and "path" not in chosen and "method" not in chosen:
        told = _REQUEST.fullmatch(chosen.get("text", b""))
        chosen |= {"method": told[1], "path": told[2]} if told else {}
    return NamedFields(**chosen)


def _fit(kind: str, field: _Field, names: JsonFields, zone: ZoneInfo) -> Any:
    """The value as that of a field; None if it cannot be one."""
    value = field.value
    if kind == "is_refused":
        return names.outcome.is_refused(value)
    if not field.quoted and value in (b"true", b"false"):
        return None
    if kind == "status":
        return int(value) if _STATUS.fullmatch(value) else None
    if kind == "at":
        return _instant(value, zone) if field.quoted else _since_1970(value)
    if kind == "level":
        return True
    return _fit_text(kind, value, names) if field.quoted and value else None


def _fit_text(kind: str, value: bytes, names: JsonFields) -> Any:
    """As `_fit`, of a text."""
    if kind == "client":
        last = value.rpartition(b",")[2].strip(b" ")  # of a list, the one that the nearest proxy has seen
        return last if _ADDRESS.fullmatch(strip_port(last, always=False)) else None
    if kind in ("is_login", "is_failed"):
        return getattr(names.outcome, kind)(value) or None
    pattern = {"method": _METHOD.fullmatch, "path": _PATH.match}.get(kind)
    return value if pattern is None or pattern(value) else None


def _instant(value: bytes, zone: ZoneInfo) -> int | None:
    if any(pattern.fullmatch(value) for pattern in _TIMES):
        return parse_time(value, zone)
    return _since_1970(value)


def _lacks(value: bytes) -> int:
    return WHOLE if _NUMBER.fullmatch(value) or not lacks_zone(value) else ZONELESS


def _since_1970(value: bytes) -> int | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size (1973 to 5138)."""
    found = _NUMBER.fullmatch(value)
    if not found:
        return None
    whole, digits = int(found[1]), int((found[2] or b"")[:6].ljust(6, b"0"))
    size = len(found[1])
    if size <= 11:
        at = whole * 1_000_000 + digits
    elif size <= 14:
        at = whole * 1_000 + digits // 1_000
    else:
        at = whole if size <= 17 else whole // 1_000
    return at if at < _LATEST else None
