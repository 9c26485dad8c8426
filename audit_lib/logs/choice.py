"""Formats and kinds of messages as they are matched: many as one regular expression, in their order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from audit_lib.logs.templates import FIELDS, GROUP, TIME, Part, expression
from audit_lib.logs.values import WHOLE, YEARLESS, ZONELESS, Clock

_TIME = re.compile(TIME)  # in four groups


@dataclass(frozen=True)
class Block:
    """One format or kind of message: the steps of a template, or a regular expression (`pattern`)."""

    name: str
    parts: tuple[Part, ...] = ()
    pattern: bytes = b""
    whole: bool = False  # a match ends at the end of the line
    literal: bytes = b""  # the text that a regular expression always begins with
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
    def source(self) -> bytes:
        """Its regular expression, with named groups."""
        return self.pattern or expression(self.parts, self.whole)

    @cached_property
    def compiled(self) -> re.Pattern[bytes]:
        """The same for this block alone; most lines are read without it."""
        return re.compile(self.source, re.DOTALL)

    @property
    def is_timed(self) -> bool:
        """Whether it begins with {time}."""
        return bool(self.parts) and self.parts[0].field == "time"

    @property
    def begins_undated(self) -> bool:
        """Whether all that it matches begins otherwise than a date with its year: with other digits."""
        if not self.parts or self.parts[0].field not in _UNDATED:
            return False
        following = self.parts[1].literal[:1] if len(self.parts) > 1 else b""
        return self.parts[0].field != "digits" or (following != b"" and following not in b"-/")

    @cached_property
    def has_peer(self) -> bool:
        """Whether its address is followed by a port."""
        return any(part.field == "peer" for part in self.parts)

    @property
    def begins(self) -> bytes:
        """The bytes with which all that it matches begins; empty where any may."""
        return self.literal[:1] if self.pattern else self.parts[0].begins

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

    @cached_property
    def around_time(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]] | None:
        """What stands before the text that a time is sought behind, and from its end on; None if none is."""
        fields = [part.field for part in self.parts]
        at = max((at for at, name in enumerate(fields[:-1]) if name == "text"), default=len(fields))
        if not any(name.startswith("time") for name in fields[at:]):
            return None
        before, behind = expression(self.parts[:at], False), expression(self.parts[at + 1 :], self.whole)
        return re.compile(before, re.DOTALL), re.compile(behind, re.DOTALL)


REQUEST_FIELDS = ("client", "method", "path", "status")
_ADDRESSES = frozenset(("peer", "client", "client:port", "host"))
_UNDATED = frozenset(("digits", "client", "status", "time:clf", "time:short"))
_FREE = frozenset(("text", "token", "email"))  # fields that take names as their owners choose them


@dataclass(frozen=True)
class Leaf:
    """A block within an alternation: its place among all, and the number of each field's group."""

    place: int
    block: Block
    groups: Mapping[str, int]
    request: tuple[int, ...]  # the groups of what a request has; the empty one for what the block has not


@dataclass
class Alternation:
    """Many blocks as one regular expression, in their order: `lastindex` of a match names the block.

    Blocks that stand one behind another and begin alike share that beginning. Each ends with an empty group.
    """

    source: bytes = b""
    leaves: dict[int, Leaf] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def of(cls, blocks: Sequence[tuple[int, Block]], skipped: int = 0) -> "Alternation":
        """The alternation of blocks with their places, without so many steps at the beginning of each."""
        built = cls()
        entries = [(place, block, _steps(block, skipped)) for place, block in blocks]
        built.source = built._joined(entries, 0, {}) if entries else rb"(?!)"
        return built

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The compiled expression."""
        return re.compile(self.source, re.DOTALL)

    def _joined(
        self, entries: Sequence[tuple[int, Block, tuple[bytes, ...]]], depth: int, groups: dict[str, int]
    ) -> bytes:
        """The source for entries that have their first steps in common."""
        branches = []
        for step, alike in groupby(
            entries, key=lambda entry: entry[2][depth] if depth < len(entry[2]) else None
        ):
            same = list(alike)
            if step is None:
                branches += [self._end(place, block, groups) for place, block, _ in same]
                continue
            inner = dict(groups)
            for name in GROUP.findall(step):
                self._count += 1
                inner[name.decode()] = self._count
            branches.append(GROUP.sub(rb"(", step) + self._joined(same, depth + 1, inner))
        return branches[0] if len(branches) == 1 else rb"(?:" + b"|".join(branches) + rb")"

    def _end(self, place: int, block: Block, groups: dict[str, int]) -> bytes:
        self._count += 1
        request = tuple(groups.get(name, self._count) for name in REQUEST_FIELDS)
        self.leaves[self._count] = Leaf(place, block, groups, request)
        return rb"()"


def _steps(block: Block, skipped: int) -> tuple[bytes, ...]:
    """The expression of a block in steps that may be shared: bytes, fields, and all from a {text} on."""
    if block.pattern:
        return (block.pattern,)
    parts = block.parts[skipped:]
    fixed = next((at for at, part in enumerate(parts) if part.field in ("text", "rest")), len(parts))
    steps: list[bytes] = []
    for part in parts[:fixed]:
        steps += [FIELDS[part.field]] if part.field else [re.escape(bytes([byte])) for byte in part.literal]
    tail = expression(parts[fixed:], block.whole)
    return (*steps, tail) if tail else tuple(steps)


class Match(NamedTuple):
    """What a block took of a text: its fields, its time, and where it ends."""

    leaf: Leaf
    found: re.Match[bytes]
    at: int | None
    lacks: int  # of its time
    is_forged: bool = False  # whether a name that the client chose may have made its address up

    @property
    def block(self) -> Block:
        """The block."""
        return self.leaf.block

    def field(self, name: str) -> bytes:
        """The bytes of a field; empty if the block has none."""
        group = self.leaf.groups.get(name)
        return (self.found[group] or b"") if group and not (self.is_forged and name == "client") else b""


class Choice:
    """Of many blocks the first, in their order, that a text begins with.

    What begins with {time} is tried behind a time that is read once; which block is first then shows.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = tuple(enumerate(blocks))
        self._timed = Alternation.of([(at, block) for at, block in self._blocks if block.is_timed], 1)
        self._others: dict[tuple[bytes, bool], Alternation] = {}

    def match(self, text: bytes, clock: Clock) -> Match | None:
        """What the first block that matches takes of a text."""
        first = text[:1]
        time = _TIME.match(text) if first.isdigit() else None
        others = self._others.get((first, time is None)) or self._beginning(first, time is None)
        found = others.pattern.match(text)
        if time:
            at, lacks = clock.read_parts(time)
            timed = self._timed.pattern.match(text, time.end()) if at is not None else None
            if timed:
                leaf = self._timed.leaves[timed.lastindex or 0]
                if not found or leaf.place < others.leaves[found.lastindex or 0].place:
                    return _match(leaf, timed, at, lacks)
        if not found:
            return None
        leaf = others.leaves[found.lastindex or 0]
        return _read(leaf, text, found, clock) or self._after(leaf.place, text, clock)

    def _beginning(self, first: bytes, undated: bool) -> Alternation:
        """The blocks, but for those of {time}, that may match what begins with this byte, or with a date."""
        fitting = [
            (at, block)
            for at, block in self._blocks
            if not block.is_timed
            and (not block.begins or first in block.begins)
            and (undated or not block.begins_undated)
        ]
        self._others[first, undated] = Alternation.of(fitting)
        return self._others[first, undated]

    def _after(self, place: int, text: bytes, clock: Clock) -> Match | None:
        """The same of the blocks behind one whose time no calendar has."""
        for at, block in self._blocks[place + 1 :]:
            found = block.compiled.match(text)
            if found and (match := _read(_alone(at, block), text, found, clock)):
                return match
        return None


def _alone(place: int, block: Block) -> Leaf:
    """A block by its own expression, whose groups have names."""
    return Leaf(place, block, block.compiled.groupindex, ())


def _read(leaf: Leaf, text: bytes, found: re.Match[bytes], clock: Clock) -> Match | None:
    """What a block took; None if no calendar has the time that it names."""
    groups = leaf.groups
    if "yearless" in groups:
        return _match(leaf, found, clock.read_yearless(found[groups["yearless"]]), ZONELESS | YEARLESS)
    if "time" not in groups:
        return _match(leaf, found, None, WHOLE)
    at, lacks = clock.read(found[groups["time"]])
    if at is not None:
        return _match(leaf, found, at, lacks)
    later = _without_false_times(leaf.block, text, clock)
    again = leaf.block.compiled.match(later) if later else None
    return _read(_alone(leaf.place, leaf.block), later, again, clock) if later and again else None


def _match(leaf: Leaf, found: re.Match[bytes], at: int | None, lacks: int) -> Match:
    """A client may choose a name that holds an address, and what stands around one.

    So where that stands once more behind the address, the client is not known.
    """
    before, behind = leaf.block.around_client
    if not before:
        return Match(leaf, found, at, lacks)
    _, again, rest = found.string[found.end(leaf.groups["client"]) :].partition(before)
    return Match(leaf, found, at, lacks, bool(again) and behind in rest)


def _without_false_times(block: Block, text: bytes, clock: Clock) -> bytes | None:
    """The text without what stands before the first place of a time that a calendar has, if there is one.

    A text before a time may hold times that none has.
    """
    if block.around_time is None:
        return None
    before, behind = block.around_time
    head = before.match(text)
    begin = head.end() if head else 0
    place = behind.search(text, begin)
    while place and clock.read(place["time"])[0] is None:
        place = behind.search(text, place.start() + 1)
    return text[:begin] + bytes(place.start() - begin) + text[place.start() :] if place else None
