"""Joins the lines into which a writer wrapped base64, and finds a place again in the text as it was."""

import re
from bisect import bisect_right

# What stands between two lines of wrapped base64: in a file, a comment, a quoted mail, a JSON list of lines.
# The number of signs is bounded, so that a file of blanks costs no more than any other.
_LINE_BREAK = re.compile(rb"""[ \t"',]{0,8}(?:\\r)?(?:\r?\n|\\n)[ \t>#*"'|,]{0,64}""")


def join_lines(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The content without its line breaks; pairs of a position in it and how much was left out before it."""
    parts, breaks = [], []
    end = left_out = 0
    for found in _LINE_BREAK.finditer(data):
        parts.append(data[end : found.start()])
        left_out += found.end() - found.start()
        end = found.end()
        breaks.append((end - left_out, left_out))
    parts.append(data[end:])
    return b"".join(parts), breaks


def before_joining(position: int, breaks: list[tuple[int, int]]) -> int:
    """A position in the joined content as it was before."""
    index = bisect_right(breaks, position, key=lambda pair: pair[0])
    return position + (breaks[index - 1][1] if index else 0)
