"""Templates of named fields: what each field takes, as text and as a regular expression over bytes."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from audit_lib.logs.times import REFUSED, SAME_DIGITS, Clock

_DATA = tomllib.loads(Path(__file__).with_name("log_fields.toml").read_text("utf-8"))
FIELDS = {name: field["takes"].encode() for name, field in _DATA.items()} | {"text": b"", "rest": b""}
ADDRESS = FIELDS["client"].removeprefix(b"(?P<client>")[:-1]
GROUP = re.compile(rb"\(\?P<(\w+)>")
# What an expression has that tells no digits apart; the reader looks whether a status is one.
_ANY_DIGIT = re.compile(rb"\{\d+(?:,\d*)?\}|0-9|1-5|\\d")


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
    pieces = re.split(r"\{([a-z0-9:]+)\}", template)  # every second one is a field
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
            open_end += [rb".*"] if at == len(parts) - 1 else []
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


def strip_port(raw: bytes, always: bool = False) -> bytes:
    """The address without port and brackets. `always`: a port follows the last colon, as uvicorn writes."""
    if raw.startswith(b"[") and b"]" in raw:
        return raw[1 : raw.rindex(b"]")]
    host, colon, port = raw.rpartition(b":")
    if colon and port.isdigit() and (always or b":" not in host or b"." in host.rpartition(b":")[2]):
        return host
    return raw


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
    route: str = ""
    status: int | None = None
    continues: str = ""
    kind: str = ""
    once: bool = False
    anywhere: bool = False

    @property
    def telling(self) -> set[bytes]:
        """What a text holds, with the same digits, that it may match by its own digits, or not."""
        taken = (part.literal or _ANY_DIGIT.sub(b"", FIELDS[part.field]) for part in self.parts)
        longest = max((part.literal for part in self.parts), key=len)
        return {longest.translate(SAME_DIGITS)} if re.search(rb"\d", b"".join(taken)) else set()

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """What it matches, by the names of its fields."""
        return re.compile(b"".join(expressions(self.parts, self.whole)), re.DOTALL)

    @cached_property
    def _address(self) -> tuple[bool, re.Pattern[bytes] | None]:
        """Whether a port always follows its address; and what is behind one that may be made up.

        A client may choose a name that holds an address, and what stands around one. Then that stands once
        more behind the address, and not all that follows it is known.
        """
        fields = [part.field for part in self.parts]
        at = next((at for at, it in enumerate(fields) if it in ("peer", "client", "client:port", "host")), 0)
        is_closed = fields[-1:] == ["end"] and "text" not in fields[at:]
        around = [re.escape(part.literal) for part in self.parts[at - 1 : at + 2 : 2]] if at else [b""]
        is_known = is_closed or {"text", "token", "email"}.isdisjoint(fields[:at]) or not around[0]
        return "peer" in fields, None if is_known else re.compile(b".*?".join(around), re.DOTALL)

    def span(self, name: str, found: re.Match[bytes], begin: int = 0) -> slice:
        """Where a field of a match that begins at a byte stands; an address without its port. Or nowhere."""
        if name not in found.re.groupindex:
            return slice(0)
        first, end = found.span(name)
        if name == "client":
            port, again = self._address
            address = b"" if again and again.search(found.string, end) else strip_port(found[name], port)
            first += found[name].find(address)
            end = first + len(address)
        return slice(begin + first, begin + end)


@lru_cache(maxsize=1 << 10)  # that of all digits, for one, is the same
def _alternation(blocks: tuple[Block, ...]) -> tuple[Any, list[Block]]:
    """What matches as one regular expression, and the blocks by the number of the last group of a match.

    What blocks in a row begin with in common is tried once. Of several that take the same, the first matches.
    """
    order: list[Block] = []
    joined = _joined([(block, tuple(expressions(block.parts, block.whole))) for block in blocks], order)
    return re.compile(GROUP.sub(rb"(?:", joined), re.DOTALL).match, order


def _joined(rows: Sequence[tuple[Block, tuple[bytes, ...]]], order: list[Block]) -> bytes:
    choices = []
    for piece, same in groupby(rows, key=lambda row: row[1][:1]):
        if piece:
            choices.append(piece[0] + _joined([(block, left[1:]) for block, left in same], order))
        else:
            order.append(next(same)[0])
            choices.append(rb"()")
    return rb"(?:" + b"|".join(choices) + rb")" if choices else rb"(?!)"


class Choice:
    """Of many blocks the first, in their order, that a text begins with.

    Those that begin with a time stand together, so that one is looked for once.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        first = next((at for at, block in enumerate(blocks) if block.parts[0].field == "time"), 0)
        every = [*blocks[:first], *sorted(blocks[first:], key=lambda it: it.parts[0].field != "time")]
        self._of_byte = cache(  # what may match by the first byte
            lambda byte: _alternation(tuple(it for it in every if byte in (begins_of(it.parts[0]) or byte)))
        )

    def match(self, text: bytes, clock: Clock | None = None) -> tuple[Block, re.Match[bytes]] | None:
        """The first block that matches, and what it takes; None also where a clock refuses its time."""
        match, blocks = self._of_byte(text[:1])
        if (found := match(text)) is None:
            return None
        block = blocks[found.lastindex - 1]
        own = block.pattern.match(text)
        is_refused = clock and "time" in own.re.groupindex and clock.read(own["time"])[1] & REFUSED
        return None if is_refused else (block, own)
