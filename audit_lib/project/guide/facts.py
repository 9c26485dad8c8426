"""What a guide states of each variable in numbers: least lengths and periods."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from audit_lib.project.discovery import words
from audit_lib.project.guide.text import Guide, Line

_UNIT = r"\s*-?\s*(?P<{0}>bytes?|bits?|char(?:acter)?s?)\b"
_LEAST = re.compile(
    r"(?i)(?:minimum|min\.?|at least|no(?:t)? (?:fewer|less|shorter) than|>=|≥)[^\d\n]{0,20}(?P<a>\d{1,4})"
    + _UNIT.format("ua")
    + r"|(?P<b>\d{1,4})\s*\+"
    + _UNIT.format("ub")
    + r"|(?P<c>\d{1,4})"
    + _UNIT.format("uc")
    + r"\s+(?:or more|or longer|minimum|at least)"
)
_KINDS = {
    "lower-case letter": r"(?i)mixed[ -]case|lower",
    "upper-case letter": r"(?i)mixed[ -]case|upper",
    "digit": r"(?i)number|digit",
    "symbol": r"(?i)symbol|special",
}
SIGNS = {
    "lower-case letter": r"[a-z]",
    "upper-case letter": r"[A-Z]",
    "digit": r"[0-9]",
    "symbol": r"[^A-Za-z0-9]",
}
_FORMAT = re.compile(r"(?i)\bformat\b|\b(?:start|begin)s? with\b")
_SCHEME = re.compile(r"\b([a-z][a-z0-9+]{1,20})://")
_PLAIN = re.compile(r"(?i)(?P<a>\d{1,4})" + _UNIT.format("ua"))
_MINIMUM = re.compile(r"(?i)\bminimum|\bat least")
_EVERY = re.compile(r"(?i)\b(?:every|each)\s+(\d{1,4})?\s*-?(day|week|month|quarter|year)s?\b")
_BARE = re.compile(r"(?i)\b(\d{1,4})\s*-?(day|week|month|year)s?\b|\b(quarter|annual|year|month|week)ly\b")
_MAKES = re.compile(r"token_(?:urlsafe|hex|bytes)\(|openssl rand")
_ROTATION = re.compile(r"(?i)rotat|renew|\bchang(?:e|ed|ing)\b|replaced?\b")
# Days of a unit, at least and at most: a calendar's months differ.
_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (90, 92), "year": (365, 366)}
_SHORTEST_RUN = {1: (28, 31), 2: (59, 62), 3: (89, 92), 6: (181, 184), 12: (365, 366)}
# What a group is called, too: it does not tell which variables are of it.
_GENERAL = words(
    "EXTERNAL INTERNAL THIRD PARTY PROVIDER SERVICE PASSWORD SECRET CREDENTIAL ROTATION ALL OTHER TYPE"
)


@dataclass(frozen=True)
class Least:
    """The least length that a line states for a variable."""

    variable: str
    line: int
    count: int
    unit: str  # bytes | characters
    kinds: tuple[str, ...] = ()  # of characters that the line demands

    @property
    def characters(self) -> int:
        """The same in characters; of bytes those that URL-safe Base64 takes for them."""
        return math.ceil(self.count * 8 / 6) if self.unit == "bytes" else self.count

    def __str__(self) -> str:
        same = f" ({self.characters} URL-safe characters)" if self.unit == "bytes" else ""
        return f"{self.count} {self.unit}{same}"


@dataclass(frozen=True)
class Period:
    """How often a line has something rotated, in days at least and at most."""

    subject: str  # a variable, the words of a table's row, or "" for every secret
    line: int
    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low} days" if self.low == self.high else f"{self.low} to {self.high} days"


def least_lengths(guide: Guide) -> Iterator[Least]:
    """The least length that each line states of each variable that it is about."""
    for line in guide.lines:
        found = _LEAST.search(line.text) or (_PLAIN.search(line.text) if _MINIMUM.search(line.lead) else None)
        if not found or _MAKES.search(line.text) or line.text.lstrip().startswith("#"):
            continue
        parts = found.groupdict()
        key = next(key for key in "abc" if parts.get(key))
        unit = parts[f"u{key}"].lower()
        count = int(parts[key]) // (8 if unit.startswith("bit") else 1)
        kinds = tuple(kind for kind, pattern in _KINDS.items() if re.search(pattern, line.text))
        for variable in line.subjects:
            yield Least(
                variable, line.number, count, "characters" if unit.startswith("char") else "bytes", kinds
            )


def periods(guide: Guide) -> Iterator[Period]:
    """The period that each line of prose states for rotating what it is about."""
    for line in guide.prose():
        column = schedule_column(line)
        if column is not None:
            days = _days(_EVERY.search(line.cells[column]) or _BARE.search(line.cells[column]))
            subjects: tuple[str, ...] = line.subjects or (line.cells[0].strip("`* "),)
        elif not line.cells and _ROTATION.search(line.text) and (found := _EVERY.search(line.text)):
            every = ("",) if re.search(r"(?i)secrets?\b", line.text) else ()
            days, subjects = _days(found), line.subjects or every
        else:
            continue
        if days:
            yield from (Period(subject, line.number, *days) for subject in subjects)


def schedule_column(line: Line) -> int | None:
    """Which cell of a table's row states a rotation period."""
    heads = enumerate(line.columns[: len(line.cells)])
    return next((at for at, name in heads if _ROTATION.search(name)), None)


def _days(found: re.Match[str] | None) -> tuple[int, int] | None:
    if not found:
        return None
    parts = [part for part in found.groups() if part]
    count = int(parts[0]) if parts[0].isdigit() else 1
    unit = parts[-1].lower().replace("annual", "year")
    if unit == "month" and count in _SHORTEST_RUN:
        return _SHORTEST_RUN[count]
    low, high = _DAYS[unit]
    return count * low, count * high


def url_schemes(guide: Guide) -> dict[str, list[tuple[int, frozenset[str]]]]:
    """Of each variable that is an address the schemes that each line on its format allows."""
    stated: dict[str, list[tuple[int, frozenset[str]]]] = {}
    for line in guide.lines:
        schemes = frozenset(_SCHEME.findall(line.text))
        if schemes and _FORMAT.search(line.text) and "example" not in line.text.lower():
            for name in line.subjects:
                stated.setdefault(name, []).append((line.number, schemes))
    return stated


def covers(group: str, variable: str) -> bool:
    """Whether a group is one that a variable is of: "Database Password", or "API Keys (Alpaca, Tradier)"."""
    bare, _, listed = group.upper().partition("(")
    parts = set(variable.split("_"))
    telling = {re.sub(r"S$", "", word) for word in re.findall(r"[A-Z]+", bare)} - set(_GENERAL)
    return bool(telling and telling <= parts) or bool(parts & set(re.findall(r"[A-Z]{3,}", listed)))
