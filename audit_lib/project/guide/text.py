"""Reads a guide's Markdown into lines, and states what they say: whether it agrees, and in which lines."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from audit_lib.base.in_words import counted, few

NAME = r"(?<![\w@:/.-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w@])"
_NAMES = re.compile(NAME)
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.{1,300}?)[ \t#]*$")
_FENCE = re.compile(r"[ \t]{0,40}(?:[-*+]|\d{1,3}\.)?[ \t]{0,10}(`{3,}|~{3,})[ \t]{0,10}([\w+-]*)")
_BEGINS = re.compile(
    rf"[\s>*+#|`\"'-]{{0,40}}(?:\d{{1,3}}[.)]\s{{0,4}})?[*`\[\"'-]{{0,10}}(?:export )?({NAME})"
)
_RULE = re.compile(r"\|?[ \t]*:?-{2,}[-:| \t]*")
LONGEST = 2_000  # characters of a line: more is not prose


@dataclass(frozen=True)
class Statement:
    """What one question to the text gave. Holds names, numbers and lines, never a value or a command."""

    topic: str  # one of GUIDE_TOPICS of the contract
    subject: str
    answer: str  # yes: nothing speaks against it | no | unknown
    line: int | None = None
    reason: str = ""
    secret: str = ""  # the variable; "" if it is not about one


def agrees(
    topic: str, subject: str, line: int | None, reason: str, *, agreed: bool, secret: str = ""
) -> Statement:
    """A statement that is decided: the reason stays if it does not agree."""
    return Statement(topic, subject, "yes" if agreed else "no", line, "" if agreed else reason, secret)


def lines_in_words(lines: Iterable[int]) -> str:
    """`line 5`, `lines 5, 7`, `lines 5, 7 and 12 more`."""
    numbers = sorted(set(lines))
    return f"{counted(len(numbers), 'line').partition(' ')[2]} {few(map(str, numbers), 5)}"


@dataclass(frozen=True)
class Line:
    """One line of a guide and where it is. Holds the text; only names, numbers and places leave this room."""

    number: int
    text: str
    headings: tuple[str, ...] = ()  # from the outermost to the nearest
    block: int = 0  # the first line of its code block; 0 outside
    language: str = ""  # of that block
    columns: tuple[str, ...] = ()  # the heads of its table
    cells: tuple[str, ...] = ()
    lead: str = ""  # the line with a colon that its list follows
    comment: str = ""  # the last comment above it in its block
    entry: str = ""  # the variable that its nearest heading names

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables that the line names, each once."""
        return tuple(dict.fromkeys(_NAMES.findall(self.text)))

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """The variables that it is about: those it begins with, else its section's, else its only one."""
        if self.cells:
            return tuple(dict.fromkeys(_NAMES.findall(self.cells[0]))) or (
                (self.entry,) if self.entry else ()
            )
        first = _BEGINS.match(self.text)
        if first:
            return (first[1],)
        if self.entry:
            return (self.entry,)
        return self.names if len(self.names) == 1 else ()

    @cached_property
    def under(self) -> str:
        """All headings above the line, in lower case."""
        return " / ".join(self.headings).lower()


@dataclass(frozen=True)
class Guide:
    """A guide as it was read; `entries` has the line that presents each variable."""

    source: str
    lines: tuple[Line, ...]
    entries: dict[str, Line] = field(default_factory=dict)
    unread: tuple[int, ...] = ()  # lines that are too long to be prose

    def prose(self) -> Iterator[Line]:
        """The lines outside code blocks, without headings."""
        return (line for line in self.lines if not line.block and not _HEADING.match(line.text))

    def code(self) -> Iterator[Line]:
        """The lines within code blocks."""
        return (line for line in self.lines if line.block)

    def blocks(self) -> Iterator[list[Line]]:
        """The lines of each code block."""
        return (list(lines) for _, lines in groupby(self.code(), key=lambda line: line.block))


def read_guide(source: str, text: str) -> Guide:
    """The guide's lines; those beyond LONGEST characters are left out and counted."""
    lines = tuple(_lines(text))
    whole = tuple(line for line in lines if len(line.text) <= LONGEST)
    unread = tuple(line.number for line in lines if len(line.text) > LONGEST)
    return Guide(source, whole, _entries(whole), unread)


def heading(text: str) -> tuple[int, str] | None:
    """The level and the words of a heading; None for another line."""
    found = _HEADING.match(text)
    return (len(found[1]), found[2]) if found else None


def _lines(text: str) -> Iterator[Line]:
    above: dict[int, str] = {}
    fence = _Fence()
    columns: tuple[str, ...] = ()
    leads: list[str] = []  # lines with a colon that the next may be an item of
    comment = ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if after := fence.passed(number, line[:LONGEST]):
            fence, comment = after, ""
            continue
        found = None if fence.block else heading(line[:LONGEST])
        if found:
            above = {level: title for level, title in above.items() if level < found[0]} | {
                found[0]: found[1]
            }
            leads, columns = [], ()
        cells = () if fence.block else _cells(line)
        columns = (columns or cells) if cells else ()
        headings = tuple(title for _, title in sorted(above.items()))
        if line.strip() and not fence.block:
            leads = [lead for lead in leads if _is_below(line, lead)]
        yield Line(
            number,
            line,
            headings,
            fence.block,
            fence.language,
            columns,
            () if cells == columns or _RULE.fullmatch(line.strip()) else cells,
            leads[-1] if leads else "",
            comment,
            _entry(headings),
        )
        if fence.block:
            comment = line if line.lstrip().startswith("#") else comment
        elif line.rstrip(" *_").endswith(":"):
            leads.append(line)


@dataclass(frozen=True)
class _Fence:
    """The code block that a line is in, if any."""

    mark: str = ""
    language: str = ""
    block: int = 0

    def passed(self, number: int, line: str) -> "_Fence | None":
        """The state after a line that opens or closes a block; None for any other line."""
        found = _FENCE.match(line)
        if not found or (self.mark and (found[2] or not found[1].startswith(self.mark))):
            return None
        return _Fence() if self.mark else _Fence(found[1], found[2].lower(), number)


def _is_below(line: str, lead: str) -> bool:
    """Whether a line belongs to a line with a colon above it: indented below it, or an item of its list."""
    return len(line) - len(line.lstrip()) > len(lead) - len(lead.lstrip()) or (
        _item(line) and not _item(lead)
    )


def _item(line: str) -> bool:
    """Whether a line is an item of a list, which belongs to the line with a colon above it."""
    return bool(re.match(r"\s*(?:[-*+]|\d+[.)])\s", line))


def _cells(line: str) -> tuple[str, ...]:
    text = line.strip()
    return tuple(cell.strip() for cell in text.strip("|").split("|")) if text.startswith("|") else ()


def _entry(headings: tuple[str, ...]) -> str:
    """The one variable that the nearest heading names, or one above it."""
    for title in reversed(headings):
        names = set(_NAMES.findall(title))
        if names:
            return names.pop() if len(names) == 1 else ""
    return ""


def _entries(lines: tuple[Line, ...]) -> dict[str, Line]:
    """The variables that have a heading or a row of a table of their own, other than on rotation."""
    found: dict[str, Line] = {}
    for line in lines:
        title = None if line.block else heading(line.text)
        text = title[1] if title else line.cells[0] if line.cells and "rotat" not in line.under else ""
        if not re.sub(rf"^\d+[.)]\s*|\(.*\)|[`*:,]|{NAME}", "", text).strip():
            for name in _NAMES.findall(text):
                found.setdefault(name, line)
    return found
