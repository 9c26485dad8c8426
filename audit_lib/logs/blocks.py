"""One format or kind of message as it is matched, and which of many may match a text."""

import re
from dataclasses import dataclass
from functools import cached_property

from audit_lib.logs.templates import DATE_SIGNS, Part, expression

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
    def around_time(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]] | None:
        """What stands before the text that a time is sought behind, and from its end on; None if none is."""
        fields = [part.field for part in self.parts]
        at = max((at for at, field in enumerate(fields[:-1]) if field == "text"), default=len(fields))
        if not any(field.startswith("time") for field in fields[at:]):
            return None
        return expression(self.parts[:at], whole=False), expression(self.parts[at + 1 :], self.whole)

    @cached_property
    def begins(self) -> bytes:
        """The bytes with which all that it matches begins; empty where any may."""
        return self.literal[:1] if self.pattern else self.parts[0].begins

    @cached_property
    def dated(self) -> bool:
        """Whether all that it matches begins with a year and one of DATE_SIGNS."""
        return not self.pattern and self.parts[0].field == "time"


class ByBeginning(dict[bytes, tuple[Block, ...]]):
    """The blocks that may match a text, in their order, by how it begins; found when first asked for."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        super().__init__()
        self._blocks = blocks

    def of(self, text: bytes) -> tuple[Block, ...]:
        """By the first byte, and by the fifth where most formats would have the sign of a date."""
        return self[text[:1] + text[4:5] if text[:1].isdigit() else text[:1]]

    def __missing__(self, key: bytes) -> tuple[Block, ...]:
        first, fifth = key[:1], key[1:]
        self[key] = tuple(
            one
            for one in self._blocks
            if (not one.begins or first in one.begins) and not (one.dated and fifth not in DATE_SIGNS)
        )
        return self[key]
