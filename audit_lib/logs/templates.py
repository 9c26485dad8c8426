"""Templates of named fields: what each field takes, as text and as a regular expression over bytes."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import groupby, pairwise
from pathlib import Path

from audit_lib.logs.times import WHOLE, YEARLESS, Clock

_DATA = tomllib.loads(Path(__file__).with_name("log_fields.toml").read_text("utf-8"))
FIELDS = {name: field["takes"].encode() for name, field in _DATA.items()} | {"text": b"", "rest": b""}
ADDRESS = FIELDS["client"].removeprefix(b"(?P<client>")[:-1]
_FIELD = re.compile(r"\{([a-z0-9:]+)\}")
GROUP = re.compile(rb"\(\?P<(\w+)>")
_ADDRESSES = frozenset(("peer", "client", "client:port", "host"))
_FREE = frozenset(("text", "token", "email"))  # fields that take names as their owners choose them
ZEROS = bytes.maketrans(b"123456789", b"0" * 9)  # makes texts equal that differ in digits alone
_ANY_DIGIT = re.compile(rb"\{\d+(?:,\d*)?\}|0-9|\\d")  # what an expression has that tells no digits apart


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
    pieces = _FIELD.split(template)  # every second one is a field
    unknown = [name for name in pieces[1::2] if name not in FIELDS]
    every = (Part(field=each) if at % 2 else Part(literal=each.encode()) for at, each in enumerate(pieces))
    parts = tuple(part for part in every if part != Part())
    names = [group for part in parts for group in GROUP.findall(FIELDS.get(part.field, b""))]
    is_open = any(part.field == "text" and not behind.literal for part, behind in pairwise(parts))
    faults = {
        f"has no field {{{''.join(unknown[:1])}}}": unknown,
        "needs plain text after {text}": is_open,
        "has a brace or a line end outside a field": {*b"{}\n"} & {*b"".join(part.literal for part in parts)},
        "names a field twice": len(names) != len(set(names)),
    }
    if fault := next((text for text, holds in faults.items() if holds), ""):
        raise ValueError(fault)
    return parts


def expressions(parts: Sequence[Part], whole: bool) -> Iterator[bytes]:
    """The regular expression of a template in pieces, of which none but the last gives a byte back.

    `whole` ends it at the end of the line.
    """
    texts = [at for at, part in enumerate(parts[:-1]) if part.field == "text"]
    open_end: list[bytes] = []  # from the last text on the pieces are one
    for at, part in enumerate(parts):
        if part.field == "text":
            if at == len(parts) - 1:
                open_end.append(rb".*")
            continue
        piece = rb"(?: .*|\Z)" if part.field == "rest" else FIELDS.get(part.field) or re.escape(part.literal)
        if at and parts[at - 1].field == "text":
            if parts[at + 1 :] and parts[at + 1].field == "end":
                piece = rb"(?>.*" + piece + rb"\Z)"
            else:
                piece = rb".*?" + piece if texts[-1] == at - 1 else rb"(?>.*?" + piece + rb")"
        if open_end or part.field == "rest" or piece.startswith(b".*"):
            open_end.append(piece)
        else:
            yield piece
    yield b"".join(open_end) + (rb"\Z" if whole else b"")


@dataclass(frozen=True)
class Block:
    """One format or kind of message: the steps of a template, and what it means."""

    name: str
    parts: tuple[Part, ...] = ()
    whole: bool = False  # a match ends at the end of the line: it is a body
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
    def tells_digits(self) -> bool:
        """Whether it may match one text and not another that has other digits in the same places."""
        taken = (part.literal or _ANY_DIGIT.sub(b"", FIELDS[part.field]) for part in self.parts)
        is_timed = any(part.field.startswith("time") for part in self.parts)
        return is_timed or re.search(rb"\d", b"".join(taken)) is not None

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
        return self.parts[at - 1].literal, self.parts[at + 1].literal if at + 1 < len(fields) else b""


@dataclass(frozen=True, slots=True)
class Place:
    """A block in an alternation, with the numbers of its fields' groups; its last group is empty."""

    block: Block
    groups: Mapping[str, int]
    end: int
    request: tuple[int, ...]  # the groups of client, method, path and status, or its last one
    time: int  # the group of its time; 0 if it has none
    is_request: bool  # whether it says with which status something was answered
    has_port: bool  # whether a port follows its address

    def field(self, name: str, found: re.Match[bytes]) -> bytes:
        """The bytes of a field; empty if the block has none."""
        return found[self.groups.get(name, self.end)]

    def client(self, found: re.Match[bytes]) -> bytes:
        """The bytes of the address; empty where it may be made up.

        A client may choose a name that holds an address, and what stands around one. So where that stands
        once more behind the address, the client is not known.
        """
        before, behind = self.block.around_client
        if before:
            _, again, rest = found.string[found.end(self.groups["client"]) :].partition(before)
            if again and behind in rest:
                return b""
        return self.field("client", found)


Match = tuple[Place, re.Match[bytes], int | None, int]  # a block, its fields, its time, what that lacks
_Row = tuple[Block, tuple[bytes, ...]]  # a block with what of its expression is left


class _Alternation:
    """Blocks as one regular expression: `places` names the block by the last group of a match.

    What blocks in a row begin with in common is tried once. Of several that take the same, the first matches.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.places: dict[int | None, Place] = {}
        self._groups = 0
        rows = [(block, tuple(expressions(block.parts, block.whole))) for block in blocks]
        self.match = re.compile(self._joined(rows, {}), re.DOTALL).match

    def _joined(self, rows: Sequence[_Row], groups: Mapping[str, int]) -> bytes:
        choices = []
        for piece, same in groupby(rows, key=lambda row: row[1][:1]):
            names = [name.decode() for part in piece for name in GROUP.findall(part)]
            within = {**groups, **{name: self._groups + at for at, name in enumerate(names, 1)}}
            self._groups += len(names) if piece else 1
            if piece:
                rest = self._joined([(block, left[1:]) for block, left in same], within)
                choices.append(GROUP.sub(rb"(", piece[0]) + rest)
            else:
                end = self._groups
                request = tuple(groups.get(name, end) for name in ("client", "method", "path", "status"))
                block, time = next(same)[0], groups.get("time", 0)
                is_request = "status" in groups or block.status is not None
                has_port = Part("peer") in block.parts
                self.places[end] = Place(block, groups, end, request, time, is_request, has_port)
                choices.append(rb"()")
        return rb"(?:" + b"|".join(choices) + rb")" if choices else rb"(?!)"


_alternation = lru_cache(maxsize=1 << 10)(_Alternation)  # that of all digits, for one, is the same


class Choice:
    """Of many blocks the first, in their order, that a text begins with.

    Those that begin with a time stand together, so that one is looked for once.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        is_timed = [block.parts[0].field == "time" for block in blocks]
        first = is_timed.index(True) if any(is_timed) else 0
        behind = sorted(blocks[first:], key=lambda block: block.parts[0].field != "time")
        self._blocks = [*blocks[:first], *behind]
        self._by_byte: dict[bytes, _Alternation] = {}  # what may match by the first byte

    def match(self, text: bytes, clock: Clock) -> Match | None:
        """What the first block that matches takes of a text; None also where no calendar has its time.

        A time without a year may be one of which nobody knows the instant.
        """
        choice = self._by_byte.get(text[:1]) or self._beginning(text[:1])
        found = choice.match(text)
        if found is None:
            return None
        place = choice.places[found.lastindex]
        if not place.time:
            return place, found, None, WHOLE
        at, lacks = clock.read(found[place.time])
        return None if at is None and not lacks & YEARLESS else (place, found, at, lacks)

    def _beginning(self, first: bytes) -> _Alternation:
        fitting = [block for block in self._blocks if first in (begins_of(block.parts[0]) or first)]
        return self._by_byte.setdefault(first, _alternation(tuple(fitting)))
