"""Which lines no format understands, by number and by shape: letters as a, digits as 0, and no content."""

import re
from collections.abc import Iterable
from itertools import islice
from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line_events import NOT_UNDERSTOOD
from audit_lib.logs.read_line import bare, read_line
from audit_lib.logs.w3c_columns import DeclaredColumns

SHOWN = 3  # shapes of a file
NUMBERED = 20  # lines of a file
LONGEST = 60  # characters of a shape
LOOKED_AT = 20_000  # lines of a file: the naive reader takes a second for so many
_LETTERS, _DIGITS = re.compile(r"[A-Za-z]+"), re.compile(r"[0-9]+")
_MIXED, _OTHER = re.compile(r"(?:a0|0a)[a0]*"), re.compile(r"[^ -~]+")


def shape_of(raw: bytes) -> str:
    """The shape of a line: runs of letters as `a`, of digits as `0`, of both as `a0`, of others as `?`."""
    text = bare(raw[: 4 * LONGEST]).decode("ascii", "replace")
    text = _DIGITS.sub("0", _LETTERS.sub("a", _OTHER.sub("?", text)))
    return _MIXED.sub("a0", text)[:LONGEST]


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
