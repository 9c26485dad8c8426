"""One format or kind of message as it is matched, and which of many may match a text."""

import re
from dataclasses import dataclass
from functools import cached_property

from audit_lib.logs.templates import Part, expression

_ADDRESSES = frozenset(("peer", "client", "client:port", "host"))
_CHOSEN = frozenset(("text", "token", "email"))  # fields that take names as their owners choose them


@dataclass(frozen=True)
class Block:
    """One format or message kind, by its steps, or by a regular expression (`pattern`)."""

    name: str
    parts: tuple[Part, ...]
    pattern: bytes
    whole: bool  # a match ends at the end of the line
    literal: bytes  # the text that a regular expression always begins with
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    record: bool = False
    outer: bool = False
    method: str = ""
    status: int | None = None
    continues: str = ""
    kind: str = ""
    once: bool = False
    leak: bool = False
    anywhere: bool = False

    @cached_property
    def expression(self) -> re.Pattern[bytes]:
        """What the naive reader matches, compiled when it is needed: the fast reader needs few."""
        return re.compile(self.pattern, re.DOTALL) if self.pattern else expression(self.parts, self.whole)

    @cached_property
    def around_client(self) -> tuple[bytes, bytes]:
        """What stands before an address and behind it, if a name that its client chose may hold both.

        Empty where no such name stands before the address, or all that follows it is told.
        """
        fields = [part.field for part in self.parts]
        at = next((at for at, field in enumerate(fields) if field in _ADDRESSES), 0)
        is_closed = fields[-1:] == ["end"] and "text" not in fields[at:]
        if is_closed or _CHOSEN.isdisjoint(fields[:at]):
            return b"", b""
        behind = self.parts[at + 1].literal if at + 1 < len(fields) else b""
        return self.parts[at - 1].literal, behind

    @cached_property
    def begins(self) -> bytes:
        """The bytes with which all that it matches begins; empty where any may."""
        return self.literal[:1] if self.pattern else self.parts[0].begins


class ByFirstByte(dict[bytes, tuple[Block, ...]]):
    """The blocks that may match a text, in their order, by its first byte; found when first asked for."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        super().__init__()
        self._blocks = blocks

    def __missing__(self, byte: bytes) -> tuple[Block, ...]:
        self[byte] = tuple(one for one in self._blocks if not one.begins or byte in one.begins)
        return self[byte]
