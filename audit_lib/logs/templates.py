"""Templates of named fields: what each field takes, as text and as a regular expression over bytes.

A field takes all bytes of its class and never gives one back. `{text}` ends at the first place where what
follows it stands; the last `{text}` of a template at the first from which the rest of it matches, since what
a client wrote may hold the same signs.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = tomllib.loads(Path(__file__).with_name("log_fields.toml").read_text("utf-8"))
# A time in four groups: up to its minute, its second, its fraction and its zone.
TIME = (
    rb"(\d{4}(?:-\d\d-|/\d\d/)\d\d(?:(?:[T ]| - )\d\d|  \d):\d\d):(\d\d)(?:[.,](\d{1,9}+))?+"
    rb"((?:Z| UTC(?![0-9A-Za-z])| ?[+-]\d\d:?\d\d)?+)"
)
FIELDS: dict[str, bytes] = {
    "time": rb"(?P<time>" + re.sub(rb"\((?!\?)", rb"(?:", TIME) + rb")",
    **{name: field["takes"].encode() for name, field in _DATA.items()},
    "text": b"",
    "rest": b"",
}
ADDRESS = FIELDS["client"].removeprefix(b"(?P<client>")[:-1]
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
        return self.literal[:1] or _begins(self.field)


@cache
def _begins(field: str) -> bytes:
    known = "[0-9]" if field == "time" else _DATA.get(field, {}).get("begins", "(?!)")
    return bytes(byte for byte in range(256) if re.match(known.encode(), bytes([byte])))


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
