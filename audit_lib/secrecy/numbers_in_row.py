"""Expressions for bytes that are spelled as numbers: for any text, and quicker ones for given values."""

import re
from collections.abc import Iterable
from itertools import combinations

_HEX = rb"[2-7][0-9A-Fa-f]"
_HEX_BETWEEN = rb"[^0-9A-Fa-f]+(?:0[xX]|00)?"
_DECIMAL = rb"(?:0?3[2-9]|0?[4-9][0-9]|1[0-7][0-9]|0[4-7][0-7])"
_DECIMAL_BETWEEN = rb"[^0-9]+"
_EIGHT, _SIX = 7, 5  # numbers, after the first
_TEXT = range(32, 127)
_FIRST_OF_SIX = re.compile(rb"[ -~](?=[ -~]{%d})" % _SIX)
# To look for numbers that begin with a certain digit takes half the time: they are rare among all numbers.
# Each kind with the bytes that it spells, the rarest first.
_HEX_KINDS = [
    (b"[%s][0-9A-Fa-f]" % "".join(digits).encode(), frozenset(b for b in _TEXT if f"{b:x}"[0] in digits))
    for count in range(1, 7)
    for digits in combinations("765432", count)
]
_DECIMAL_KINDS = [
    (rb"1[0-7][0-9]", frozenset(range(100, 127))),  # from d to ~; octal, too
    (rb"(?:1[0-7]|8)[0-9]", frozenset((*range(80, 90), *range(100, 127)))),  # and from P to Y
    (_DECIMAL, frozenset(_TEXT)),
]


def any_text() -> tuple[bytes, bytes]:
    """Eight printable bytes after each other: in hexadecimal, and in decimal or octal."""
    return _hexadecimal(_HEX, _EIGHT), _decimal(_DECIMAL, _EIGHT)


def any_of(values: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Six bytes that a content has in it if it spells one of the values, each byte as a number."""
    firsts = [frozenset(b"".join(_FIRST_OF_SIX.findall(value))) for value in values]
    return _hexadecimal(_rarest(_HEX_KINDS, firsts), _SIX), _decimal(_rarest(_DECIMAL_KINDS, firsts), _SIX)


def _rarest(kinds: list[tuple[bytes, frozenset[int]]], firsts: list[frozenset[int]]) -> bytes:
    """The first kind that spells a byte of each value; if none does, the kind that spells any."""
    return next((kind for kind, spelled in kinds if all(spelled & some for some in firsts)), kinds[-1][0])


def _hexadecimal(first: bytes, more: int) -> bytes:
    return rb"%s(?:%s%s){%d}" % (first, _HEX_BETWEEN, _HEX, more)


def _decimal(first: bytes, more: int) -> bytes:
    return rb"%s(?:%s%s){%d}" % (first, _DECIMAL_BETWEEN, _DECIMAL, more)
