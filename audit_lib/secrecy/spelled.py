"""Finds values that are spelled out, byte by byte or letter by letter: `6d_55`, `[109, 85]`, `m-U-d`."""

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from audit_lib.secrecy.forms import SHORTEST, WINDOW
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Gate, Hit, Matcher
from audit_lib.secrecy.numbers_in_row import any_of, any_text

# Signs between two bytes: at most as many as an indented list has. The expressions set no limit: they are
# three times faster without.
_WIDEST = 24
_PREFIX = re.compile(rb"0[xX]|(?:\\u|U\+)00(?=[0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class _Way:
    """One way of spelling: its signs, and what a value is when nothing stands between them."""

    sign: re.Pattern[bytes]
    spell: Callable[[str], Iterator[str]]
    has_prefixes: bool = False

    def part(self, data: bytes) -> bytes:
        """The content, as long as it was, without what only looks like signs."""
        return _PREFIX.sub(lambda found: b" " * len(found[0]), data).lower() if self.has_prefixes else data

    @cached_property
    def others(self) -> bytes:
        """Every byte that is not a sign."""
        return bytes(byte for byte in range(256) if not self.sign.match(bytes([byte])))


def _hexadecimal(value: str) -> Iterator[str]:
    for codec in ("utf-8", "utf-16-le", "utf-16-be"):
        yield value.encode(codec, "surrogatepass").hex()


def _decimal(value: str) -> Iterator[str]:
    plain = value.encode("utf-8", "surrogatepass")
    for layout in ("d", "03d", "03o"):
        yield "".join(format(byte, layout) for byte in plain)


def _letters(value: str) -> Iterator[str]:
    letters = re.sub(r"[^A-Za-z0-9]", "", value)
    if len(letters) >= WINDOW:
        yield letters


_NUMBERS = (
    _Way(re.compile(rb"[0-9a-f]"), _hexadecimal, has_prefixes=True),
    _Way(re.compile(rb"[0-9]"), _decimal),
)
_LETTERS = _Way(re.compile(rb"[A-Za-z0-9]"), _letters)


class SpelledSearch:
    """Values by name, ready to be searched for as they are spelled."""

    def __init__(self, values: Iterable[tuple[str, str]], letters: Iterable[tuple[str, str]] = ()) -> None:
        """`values` byte by byte, `letters` letter by letter: only strong ones, since any text has letters."""
        known = [(name, value) for name, value in values if len(value) >= SHORTEST]
        self._numbers = [_matcher(way, known) for way in _NUMBERS]
        self._letters = _matcher(_LETTERS, letters)
        plain = [value.encode("utf-8", "surrogatepass") for _, value in known]
        self.reach = max(map(len, plain), default=0) * (_WIDEST + 4)  # bytes that a value may be spread over
        self._sought = any_of(plain)

    def __len__(self) -> int:
        return sum(map(len, (*self._numbers, self._letters)))

    def find(self, data: bytes) -> list[Hit]:
        """Every place of every value, from its first sign to its last."""
        found = set(_in(_LETTERS, self._letters, data, 0)) if self._letters else set()
        for number, start, end in self._parts(data) if self.reach else ():
            found.update(_in(_NUMBERS[number], self._numbers[number], data[start:end], start))
        return sorted(found)

    def sift(self, data: bytes) -> list[Hit]:
        """As `find` for content that mostly spells nothing: quick, for values that are wholly spelled."""
        return self.find(data) if self._letters or (self.reach and self._sieve.ends(data)) else []

    @cached_property
    def _sieve(self) -> Gate:
        return Gate(self._sought)

    def _parts(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """The parts of a content that spell bytes: number of the way, start, end."""
        merged: dict[int, list[list[int]]] = {}
        for number, end in sorted(_gate().ends(data)):
            parts = merged.setdefault(number, [])
            start, stop = max(0, end - self.reach), min(len(data), end + self.reach)
            if parts and start <= parts[-1][1]:
                parts[-1][1] = stop
            else:
                parts.append([start, stop])
        return ((number, start, stop) for number, parts in merged.items() for start, stop in parts)


def _matcher(way: _Way, values: Iterable[tuple[str, str]]) -> Matcher:
    return Matcher((name, text.encode()) for name, value in values for text in way.spell(value))


def _in(way: _Way, matcher: Matcher, data: bytes, offset: int) -> Iterator[Hit]:
    part = way.part(bytes(data))
    if hits := matcher.find(part.translate(None, way.others)):
        places = [offset + found.start() for found in way.sign.finditer(part)]
        yield from (Hit(places[hit.start], places[hit.end - 1] + 1, hit.name) for hit in hits)


def spelled_search(keeper: Keeper, wanted: Container[str], form: str) -> SpelledSearch:
    """The search for each wanted value that the keeper holds, under the name `FINGERPRINT form`."""
    return SpelledSearch((f"{one} {form}", value) for one, value in keeper.values() if one in wanted)


@cache
def _gate() -> Gate:
    return Gate(any_text())
