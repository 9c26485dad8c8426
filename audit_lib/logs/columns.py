"""Logs that declare their columns, as IIS does: `#Fields: date time c-ip` says what the lines behind it hold.

Such a log begins with `#`. Its rows are read by these columns alone, so if they do not fit their header, they
are not understood. Rule: the W3C's draft of the extended log file format.
"""

from dataclasses import replace

from audit_lib.logs.choice import Block
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.refusals import PossibleFailure
from audit_lib.logs.templates import parse_template

UNDECLARED = "iis (W3C, default fields)"  # the body of rows whose columns nothing declares
MOST_CHANGES = 64  # of the columns, within a file
_DIRECTIVE = b"#Fields:"
_LONGEST = 4096  # bytes of a directive
_LOOKED_AT = _LONGEST + 1
_NEEDED = {"c-ip": "client", "cs-method": "method", "cs-uri-stem": "path", "sc-status": "status"}
_NUMBERS = ("s-port", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken")


class DeclaredColumns:
    """By which formats the lines of one file are read, as its directives come; other files keep theirs."""

    def __init__(self, formats: LogFormats) -> None:
        self._own = self._formats = formats
        self._declares: bool | None = None  # whether the file begins as such a log does
        self._directive = b""
        self._changes = 0

    def formats_of(self, raw: bytes) -> LogFormats:
        """What the next line is read by."""
        if self._declares is None:
            self._declares = raw.startswith(b"#")
        if self._declares and raw.startswith(_DIRECTIVE):
            self._take(raw)
        return self._formats

    def _take(self, raw: bytes) -> None:
        directive = raw[:_LOOKED_AT].rstrip(b"\r\n")
        if directive == self._directive or self._changes > MOST_CHANGES:
            return
        self._directive = directive
        self._changes += 1
        known = len(directive) <= _LONGEST and self._changes <= MOST_CHANGES
        self._formats = by_columns(self._own, directive[len(_DIRECTIVE) :] if known else b"")


def by_columns(formats: LogFormats, columns: bytes) -> LogFormats:
    """The formats of rows with these columns; if these make no request, those of a log without columns."""
    template = _template(columns.decode("utf-8", "replace").lower().split())
    if not template:
        bodies = tuple(block for block in formats.bodies if block.name != UNDECLARED)
        return replace(formats, bodies=bodies)
    rows, directives = (_body(each) for each in (template, "#{dotted}: {text}"))
    return replace(formats, prefixes=(), bodies=(rows, directives), messages=(), possible=PossibleFailure())


def _body(template: str) -> Block:
    return Block("declared columns", parse_template(template), whole=True)


def _template(columns: list[str]) -> str:
    """The template of a row; "" if a column that a request needs is missing, or one is named twice."""
    if not set(columns) >= set(_NEEDED) or len(set(columns)) < len(columns):
        return ""
    kinds = _NEEDED | dict.fromkeys(_NUMBERS, "digits")
    fields = [kinds.get(name, "token") for name in columns]
    if columns[:2] == ["date", "time"]:
        fields[:2] = ["time"]
    return " ".join(f"{{{name}}}" for name in fields) + "{end}"
