"""Templates of named fields: what each field takes, as text and as a regular expression over bytes.

A field takes all bytes of its class and never gives one back. `{text}` ends at the first place where what
follows it stands; the last `{text}` of a template at the first from which the rest of it matches, since what
a client wrote may hold the same signs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = (
    *(b"TRACE", b"DEBUG", b"INFO", b"NOTICE", b"WARN", b"WARNING", b"ERROR", b"CRITICAL", b"FATAL"),
    *(b"LOG", b"PANIC", b"SEVERE"),
)
_ZONE = rb"(?:Z| UTC(?![0-9A-Za-z])| ?[+-]\d\d:?\d\d)?+"
_CLOCK = rb"\d\d:\d\d:\d\d"
_FRACTION = rb"(?:\.\d{1,9}+)?+"
_MONTH = rb"[A-Z][a-z]{2}"
_HEX = rb"[0-9A-Fa-f:.]"
ADDRESS = (
    rb"(?>\d{1,3}+(?:\.\d{1,3}+){3}(?!\.?[0-9])"  # 203.0.113.7
    rb"|(?=[0-9A-Fa-f.]*+:[0-9A-Fa-f.]*+:)(?>" + _HEX + rb"*(?:[0-9A-Fa-f]|::))"  # 2001:db8::7
    rb"(?:%[0-9A-Za-z]++)?+)"
)
# A time in four groups: up to its minute, its second, its fraction and its zone.
TIME = (
    rb"(\d{4}(?:-\d\d-|/\d\d/)\d\d(?:(?:[T ]| - )\d\d|  \d):\d\d):(\d\d)(?:[.,](\d{1,9}+))?+(" + _ZONE + rb")"
)


def _day_first(day: bytes) -> bytes:
    return day + rb"(?:/" + _MONTH + rb"/|-" + _MONTH + rb"-| " + _MONTH + rb" )\d{4}[: ]" + _CLOCK


FIELDS: dict[str, bytes] = {
    "time": rb"(?P<time>" + re.sub(rb"\((?!\?)", rb"(?:", TIME) + rb")",
    "time:clf": rb"(?P<time>"
    + _day_first(rb"\d\d")
    + _FRACTION
    + rb"(?: UTC(?![0-9A-Za-z])| [+-]\d{4})?+)",
    "time:short": rb"(?P<time>" + _day_first(rb"\d") + rb"(?![0-9.]))",
    "time:asctime": rb"(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d " + _CLOCK + _FRACTION + rb" \d{4})",
    "time:dated": rb"(?P<time>[A-Z][a-z]{2} [ \d]?\d \d{4} " + _CLOCK + _FRACTION + rb")",
    "time:tai64n": rb"(?P<time>@4[0-9a-f]{23})",
    "time:audit": rb"(?=USER_[A-Z_]+ msg=audit\((?P<time>\d{9,10}\.\d{3}):)",  # takes nothing
    "time:american": rb"(?P<time>\d\d?/\d\d?/\d{4}, \d\d?:\d\d:\d\d(?: |\xc2\xa0|\xe2\x80\xaf)[AP]M)",
    "time:syslog": rb"(?P<yearless>[A-Z][a-z]{2} [ \d]?\d " + _CLOCK + rb")",
    "level": rb"(?>" + b"|".join(sorted(LEVELS, reverse=True)) + rb")(?![A-Z])",
    "sp": rb" ++",
    "digits": rb"[0-9]++",
    "word": rb'[^ \[\]"]++',
    "name": rb"[A-Za-z0-9_./-]++",
    "dotted": rb"[A-Za-z_][A-Za-z0-9_.]*+",
    "peer": rb'(?P<client>[^ "]*+)',
    "token": rb"[^ ]++",
    "client": rb"(?P<client>" + ADDRESS + rb")",
    "host": rb"(?P<client>[0-9A-Za-z.:_-]++)",
    "client:port": rb"(?P<client>[0-9A-Za-z.:_-]++)",
    "method": rb"(?P<method>[A-Za-z]++)",
    "path": rb'(?P<path>[^ "]*+)',
    "route": rb'(?P<path>[^ ":]*+)',
    "status": rb"(?P<status>[1-5][0-9][0-9])(?![0-9])",
    "variable": rb"(?P<variable>[A-Z][A-Z0-9_]{2,63}+)(?![A-Z0-9_])",
    "email": rb"(?P<email>[^ ]*+)",
    "text": rb"",
    "rest": rb"",
    "end": rb"\Z",
}
# With which bytes a field begins, where not any may.
_DIGITS, _CAPITALS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = _CAPITALS + _CAPITALS.lower()
BEGINS: dict[str, bytes] = {
    **dict.fromkeys(("time", "time:clf", "time:short", "digits"), _DIGITS),
    **dict.fromkeys(("time:asctime", "time:dated", "time:syslog", "variable"), _CAPITALS),
    **dict.fromkeys(("host", "client:port"), _DIGITS + _LETTERS + b".:_-"),
    "level": bytes(level[0] for level in LEVELS),
    "time:tai64n": b"@",
    "sp": b" ",
    "word": bytes(set(range(256)) - set(b' []"')),
    "name": _DIGITS + _LETTERS + b"_./-",
    "dotted": _LETTERS + b"_",
    "client": b"0123456789ABCDEFabcdef:.",
    "method": _LETTERS,
    "status": b"12345",
}
_FIELD = re.compile(r"\{([a-z0-9:]+)\}")
GROUP = re.compile(rb"\(\?P<(\w+)>")


@dataclass(frozen=True)
class Part:
    """One step of a template: a field by name, or the literal bytes that must stand there."""

    field: str = ""
    literal: bytes = b""

    @property
    def begins(self) -> bytes:
        """The bytes with which all that it takes begins; empty where any may, or none."""
        return self.literal[:1] or BEGINS.get(self.field, b"")


def parse_template(template: str) -> tuple[Part, ...]:
    """The steps of a template. Raises ValueError, with the reason, for one that cannot be read."""
    parts: list[Part] = []
    for position, piece in enumerate(_FIELD.split(template)):
        if position % 2 and piece not in FIELDS:
            raise ValueError(f"has no field {{{piece}}}")
        if piece:
            parts.append(Part(field=piece) if position % 2 else Part(literal=piece.encode()))
    if fault := _fault(parts):
        raise ValueError(fault)
    return tuple(parts)


def _fault(parts: list[Part]) -> str:
    """Why a template cannot be read; "" if it can."""
    if not parts:
        return "is empty"
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if part.field in ("rest", "end") and following:
            return f"has {{{part.field}}} before its end"
        if part.field == "text" and following and not following.literal:
            return "needs plain text after {text}"
        if any(brace in part.literal for brace in (b"{", b"}", b"\n")):
            return "has a brace or a line end outside a field"
    names = [group for part in parts for group in GROUP.findall(FIELDS.get(part.field, b""))]
    is_twice = len(names) != len(set(names)) or {b"time", b"yearless"} <= set(names)
    return "names a field twice" if is_twice else ""


def expression(parts: Sequence[Part], whole: bool) -> bytes:
    """The regular expression of a template; `whole` ends it at the end of the line."""
    pieces: list[bytes] = []
    open_text = False
    texts = [place for place, part in enumerate(parts[:-1]) if part.field == "text"]
    for place, part in enumerate(parts):
        if part.field == "text":
            open_text = True
            continue
        piece = rb"(?: .*|\Z)" if part.field == "rest" else FIELDS.get(part.field) or re.escape(part.literal)
        if open_text:
            if parts[place + 1 :] and parts[place + 1].field == "end":
                piece = rb"(?>.*" + piece + rb"\Z)"
            else:
                piece = rb".*?" + piece if texts[-1] == place - 1 else rb"(?>.*?" + piece + rb")"
        pieces.append(piece)
        open_text = False
    if open_text:
        pieces.append(rb".*")
    return b"".join(pieces) + (rb"\Z" if whole else b"")
