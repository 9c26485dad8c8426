"""Explains how one line is read, or which format came nearest."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from audit_lib.logs.blocks import Block, Choice, Match
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LINE_LIMIT, Line, LineReader, bare
from audit_lib.logs.templates import Part, expression
from audit_lib.logs.times import instant_of


@dataclass(frozen=True)
class Explained:
    """How a line was read. `formats` are the blocks that matched, in turn; `nearest` is of one without."""

    line: Line
    formats: tuple[str, ...]
    nearest: str = ""


class _TracedReader(LineReader):
    """A reader that notes what matched, and the text that was left for bodies and messages."""

    def __init__(self, formats: LogFormats, zone: ZoneInfo) -> None:
        super().__init__(formats, zone)
        self.matched: list[str] = []
        self.left = b""

    def match(self, choice: Choice, text: bytes) -> Match | None:
        match = super().match(choice, text)
        if match is not None:
            self.matched.append(match.block.name)
        self.left = text
        return match


def explain_line(raw: bytes, formats: LogFormats, zone: ZoneInfo) -> Explained:
    """How a line is read; the state, time and events are those that every command counts."""
    reader = _TracedReader(formats, zone)
    line = reader.read(raw)
    if line.state == "blank" or len(raw) > LINE_LIMIT:
        return Explained(line, ())
    text = bare(raw)
    names = (*reader.matched, *(event.message for event in line.events if event.message))
    blocks = (*formats.bodies, *formats.messages) if line.state in ("not understood", "text only") else ()
    if line.state == "not understood":
        blocks = (*formats.prefixes, *blocks)
    left = reader.left or text
    return Explained(line, tuple(dict.fromkeys(names)), _nearest(left, len(text) - len(left), blocks))


def instant_text(at: int) -> str:
    """An instant in microseconds since 1970, as text."""
    return f"{instant_of(at):%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"


def _nearest(text: bytes, before: int, blocks: Iterable[Block]) -> str:
    """The block that takes most of a text's beginning, where it stops, and what it expects there.

    Nothing of the text itself is shown. One step alone is no likeness.
    """
    best: tuple[int, int, str] = (0, 1, "")
    for block in blocks:
        taken, count = _taken(block.parts, text)
        if 1 < count < len(block.parts) and (taken, count) > best[:2]:
            awaited = block.parts[count]
            literal = awaited.literal.decode("utf-8", "replace")
            what = f"{{{awaited.field}}}" if awaited.field else f"`{literal}`"
            best = taken, count, f"{block.name}: it matches to column {before + taken}, and expects {what}"
    return best[2]


def _taken(parts: tuple[Part, ...], text: bytes) -> tuple[int, int]:
    """How many bytes the longest beginning of a template takes, and how many of its parts that are."""
    taken = count = 0
    for end, part in enumerate(parts, 1):
        if part.field in ("text", "rest"):
            continue  # takes anything: only what follows it says something
        found = _compiled(parts[:end]).match(text)
        if found is None:
            break
        taken, count = found.end(), end
    return taken, count


@lru_cache(maxsize=1 << 12)
def _compiled(parts: tuple[Part, ...]) -> re.Pattern[bytes]:
    return re.compile(expression(parts, whole=False), re.DOTALL)
