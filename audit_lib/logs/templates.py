"""Templates of named fields: what each field takes, as text and as a regular expression over bytes."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
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


@cache
def begins_of(part: Part) -> bytes:
    """The bytes with which all that a step takes begins; empty where any may, or none."""
    known = _DATA.get(part.field, {}).get("begins", "(?!)").encode()
    return part.literal[:1] or bytes(byte for byte in range(256) if re.match(known, bytes([byte])))


def parse_template(template: str) -> tuple[Part, ...]:
    """The steps of a template. Raises ValueError, with the reason, for one that cannot be read."""
    parts: list[Part] = []
    for position, piece in enumerate(_FIELD.split(template)):
        if position % 2 and piece not in FIELDS:
            raise ValueError(f"has no field {{{piece}}}")
        if piece:
            parts.append(Part(field=piece) if position % 2 else Part(literal=piece.encode()))
    if any(part.field == "text" and not following.literal for part, following in pairwise(parts)):
        raise ValueError("needs plain text after {text}")
    if any(brace in part.literal for part in parts for brace in (b"{", b"}", b"\n")):
        raise ValueError("has a brace or a line end outside a field")
    names = [group for part in parts for group in GROUP.findall(FIELDS.get(part.field, b""))]
    if len(names) != len(set(names)) or {b"time", b"yearless"} <= set(names):
        raise ValueError("names a field twice")
    return tuple(parts)


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
        sources, count = [], 0
        for place, block in blocks:
            source = expression(block.parts[skipped:], block.whole)
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
    """Of many blocks the first, in their order, that a text begins with."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        timed = [(at, block) for at, block in enumerate(blocks) if block.parts[0].field == "time"]
        self._timed = _Alternation(timed, 1)
        self._first_timed = timed[0][0] if timed else len(blocks)
        self._rest = [each for each in enumerate(blocks) if each not in timed]
        self._others: dict[bytes, _Alternation] = {}  # of the rest what may match by the first byte

    def match(self, text: bytes, clock: Clock) -> Match | None:
        """What the first block that matches takes of a text."""
        first = text[:1]
        if first not in self._others:
            fitting = [each for each in self._rest if first in (begins_of(each[1].parts[0]) or first)]
            self._others[first] = _Alternation(fitting)
        match = self._others[first].match(text)
        earlier = match is not None and match.place < self._first_timed
        if not earlier and (time := _TIME.match(text)):
            at, lacks = clock.read(time[0])
            timed = self._timed.match(text, time.end()) if at is not None else None
            if timed and (not match or timed.place < match.place):
                return Match(*timed[:4], at, lacks)
        if match and "yearless" in match.groups:
            return match._replace(at=clock.read_yearless(match.field("yearless")), lacks=ZONELESS | YEARLESS)
        if match and "time" in match.groups:
            at, lacks = clock.read(match.field("time"))
            return None if at is None else Match(*match[:4], at, lacks)
        return match
