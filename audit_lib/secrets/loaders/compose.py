"""Reads an env file as docker compose does for `env_file` and `.env`: shell-like quotes, `$NAME` filled in.

Source: compose-go v2, dotenv/parser.go and template/template.go, as built into docker compose 2.26;
docs.docker.com/compose/how-tos/environment-variables/variable-interpolation. One line that it does not
understand ends the command.
"""

import re

from audit_lib.secrets.loaders.docker import GO_SPACE
from audit_lib.secrets.loaders.statement import MAX_VALUE_CHARACTERS, Lines, Reading, Statement

_SPACES_IN_LINE = "\t\v\f\r \x85\xa0"
_WITHOUT_SPACES = str.maketrans("", "", _SPACES_IN_LINE)
_SPACES = re.compile(f"[{GO_SPACE}]*")
_EXPORT = re.compile(r"export[\t\n\f\r ]+")
_KEY = re.compile("[^=:\n]*")
_SIGNS = re.compile(r"[\w.\-\[\]]*")
_ESCAPE = re.compile(r'\\(?:0(\d{0,3})|([abcfnrtv$"\\]))')
# `$` is doubled for what is filled in next; Go has no \c.
_ESCAPED = dict(zip("abfnrtv$c", ("\a", "\b", "\f", "\n", "\r", "\t", "\v", "$$", "\\c"), strict=True))
_NAME = "[_a-z][_a-z0-9]*"
# A second dollar sign, $NAME, ${NAME}, also with an operator and a word, what is nested, what is refused.
_REFERENCE = re.compile(
    rf"\$(?:(?P<dollar>\$)|(?P<bare>{_NAME})"
    rf"|\{{(?:(?P<braced>{_NAME})(?:(?P<operator>:?[-+?])(?P<word>[^{{}}\n]*))?\}}|(?P<nested>{_NAME}:?[-+?])|))",
    re.IGNORECASE,
)


class _Refused(Exception):
    """Compose ends with an error here."""


def read(text: str) -> Reading:
    """The statements of a text; a name alone takes its value from the process and sets nothing here."""
    lines = Lines(text)
    found: list[Statement] = []
    held: dict[str, str | None] = {}
    at = _match(_SPACES, text, 1 if text.startswith("\ufeff") else 0)
    try:
        while at < len(text):
            if text[at] == "#":
                at = _line_end(text, at)
            else:
                first = lines.at(at)
                name, value_at = _name(text, at)
                if value_at is None:
                    at = _line_end(text, at)
                else:
                    value, at = _value(text, value_at, held)
                    held[name] = value
                    found.append(Statement(first, max(first, lines.at(max(at - 1, 0))), name, value))
            at = _match(_SPACES, text, at)
    except _Refused:
        return Reading(tuple(found), refused=True)
    return Reading(tuple(found))


def _name(text: str, at: int) -> tuple[str, int | None]:
    """The name of a statement, and where its value begins; None behind a name that stands alone."""
    export = _EXPORT.match(text, at)
    start = _skip(text, at + len("export")) if export else at
    end = _match(_KEY, text, start)
    written = text[start:end]
    if start == len(text) or not _SIGNS.fullmatch(written.translate(_WITHOUT_SPACES)):
        raise _Refused
    if end == len(text):  # What stands alone in the last line is the value of a variable without a name.
        return "", start
    name = written.rstrip(GO_SPACE)
    if " " in name:
        raise _Refused
    return name, None if text[end] == "\n" else _skip(text, end + 1)


def _value(text: str, at: int, held: dict[str, str | None]) -> tuple[str | None, int]:
    """The value that begins at an offset, and the offset behind it."""
    quote = text[at : at + 1]
    if quote not in ("'", '"') or not quote:
        end = _line_end(text, at)
        value = text[at:end].partition(" #")[0].rstrip(GO_SPACE)
        return _filled_in(value, held), end
    value, end = _quoted(text, at + 1, quote)
    return (_filled_in(_ESCAPE.sub(_unescaped, value), held) if quote == '"' else value), end


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """What stands between quotes, with the escaped ones among it, and the offset behind them."""
    plain = re.compile(rf"[^\\{quote}]+|\\[\s\S]")
    parts: list[str] = []
    while at < len(text) and text[at] != quote:
        found = plain.match(text, at)
        if not found:
            break
        parts.append(found[0][1] if found[0][0] == "\\" and found[0][1] == quote else found[0])
        at = found.end()
    if at >= len(text) or text[at] != quote:
        raise _Refused
    return "".join(parts), at + 1


def _unescaped(found: re.Match[str]) -> str:
    digits, sign = found.groups()
    if sign:
        return _ESCAPED.get(sign, sign)
    octal = re.fullmatch("[0-3][0-7]{2}", digits)
    return chr(int(digits, 8)) if octal else f"\\{digits}"


def _filled_in(value: str, held: dict[str, str | None]) -> str | None:
    """The value with its references filled in; None if one is nested, or not set before in the file."""
    parts: list[str | None] = []
    at = 0
    for found in _REFERENCE.finditer(value):
        if found.start() < at:
            continue
        if found["nested"]:
            # What is nested is not followed: the reference ends with the line's last brace, or nowhere.
            at = value.rfind("}", found.end(), _line_end(value, found.end())) + 1
            parts.append(None)
            if not at:
                raise _Refused
            continue
        parts += [value[at : found.start()], _meant(found, held)]
        at = found.end()
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or sum(map(len, known)) > MAX_VALUE_CHARACTERS:
        return None
    return "".join([*known, value[at:]])


def _meant(found: re.Match[str], held: dict[str, str | None]) -> str | None:
    if found["dollar"]:
        return "$"
    name = found["bare"] or found["braced"]
    if not name:
        raise _Refused
    other = held.get(name)
    return None if other is None else _with_default(other, found["operator"] or "", found["word"] or "")


def _with_default(value: str, operator: str, word: str) -> str:
    """What `${NAME}` with an operator stands for, of a variable that is set."""
    if operator in ("+", ":+"):
        return word if value or operator == "+" else ""
    if operator == ":?" and not value:
        raise _Refused
    return word if operator == ":-" and not value else value


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACES_IN_LINE:
        at += 1
    return at


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
