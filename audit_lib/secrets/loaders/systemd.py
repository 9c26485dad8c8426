"""Reads an env file as systemd's `EnvironmentFile=` does: shell quotes, nothing filled in.

Source: systemd 257, src/basic/env-file.c (parse_env_file_internal) and env-util.c (what a variable may be);
systemd.exec(5), EnvironmentFile=.
"""

import re

from audit_lib.secrets.loaders.statement import Lines, Reading, Statement

_BLANK = " \t\n\r"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMENT = re.compile(r"[^\n\r]*")
_KEY = re.compile(r"[^=\n\r]*")
_PLAIN = re.compile(r"[^\\\n\r]+")
_DOUBLE = re.compile(r'[^"\\]+')


def read(text: str) -> Reading:
    """The statements of a text; a name that systemd leaves out makes a statement without one."""
    lines = Lines(text)
    found: list[Statement] = []
    at = 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text[at] in "#;":
            at = _match(_COMMENT, text, at) + 1
        else:
            start, end = at, _match(_KEY, text, at + 1)
            if text[end : end + 1] != "=":
                at = end + 1
                continue
            value, at = _value(text, end + 1)
            name = text[start:end].rstrip(_BLANK)
            valid = bool(_NAME.fullmatch(name))
            last = lines.at(max(at - 1, end))
            found.append(Statement(lines.at(start), last, name if valid else None, value if valid else None))
    return Reading(tuple(found))


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at an offset, and the offset of the line end behind it."""
    parts: list[str] = []
    while at < len(text) and text[at] not in "\n\r":
        sign = text[at]
        if sign == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            parts.append(text[at + 1 : end])
            at = end + 1
        elif sign == '"':
            inner, at = _double_quoted(text, at + 1)
            parts.append(inner)
        elif sign in _BLANK:
            at += 1
        else:  # From here on quotes mean nothing.
            plain, at = _unquoted(text, at)
            parts.append(plain)
            break
    return "".join(parts), min(at, len(text))


def _double_quoted(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(text) and text[at] != '"':
        if text[at] != "\\":
            end = _match(_DOUBLE, text, at)
            parts.append(text[at:end])
            at = end
            continue
        sign = text[at + 1 : at + 2]
        if sign and sign != "\n":
            parts.append(sign if sign in '"\\`$' else f"\\{sign}")
        at += 2
    return "".join(parts), at + 1


def _unquoted(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    length = kept = 0  # kept: what an escape protects from being stripped
    while at < len(text) and text[at] not in "\n\r":
        if text[at] != "\\":
            end = _match(_PLAIN, text, at)
            parts.append(text[at:end])
            length += end - at
            at = end
            continue
        sign = text[at + 1 : at + 2]
        if sign not in ("\n", "\r"):
            parts.append(sign)
            length += len(sign)
        kept = length
        at += 2
    value = "".join(parts)
    return value[:kept] + value[kept:].rstrip(_BLANK), at


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
