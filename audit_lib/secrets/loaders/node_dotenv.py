"""Reads an env file as node's dotenv does: backticks quote, `#` ends an unquoted value, nothing is filled in.

Source: npm dotenv 18.0.10, `parse` of dist/index.cjs; its one regular expression is the same since 15.0.0.
Written as steps, since that expression takes the square of a file's length.
"""

import re

from audit_lib.secrets.loaders.statement import Lines, Reading, Statement

# What JavaScript's \s, `.`, ^ and $ (with the flag m) take for white space and for the end of a line.
_SPACE = r"[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
_END = "\n\u2028\u2029"
_SPACES = re.compile(f"{_SPACE}*")
_KEY = re.compile(rf"(?:export{_SPACE}+)?([A-Za-z0-9_.-]+)(?:{_SPACE}*=|:{_SPACE})")
_REST_OF_LINE = re.compile(f"[^{_END}]*")
_UNQUOTED = re.compile(r"[^#\n]*")
_QUOTED = re.compile(rf"(?<![^{_END}])(['\"`])([\s\S]*)\1(?![^{_END}])")
_BETWEEN = re.compile(f"^{_SPACE}+|{_SPACE}+\\Z")


def read(text: str) -> Reading:
    """The statements of a text; what is no statement is passed over, as dotenv does."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = Lines(text)
    found: list[Statement] = []
    at = _after_spaces(text, 0)
    while at < len(text):
        key = _KEY.match(text, at)
        end = at
        if key:
            written, end = _value(text, key.end())
            last = lines.at(max(end - 1, key.end() - 1))
            found.append(Statement(lines.at(key.start(0)), last, key[1], _meant(written)))
        at = _after_spaces(text, _after(_REST_OF_LINE, text, end))
    return Reading(tuple(found))


def _value(text: str, start: int) -> tuple[str, int]:
    """The text of a value with its quotes, and the offset behind it."""
    opening = _after_spaces(text, start)
    if text[opening : opening + 1] in ("'", '"', "`"):
        for closing in reversed(_closings(text, opening)):
            if _ends_statement(text, closing + 1):
                return text[opening : closing + 1], closing + 1
    end = _after(_UNQUOTED, text, start)
    return text[start:end], end


def _closings(text: str, opening: int) -> list[int]:
    """Where a quote may end: at each escaped quote up to the first that is not escaped, and there."""
    found: list[int] = []
    at = text.find(text[opening], opening + 1)
    while at >= 0:
        found.append(at)
        if text[at - 1] != "\\":
            break
        at = text.find(text[opening], at + 1)
    return found


def _ends_statement(text: str, at: int) -> bool:
    end = _after_spaces(text, at)
    return end == len(text) or text[end] == "#" or any(sign in _END for sign in text[at:end])


def _meant(written: str) -> str:
    """A value without its quotes, its escapes resolved where double quotes begin it."""
    value = _BETWEEN.sub("", written)
    meant = _QUOTED.sub(r"\2", value)
    return meant.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else meant


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _after_spaces(text: str, at: int) -> int:
    return _after(_SPACES, text, at)
