"""The fields of a structured log line, JSON or key=value, by the names that libraries give them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from audit_lib.logs.templates import ADDRESS, FIELDS, GROUP, strip_port
from audit_lib.logs.times import WHOLE, Clock, since_1970
from audit_lib.logs.values import KEPT, KEPT_BYTES, SMALL, Words

REFUSED_LOGIN = b"login_failed"  # the text of a line whose fields say so, as applications name that event
OUTCOME = ("ended", "refused", "granted", "event", "login", "aside", "failed")
_KINDS = ("time", "text", "status", "client", "method", "path", "level", "cause")
_TIME = re.compile(rb"|".join(GROUP.sub(rb"(", FIELDS[name]) for name in ("time", "time:clf")))
_NUMBERS = ("status", "level")  # fields that a number may be the value of
_JUDGED = ("is_refused", "is_login", "is_failed")
_FITS = {
    "status": re.compile(rb"[1-5]\d\d"),
    "level": re.compile(rb"(?!(?:true|false)\Z).*", re.DOTALL),
    "client": re.compile(ADDRESS),
    "method": re.compile(rb"[A-Za-z]{1,16}"),
    "path": re.compile(rb"(?:/|[A-Za-z]+://).*", re.DOTALL),
}
_REQUEST = re.compile(rb"(?:HTTP: )?([A-Z]{3,16}) ((?:/|[A-Za-z]+://)[^ ]*+)(?: HTTP/[0-9.]++)?")
_PAIR = re.compile(rb' *([A-Za-z_@][A-Za-z0-9_.@-]*+)=(?:"((?:[^"\\]|\\.)*+)"|([^ ]*+))(?= |\Z)', re.DOTALL)
_PAIR_OR_TOKEN = re.compile(_PAIR.pattern + rb"| *[^ ]++", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_NAME = re.compile(rb"[0-9A-Za-z ._:/()-]{1,64}")  # of an event; what has other signs is none


class FieldNames:
    """Names of a structured line's fields, in order of preference; a dotted name counts by its last part."""

    def __init__(self, words: Words, outcome: Words) -> None:
        self.outcome = dict.fromkeys(OUTCOME, ()) | dict(outcome)
        self.wrapper, self.records, self.labels, self.foreign, self.times = (
            frozenset(words.get(each, ())) for each in ("wrapper", "records", "labels", "foreign", "time")
        )
        event, named = self.outcome["event"], {kind: words.get(kind, ()) for kind in _KINDS}
        named |= {"is_refused": self.outcome["ended"], "is_login": event, "is_failed": event}
        # For each name what it may name, and its place among the names for that.
        self.ranks: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for kind, names in named.items():
            for rank, name in enumerate(names):
                self.ranks[name].append((kind, rank))
        self.split, self.fitting = lru_cache(maxsize=1 << 12)(self._split), lru_cache(maxsize=KEPT)(self.fit)
        is_whole = "name" in event or not self.records  # what the `name` of a record says is an event
        self.within_records = self if is_whole else FieldNames(words, {**outcome, "event": (*event, "name")})

    def _split(self, name: str) -> tuple[str, int, bool, bool]:
        """Its last part, how deep that lies, and whether a client writes it, or what is within it."""
        *outer, last = name.split(".")
        is_foreign = not self.foreign.isdisjoint(outer)
        return last, 1 + len(outer), is_foreign, is_foreign or last in self.foreign

    def fit(self, value: bytes, name: str, quoted: bool) -> list[tuple[str, int, Any]]:
        """What a value is as each field that its name may name, with the rank of the name.

        A time that is written as one is None, to be read by a clock. `quoted`: it is a text, and no number.
        """
        found = []
        for kind, rank in self.ranks[name]:
            is_written = kind == "time" and quoted and _TIME.fullmatch(value) is not None
            fit = None if is_written else self._fit(kind, value, quoted)
            found += [(kind, rank, fit)] if is_written or fit is not None else []
        return found

    def _fit(self, kind: str, value: bytes, quoted: bool) -> Any:
        if kind in _JUDGED:
            return self.judge(kind, value) if quoted or kind == "is_refused" else None
        if kind == "client":  # of a list, the one that the nearest proxy has seen
            value = strip_port(value.rpartition(b",")[2].strip(b" "))
        fitting = kind not in _FITS or _FITS[kind].fullmatch(value)
        known = value if value and fitting and (quoted or kind in _NUMBERS) else None
        return since_1970(value) if kind == "time" else known

    def judge(self, kind: str, value: bytes) -> bool | None:
        """What a value says of a login, by kind of field; None if it says nothing of it.

        `is_refused`: how something ended, or how it did not. `is_login`: whether an event is a login, by its
        name. `is_failed`: whether it is a failed login by its name alone, as user.login_failed.
        """
        small, known = value.translate(SMALL).decode("latin-1"), self.outcome
        if kind == "is_refused":
            return True if small in known["refused"] else False if small in known["granted"] else None
        if kind == "is_login":
            about, aside = (any(word in small for word in known[name]) for name in ("login", "aside"))
            return (about and not aside) or None
        bare = value.translate(SMALL, b" ._:/()-").decode("latin-1")
        return (_NAME.fullmatch(value) and bare.endswith(known["failed"])) or None


class NamedFields(NamedTuple):
    """What a structured line names, `is_empty` if nothing. `time` is in microseconds since 1970 UTC."""

    is_empty: bool = True
    time: int | None = None
    lacks: int = WHOLE  # of its time
    text: bytes = b""
    status: bytes = b""
    client: bytes = b""
    method: bytes = b""
    path: bytes = b""
    level: bytes = b""
    cause: bytes = b""
    records: tuple["NamedFields", ...] = ()

    @property
    def requested(self) -> bool:
        """Whether it is a request. An absolute URL without a client is a call that the application made."""
        has_target = self.status != b"" and self.path + self.method != b""
        return has_target and (self.path[:1] in b"/" or self.client != b"")


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
    fields = _select(record, names, clock)
    within = [(name, value) for name, value in record if isinstance(value, list)]
    for value in (value for name, value in within if name in names.wrapper and isinstance(value, _Object)):
        fields = fields if not fields.is_empty else _select(value, names, clock)
    found = [each for name, value in within if name in names.records for each in _objects(value)]
    if len(found) > 5_000:  # a megabyte of CloudTrail's has fifteen hundred
        return None
    records = tuple(_select(each, names.within_records, clock) for each in found)
    return fields._replace(records=records) if records else fields


def _objects(value: Any) -> list[_Object]:
    every = [value] if isinstance(value, _Object) else value if isinstance(value, list) else []
    return [each for each in every if isinstance(each, _Object)]


def pair_fields(text: bytes, names: FieldNames, clock: Clock) -> NamedFields | None:
    """The fields of key=value pairs; None if the text does not begin with two of them."""
    if not (first := _PAIR.match(text)) or text[:1] == b" " or not _PAIR.match(text, first.end()):
        return None
    pairs = (
        (each[1].decode(), each[3] or _ESCAPE.sub(lambda it: _ESCAPED.get(it[1], it[1]), each[2] or b""))
        for each in _PAIR_OR_TOKEN.finditer(text)
        if each[1]
    )
    return _select(pairs, names, clock)


def _walk(record: Iterable[tuple[str, Any]], names: FieldNames, depth: int) -> Iterator[_Field]:
    """All texts and numbers of an object, but for what a client writes, by the last parts of their names."""
    for name, given in record if depth < 30 else ():  # what lies deeper is not looked at
        last, below, is_foreign, is_foreign_within = names.split(name)
        value = _Plain(str(given).lower()) if isinstance(given, bool) else given
        if isinstance(value, (str, bytes)):
            if last in names.ranks and not is_foreign:
                raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
                yield last, depth + below, raw, not isinstance(value, _Plain)
        elif isinstance(value, _Object):
            if not is_foreign_within:
                yield from _walk(value, names, depth + below)
        elif isinstance(value, list) and name in names.labels:
            named = [(str(label.get("name")), label.get("value")) for label in map(dict, _objects(value))]
            yield from _walk(named, names, depth + 1)


def _select(record: Iterable[tuple[str, Any]], names: FieldNames, clock: Clock) -> NamedFields:
    """Of each field the value that fits it, least deep, then by the order of names, then the first."""
    best: dict[str, tuple[int, int]] = {}
    selected: dict[str, Any] = {}
    for name, depth, raw, quoted in _walk(record, names, 0):
        fitting = names.fit if name in names.times or len(raw) > KEPT_BYTES else names.fitting
        for kind, rank, fit in fitting(raw, name, quoted):
            if kind in best and best[kind] <= (depth, rank):
                continue
            value, lacks = (fit, WHOLE) if fit is not None else clock.read(raw)
            if value is not None:
                best[kind], selected[kind] = (depth, rank), value
                if kind == "time":
                    selected["lacks"] = lacks
    ended, is_login, is_failed = (selected.pop(kind, None) for kind in _JUDGED)
    if (ended and is_login) or (ended is not False and is_failed):
        selected["text"] = REFUSED_LOGIN
    if "status" in selected and "path" not in selected and "method" not in selected:
        request = _REQUEST.fullmatch(selected.get("text", b""))
        selected |= {"method": request[1], "path": request[2]} if request else {}
    return NamedFields(not best, **selected)
