"""Templates of named fields: what each field takes, as text and as a regular expression over bytes.

A field takes all bytes of its class and never gives one back. `{text}` ends at the first place where what
follows it stands; the last `{text}` of a template at the first from which the rest of it matches, since what
a client wrote may hold the same signs.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from audit_lib.logs.times import WHOLE, YEARLESS, ZONELESS, Clock

_DATA = tomllib.loads(Path(__file__).with_name("log_fields.toml").read_text("utf-8"))
FIELDS = {name: field["takes"].encode() for name, field in _DATA.items()} | {"text": b"", "rest": b""}
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
    known = _DATA.get(field, {}).get("begins", "(?!)")
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


# ---- Many blocks as one expression ----

_TIME = re.compile(FIELDS["time"])
_ADDRESSES = frozenset(("peer", "client", "client:port", "host"))
_FREE = frozenset(("text", "token", "email"))  # fields that take names as their owners choose them


@dataclass(frozen=True)
class Block:
    """One format or kind of message: the steps of a template, and what it means."""

    name: str
    parts: tuple[Part, ...] = ()
    whole: bool = False  # a match ends at the end of the line
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    record: bool = False
    outer: bool = False
    method: str = ""
    status: int | None = None
    continues: str = ""
    kind: str = ""
    once: bool = False
    anywhere: bool = False

    @cached_property
    def has_port(self) -> bool:
        """Whether a port follows its address."""
        return Part("peer") in self.parts

    @property
    def is_timed(self) -> bool:
        """Whether it begins with {time}."""
        return self.parts[0].field == "time"

    def source(self, skipped: int = 0) -> bytes:
        """Its regular expression, with named groups, without so many steps at its beginning."""
        return expression(self.parts[skipped:], self.whole)

    @cached_property
    def around_client(self) -> tuple[bytes, bytes]:
        """What stands before an address and behind it, if a name that its client chose may hold both.

        Empty where no such name stands before the address, or all that follows it is known.
        """
        fields = [part.field for part in self.parts]
        at = next((at for at, name in enumerate(fields) if name in _ADDRESSES), 0)
        is_closed = fields[-1:] == ["end"] and "text" not in fields[at:]
        if is_closed or _FREE.isdisjoint(fields[:at]):
            return b"", b""
        behind = self.parts[at + 1].literal if at + 1 < len(fields) else b""
        return self.parts[at - 1].literal, behind


class Match(NamedTuple):
    """What a block took of a text: its fields, its time, and where it ends."""

    block: Block
    groups: Mapping[str, int]  # the number of each field's group
    found: re.Match[bytes]
    place: int  # of the block among all
    at: int | None = None
    lacks: int = WHOLE  # of its time

    def field(self, name: str) -> bytes:
        """The bytes of a field; empty if the block has none."""
        group = self.groups.get(name)
        return (self.found[group] or b"") if group else b""

    @property
    def client(self) -> bytes:
        """The bytes of the address; empty where it may be made up.

        A client may choose a name that holds an address, and what stands around one. So where that stands
        once more behind the address, the client is not known.
        """
        before, behind = self.block.around_client
        if before:
            _, again, rest = self.found.string[self.found.end(self.groups["client"]) :].partition(before)
            if again and behind in rest:
                return b""
        return self.field("client")


class _Alternation:
    """Blocks with their places as one regular expression: the last group of a match names the block."""

    def __init__(self, blocks: Sequence[tuple[int, Block]], skipped: int = 0) -> None:
        self._ends: dict[int, tuple[int, Block, Mapping[str, int]]] = {}
        sources = []
        count = 0
        for place, block in blocks:
            source = block.source(skipped)
            names = [name.decode() for name in GROUP.findall(source)]
            groups = {name: count + number for number, name in enumerate(names, 1)}
            count += len(names) + 1
            self._ends[count] = place, block, groups
            sources.append(GROUP.sub(rb"(", source) + rb"()")
        self._pattern = re.compile(b"|".join(sources) or rb"(?!)", re.DOTALL)

    def match(self, text: bytes, start: int = 0) -> Match | None:
        """What the first block that matches takes, without its time."""
        found = self._pattern.match(text, start)
        if not found:
            return None
        place, block, groups = self._ends[found.lastindex or 0]
        return Match(block, groups, found, place)


class Choice:
    """Of many blocks the first, in their order, that a text begins with.

    What begins with {time} is tried behind a time that is read once; which block is first then shows. A block
    whose time no calendar has takes nothing.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = tuple(enumerate(blocks))
        self._timed = _Alternation([(at, block) for at, block in self._blocks if block.is_timed], 1)
        self._others: dict[bytes, _Alternation] = {}

    def match(self, text: bytes, clock: Clock) -> Match | None:
        """What the first block that matches takes of a text."""
        match = (self._others.get(text[:1]) or self._beginning(text[:1])).match(text)
        if time := _TIME.match(text):
            at, lacks = clock.read(time[0])
            timed = self._timed.match(text, time.end()) if at is not None else None
            if timed and (not match or timed.place < match.place):
                return timed._replace(at=at, lacks=lacks)
        return _with_time(match, clock) if match else None

    def _beginning(self, first: bytes) -> _Alternation:
        """The blocks, but for those of {time}, that may match what begins with this byte."""
        fitting = [
            (at, block)
            for at, block in self._blocks
            if not block.is_timed and first in (block.parts[0].begins or first)
        ]
        self._others[first] = _Alternation(fitting)
        return self._others[first]


def _with_time(match: Match, clock: Clock) -> Match | None:
    if yearless := match.field("yearless"):
        return match._replace(at=clock.read_yearless(yearless), lacks=ZONELESS | YEARLESS)
    if time := match.field("time"):
        at, lacks = clock.read(time)
        return None if at is None else match._replace(at=at, lacks=lacks)
    return match
