"""Reads TOML as the standard library does, within bounds: its parser takes the square of a key's parts."""

import re
import tomllib
from typing import Any

from audit_lib.base.errors import BadInput

MAX_BYTES = 1_000_000
KEY_PARTS = 16  # of a dotted key or a table's name
DEPTH = 32  # of tables and lists within each other

# Texts and comments are passed over; what is left of a key's parts is joined by its dots.
_TOKEN = re.compile(
    r"'''(?:(?!''').)*+(?:''')?|\"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*+(?:\"\"\")?"
    r"|(?P<part>'[^'\n]*+'?|\"(?:[^\"\\\n]|\\.)*+\"?|[\w-]++)"
    r"|(?P<comment>#[^\n]*+)|(?P<dot>\.)|[ \t]++|(?P<open>[\[{])|(?P<close>[\]}])|.",
    re.DOTALL,
)


def parse_toml(content: bytes, place: str) -> dict[str, Any]:
    """The tables of a TOML text; `BadInput` if it is not UTF-8, not TOML or too deep, with its line."""
    if len(content) > MAX_BYTES:
        raise BadInput.at(place, f"is larger than {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput.at(place, "is not UTF-8") from None
    if fault := _too_deep(text):
        raise BadInput.at(place, fault)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        # The parser's message may quote what it read, so only its place is passed on.
        found = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise BadInput.at(place, f"is not TOML{f' at {found[1]}' if found else ''}") from None


def _too_deep(text: str) -> str:
    """What goes beyond the bounds, with its line; "" if nothing does. A text that is not TOML may pass."""
    parts = depth = 0
    was_dot = False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "part":
            parts = parts + 1 if was_dot else 1
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        if kind is not None or not token[0].isspace():
            was_dot = kind == "dot"
        if parts > KEY_PARTS or depth > DEPTH:
            bound = f"{KEY_PARTS} parts" if parts > KEY_PARTS else f"{DEPTH} levels"
            line = text.count("\n", 0, token.start()) + 1
            return f"is not TOML of at most {bound} (line {line})"
    return ""
