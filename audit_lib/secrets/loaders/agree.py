"""Joins what several loaders make of one file: whose variables there are, and which values they agree on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from audit_lib.secrets.loaders import READERS, Reading, Statement

_WRITTEN = re.compile(r"[^=:]*[=:]\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r"(['\"`])(.*)\1\s*(?:#.*)?", re.DOTALL)
# What an escape or a line end may become is no change of a value.
_ESCAPES = re.compile(r"\\[nrt]?|[\n\r\t]")


@dataclass(frozen=True)
class Known:
    """What is known of one variable's value: the value, the fault that speaks against it, "" if none.

    `suspects` are what the value may be if it is not known, or what is written if the loader alters it.
    """

    value: str | None = field(repr=False)
    fault: str = ""
    suspects: tuple[str, ...] = field(default=(), repr=False)


def agreed(loaders: tuple[str, ...], text: str) -> Iterator[tuple[Statement, Known]]:
    """Each statement of a text that one of the loaders makes, and what is known of its value.

    A loader that refuses the file is not the one that reads it, if another one does not. A loader that
    makes nothing of a line says nothing about its value.
    """
    readings = [READERS[name](text) for name in loaders]
    taken = [reading for reading in readings if not reading.refused]
    others = [] if taken else [READERS[name](text) for name in READERS if name not in loaders]
    by_place: dict[tuple[int, str], list[Statement]] = {}
    named = taken or [*(reading for reading in others if not reading.refused), *readings]
    for reading in named:
        for one in reading.statements:
            if one.name is not None:
                by_place.setdefault((one.first, one.name), []).append(one)
    written = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in _placed(named):
        votes = by_place[one.first, one.name] if one.name is not None else []
        own = "\n".join(written[one.first - 1 : one.last])
        yield one, _known(votes, own, refused=not taken)


def _placed(readings: list[Reading]) -> Iterator[Statement]:
    """The statements of the first reading, then of each other one what lies on lines that are still free."""
    covered: set[int] = set()
    nameless: list[Statement] = []
    for reading in readings:
        for one in reading.statements:
            lines = range(one.first, one.last + 1)
            if one.name is None:
                nameless.append(one)
            elif covered.isdisjoint(lines):
                covered.update(lines)
                yield one
    for one in nameless:
        lines = range(one.first, one.last + 1)
        if covered.isdisjoint(lines):
            covered.update(lines)
            yield one


def _known(votes: list[Statement], own: str, *, refused: bool) -> Known:
    values = list(dict.fromkeys(vote.value for vote in votes))
    as_written = _as_written(own)
    possible = tuple(value for value in (*values, as_written) if value)
    if refused:
        return Known(None, "refused", possible)
    if len(values) > 1:
        return Known(None, "loaders-disagree", possible)
    value = values[0] if values else None
    if value is None:
        return Known(None, "reference", possible)
    if "$" in as_written or _ESCAPES.sub("", value) == _ESCAPES.sub("", as_written):
        return Known(value)
    return Known(value, "altered", possible)


def _as_written(own: str) -> str:
    """The value that a reader of the line would expect: without its quotes, or a comment behind a space."""
    found = _WRITTEN.fullmatch(own)
    text = found[1].strip() if found else ""
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else re.sub(r"(?:^|\s+)#.*", "", text, flags=re.DOTALL)
