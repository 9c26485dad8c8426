"""Formats and kinds of messages as they are matched: many as one regular expression, in their order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from audit_lib.logs.templates import GROUP, TIME, Part, expression
from audit_lib.logs.times import WHOLE, YEARLESS, ZONELESS, Clock

_TIME = re.compile(TIME)  # in four groups
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

    @property
    def is_timed(self) -> bool:
        """Whether it begins with {time}."""
        return self.parts[0].field == "time"

    def source(self, skipped: int = 0) -> bytes:
        """Its regular expression, with named groups, without so many steps at its beginning."""
        return expression(self.parts[skipped:], self.whole)

    @cached_property
    def has_peer(self) -> bool:
        """Whether its address is followed by a port."""
        return any(part.field == "peer" for part in self.parts)

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
            at, lacks = clock.read_parts(time)
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
