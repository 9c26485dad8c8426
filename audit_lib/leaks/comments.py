"""Whether a place in a file is in a comment of several lines or a docstring, where nothing is in force."""

import re

_SCRIPT = re.compile(r"(?i)\.py$")
_BLOCK = re.compile(rb"(?m)^[ \t]*/\*")  # within a line it may be a pattern of paths
_DOCSTRING = re.compile(rb"\s*(?:(?:DOCUMENTATION|EXAMPLES|RETURN)\s*=\s*)?[rRuU]?")
_LONGEST = 20_000  # bytes of a comment


def in_comment(content: bytes, place: int, path: str) -> bool:
    """Whether a comment or a docstring that began on a line before goes on at a place."""
    before = content[max(0, place - _LONGEST) : place]
    begun = max((found.end() for found in _BLOCK.finditer(before)), default=-1)
    if begun > before.rfind(b"*/") or before.rfind(b"<!--") > before.rfind(b"-->"):
        return True
    return bool(_SCRIPT.search(path)) and any(_opened(content, place, quote) for quote in (b'"""', b"'''"))


def _opened(content: bytes, place: int, quote: bytes) -> bool:
    """Whether a text by itself, which no variable is given, began with a quote and goes on."""
    if content.count(quote, 0, place) % 2 == 0:
        return False
    first = content.rfind(quote, 0, place)
    return _DOCSTRING.fullmatch(content, content.rfind(b"\n", 0, first) + 1, first) is not None
