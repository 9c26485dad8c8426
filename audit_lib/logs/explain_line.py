"""Explains how one line is read, or which format came nearest; and the shapes of lines not understood."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from audit_lib.logs import read_line as naive
from audit_lib.logs.blocks import Block
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line_events import NOT_UNDERSTOOD, Head, Line
from audit_lib.logs.read_line import bare, read_line
from audit_lib.logs.templates import Part, expression
from audit_lib.logs.units import LINE_LIMIT
from audit_lib.logs.w3c_columns import DeclaredColumns

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_compiled = lru_cache(maxsize=1 << 12)(expression)
SHOWN = 3  # shapes of a file
NUMBERED = 20  # lines of a file
LONGEST = 60  # characters of a shape
# Of an answer; no part of a time, a decimal, or what stands behind a process's name.
_REFUSED = re.compile(rb"(?<![\w.])(?<!\d,)(?<!\w\[)40[13](?![\w:]|\.\d)")
_WARNED = re.compile(
    rb"(?<![A-Za-z/])(?:WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)(?![A-Za-z])"
    rb"|\[(?i:warn|warning|error|crit|alert|emerg)\]"
    rb"|(?:level|severity|lvl)\"?[:=] ?\"?(?i:warn|err|crit|fatal)"
)
_LEVEL_WITHIN = 160  # bytes of a line
LOOKED_AT = 20_000  # lines of a file: the naive reader takes a second for so many
_LETTERS, _DIGITS = re.compile(r"[A-Za-z]+"), re.compile(r"[0-9]+")
_MIXED, _OTHER = re.compile(r"(?:a0|0a)[a0]*"), re.compile(r"[^ -~]+")


@dataclass(frozen=True)
class Explained:
    """How a line was read. `formats` are the blocks that matched, in turn; `nearest` is of one without."""

    line: Line
    formats: tuple[str, ...]
    nearest: str = ""


@dataclass(frozen=True)
class _Traced(naive.Reader):
    """The naive reader, which notes what matched and the text that was left for bodies and messages."""

    matched: list[str] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)

    def match(self, section: str, text: bytes) -> naive.Match | None:
        found = super().match(section, text)
        if found is not None:
            self.matched.append(found.block.name)
        self.left[:] = [text]
        return found


def explained(raw: bytes, formats: LogFormats, zone: ZoneInfo) -> Explained:
    """How a line is read; the state, time and events are those that every command counts."""
    line = naive.read_line(raw, formats, zone)
    if line.state == "blank" or len(raw) > LINE_LIMIT:
        return Explained(line, ())
    text = naive.bare(raw)
    traced = _Traced(formats, zone, None)
    traced.read(text, Head())
    names = (*traced.matched, *(event.message for event in line.events if event.message))
    blocks = (*formats.bodies, *formats.messages)
    if line.state == "not understood":
        blocks = (*formats.prefixes, *blocks)
    elif line.state != "text only":
        blocks = ()
    left = traced.left[0] if traced.left else text
    return Explained(line, tuple(dict.fromkeys(names)), _nearest(left, len(text) - len(left), blocks))


def instant_text(at: int) -> str:
    """An instant in microseconds since 1970, as text."""
    return f"{_EPOCH + timedelta(microseconds=at):%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"


def _nearest(text: bytes, before: int, blocks: Iterable[Block]) -> str:
    """The block that takes most of a text's beginning, where it stops, and what it expects there.

    Nothing of the text itself is shown. One step alone is no likeness.
    """
    best: tuple[int, int, str] = (0, 1, "")
    for block in blocks:
        taken, count = _taken(block.parts, text)
        if count > 1 and (taken, count) > best[:2] and count < len(block.parts):
            awaited = block.parts[count]
            shown = awaited.literal.decode("utf-8", "replace")
            what = f"{{{awaited.field}}}" if awaited.field else f"`{shown}`"
            best = taken, count, f"{block.name}: it matches to column {before + taken}, and expects {what}"
    return best[2]


def _taken(parts: tuple[Part, ...], text: bytes) -> tuple[int, int]:
    """How many bytes the longest beginning of a template takes, and how many of its parts that are."""
    taken = count = 0
    for end, part in enumerate(parts, 1):
        if part.field in ("text", "rest"):
            continue  # takes anything: only what follows it says something
        found = _compiled(parts[:end], False).match(text)
        if found is None:
            break
        taken, count = found.end(), end
    return taken, count


def shape_of(raw: bytes) -> str:
    """The shape of a line: runs of letters as `a`, of digits as `0`, of both as `a0`, of others as `?`."""
    text = bare(raw[: 4 * LONGEST]).decode("ascii", "replace")
    text = _DIGITS.sub("0", _LETTERS.sub("a", _OTHER.sub("?", text)))
    return _MIXED.sub("a0", text)[:LONGEST]


def own_words(
    lines: Iterable[bytes], formats: LogFormats, zone: ZoneInfo, *, requests: bool
) -> tuple[tuple[str, ...], int]:
    """The first shapes of lines that may tell of a refusal, and how many such lines there are at least.

    Of lines whose words no format knows such is one that holds 401 or 403; and each in a log that holds
    `requests` and a warning: whoever writes there what went wrong writes of refusals there, too. Beyond
    LOOKED_AT lines one such line is enough.
    """
    columns = DeclaredColumns(formats)
    refused, others, warned = _Shapes(), _Shapes(), False
    for number, raw in enumerate(lines, 1):
        own = columns.formats_of(raw)
        warned = warned or bool(_WARNED.search(raw, 0, _LEVEL_WITHIN))
        found = refused if _REFUSED.search(raw) else others
        # Later lines tell nothing more than that there are some.
        if number > LOOKED_AT and (found.count or (found is others and not requests)):
            continue
        if found is refused or requests:
            found.add(raw, own, zone)
    if requests and warned:
        refused.shapes |= others.shapes
        refused.count += others.count
    return tuple(refused.shapes)[:SHOWN], refused.count


@dataclass
class _Shapes:
    """The shapes of lines of text whose words no format knows, and how many lines have them."""

    shapes: dict[str, None] = field(default_factory=dict)
    count: int = 0

    def add(self, raw: bytes, formats: LogFormats, zone: ZoneInfo) -> None:
        """Adds a line, if it is one."""
        if read_line(raw, formats, zone).state != "text only" or _is_statement(raw, formats, zone):
            return
        self.count += 1
        self.shapes.setdefault(shape_of(raw))


def _is_statement(raw: bytes, formats: LogFormats, zone: ZoneInfo) -> bool:
    """Whether a body of the formats matches the words of a line."""
    traced = _Traced(formats, zone, None)
    traced.read(bare(raw), Head())
    known = {block.name for block in formats.bodies}
    return any(name in known for name in traced.matched)


def unread_lines(
    lines: Iterable[bytes], formats: LogFormats, zone: ZoneInfo
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The first shapes and numbers of lines that are not understood; none if those come too late."""
    shapes: dict[str, None] = {}
    numbers: list[int] = []
    columns = DeclaredColumns(formats)
    for number, raw in enumerate(islice(lines, LOOKED_AT), 1):
        if read_line(raw, columns.formats_of(raw), zone) == NOT_UNDERSTOOD:
            shapes.setdefault(shape_of(raw))
            numbers.append(number)
            if len(shapes) >= SHOWN and len(numbers) >= NUMBERED:
                break
    return tuple(shapes)[:SHOWN], tuple(numbers[:NUMBERED])
