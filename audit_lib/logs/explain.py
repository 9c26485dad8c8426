"""Explains how one line is read, or which format came nearest."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LINE_LIMIT, Line, LineReader, bare
from audit_lib.logs.templates import Block, Choice, Match


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
    text = reader.left or bare(raw)
    names = (*reader.matched, *(event.message for event in line.events if event.message))
    blocks = (*formats.bodies, *formats.messages) if line.state in ("not understood", "text only") else ()
    if line.state == "not understood":
        blocks = (*formats.prefixes, *blocks)
    nearest = max((_likeness(block, text) for block in blocks), default=(0, ""))
    return Explained(line, tuple(dict.fromkeys(names)), nearest[1])


def _likeness(block: Block, text: bytes) -> tuple[int, str]:
    """How much plain text of a block stands in a text, in its order, and what is missing of it.

    Nothing of the text itself is shown.
    """
    at = size = 0
    for literal in filter(None, (part.literal for part in block.parts)):
        place = text.find(literal, at)
        if place < 0:
            missing = literal.decode("utf-8", "replace")
            return size, f"{block.name}, without `{missing}`" if size > 1 else ""
        at, size = place + len(literal), size + len(literal)
    return 0, ""
