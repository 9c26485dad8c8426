"""Estimates from above how hard a value is to guess: length times the characters' range, less its patterns.

Shannon's entropy of the characters is useless on strings this short (docs/rules.md#rule-38).
"""

import math
import re
from itertools import pairwise

_RANGES = ((r"[a-z]", 26), (r"[A-Z]", 26), (r"[0-9]", 10), (r"[^\x00-\x7f]", 100))
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_STEPS = [dict(pairwise(row)) for forward in _ROWS for row in (forward, forward[::-1])]
_SHORTEST_RUN = 4
_ANY_RUN = re.compile(
    "|".join(
        row[start : start + _SHORTEST_RUN]
        for forward in _ROWS
        for row in (forward, forward[::-1])
        for start in range(len(row) - _SHORTEST_RUN + 1)
    )
)
# Words that people put into values; each is worth about as much as two characters.
_WORDS = re.compile(
    "password|passwd|passphrase|secret|admin|administrator|welcome|letmein|qwerty|token|login|changeme"
    "|master|dragon|monkey|default|example|sample|postgres|redis|mysql|production|staging|development"
    "|localhost|server|database|backend|frontend|public|private|please|super|summer|winter|spring|autumn"
)
_DATE = re.compile(r"(19|20)\d\d[-/._]?(0[1-9]|1[0-2])[-/._]?(0[1-9]|[12]\d|3[01])")
_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_UNIT = re.compile(r"(.{1,64}?)\1+.{0,63}", re.DOTALL)


def strength_bits(value: str) -> float:
    """At most so many bits, rounded down; 0.0 for an empty value."""
    if not value:
        return 0.0
    return float(math.floor(len(_without_patterns(value)) * math.log2(max(range_of(value), 2))))


def range_of(value: str) -> int:
    """How many characters each place of the value may be chosen from."""
    distinct = len(set(value))
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", value):
        size = 10 if value.isdigit() else 16
    else:
        size = sum(size for pattern, size in _RANGES if re.search(pattern, value))
        symbols = set(re.sub(r"[A-Za-z0-9]|[^\x00-\x7f]", "", value))
        size += 0 if not symbols else 2 if symbols <= set("-_") else 33
    # A long value of few characters was not drawn from a large set.
    return min(size, distinct) if distinct * 4 <= len(value) else size


def _without_patterns(value: str) -> str:
    """The value with each pattern replaced by the two characters or so that describe it."""
    unit = _UNIT.fullmatch(value)
    if unit and value == (unit[1] * len(value))[: len(value)]:
        value = unit[1] + "2"
    text = _DATE.sub("02", _WORDS.sub("aa", value.lower()))
    text = _REPEATED.sub(r"\1\1", text)
    for step in _STEPS if _ANY_RUN.search(text) else ():
        text = _without_runs(text, step)
    return text


def _without_runs(text: str, step: dict[str, str]) -> str:
    """Each run along one row of the alphabet or the keyboard is its first and last character."""
    kept: list[str] = []
    run = 1
    for index, sign in enumerate(text):
        run = run + 1 if index and step.get(text[index - 1]) == sign else 1
        if run >= _SHORTEST_RUN:
            # The characters between the ends go; a longer run only moves its end.
            del kept[-(2 if run == _SHORTEST_RUN else 1) :]
        kept.append(sign)
    return "".join(kept)
