"""Finds values in a content: in every form, and any twelve characters of strong ones, in one pass.

An Aho-Corasick automaton looks for a short part of each form; the form is compared where its part is found.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from ahocorasick_rs import BytesAhoCorasick

from audit_lib.secrecy.forms import SHORTEST, WINDOW, encode, forms
from audit_lib.secrecy.keeper import Keeper

PART = "part"  # the form of a hit that is a part of a value
BESIDE = "beside its name"
MOST_HITS = 1_000  # of one value in one content that are listed
_HEAD = 32  # bytes by which a form is looked for
_KEPT = 512  # bytes of a form that are held; how far a longer one goes on is seen where it begins
_STEP = 6  # any run of 12 bytes holds one of the parts of …
_PIECE = 7  # … so many bytes that begin at a multiple of the step
_PREFIX = re.compile(rb"(?:[A-Za-z]{2,8}[0-9]{0,2}[-_])+")  # with which all keys of a provider begin
_MOST_PIECES = 50_000  # of all strong values together: of many long ones only the first bytes


@dataclass(frozen=True, order=True)
class Hit:
    """A place of a value: data[start:end]."""

    start: int
    end: int
    name: str
    form: str  # as forms.py names it, PART, or that of a text


class Matcher:
    """Values by name, compiled once and searched for from any thread."""

    def __init__(
        self,
        values: Mapping[str, str],
        strong: Iterable[str] = (),
        public: str = "",
        texts: Iterable[tuple[str, str, bytes]] = (),
    ) -> None:
        """Values are searched for in every form, of the strong ones any 12 bytes that `public` lacks; texts,
        each with a name and the word for its form, as they are."""
        self._values = values
        self._heads: dict[bytes, list[tuple[str, str, bytes]]] = defaultdict(list)
        self._pieces: dict[bytes, list[tuple[str, bytes, int]]] = defaultdict(list)
        self._public: dict[str, frozenset[int]] = {}  # where 12 bytes of a value are public text
        self.forms = self.runs = 0
        known = ((name, form, content) for name, value in values.items() for form, content in forms(value))
        for name, form, content in (*known, *texts):
            self._heads[content[:_HEAD]].append((name, form, content[:_KEPT] if name in values else content))
            self.forms += 1
        strong = [name for name in strong if name in values]
        most = max(_MOST_PIECES // max(1, len(strong)), 8) * _STEP + WINDOW
        for name in strong:
            self._take_apart(name, encode(values[name])[:most], public)
        self._parts = [*self._heads, *self._pieces]
        self._automaton = BytesAhoCorasick(self._parts)

    @classmethod
    def of(
        cls,
        keeper: Keeper,
        names: Collection[str],
        strong: Collection[str] = (),
        public: str = "",
        *,
        beside: Mapping[str, Iterable[bytes]] = MappingProxyType({}),
    ) -> "Matcher":
        """The matcher for values that the keeper holds, by fingerprint; of those in `beside` only
        behind one of these texts, such as `NAME=`."""
        held = dict(keeper.values())
        texts = [
            (name, BESIDE, text + encode(held[name])) for name, texts in beside.items() for text in texts
        ]
        return cls({name: held[name] for name in sorted(names)}, sorted(strong), public, texts)

    def _take_apart(self, name: str, content: bytes, public: str) -> None:
        windows = range(len(content) - WINDOW + 1)
        prefix = _PREFIX.match(content)
        ours = prefix.end() if prefix else -SHORTEST
        self._public[name] = frozenset(
            at
            for at in windows
            if at + WINDOW < ours + SHORTEST or content[at : at + WINDOW].decode("utf-8", "replace") in public
        )
        self.runs += len(windows) - len(self._public[name])
        if len(windows) > len(self._public[name]):
            for at in range(0, len(content) - _PIECE + 1, _STEP):
                self._pieces[content[at : at + _PIECE]].append((name, content, at))

    def may_begin(self, end: bytes) -> bool:
        """Whether a form of a value, or 12 bytes of a strong one, begin with these bytes and go on."""
        place = bisect_left(self._beginnings, end)
        # What equals these bytes sorts first; what begins with them and is longer follows at once.
        following = self._beginnings[place : place + 2]
        return any(len(form) > len(end) and form.startswith(end) for form in following)

    @cached_property
    def longest(self) -> int:
        """How many bytes the longest of them has."""
        return max(map(len, self._beginnings), default=0)

    @cached_property
    def _beginnings(self) -> list[bytes]:
        whole = {content for held in self._heads.values() for _, _, content in held}
        strong = {name for held in self._pieces.values() for name, _, _ in held}
        texts = ((name, encode(self._values[name])) for name in strong)
        runs = {
            text[at : at + WINDOW]
            for name, text in texts
            for at in range(len(text) - WINDOW + 1)
            if at not in self._public[name]
        }
        return sorted(whole | runs)

    def find(self, data: bytes, most: int = MOST_HITS) -> list[Hit]:
        """The places of each value in order, of one value none within another and at most so many."""
        hits: list[Hit] = []
        counts: Counter[tuple[str, str]] = Counter()
        listed: set[int] = set()  # parts of one form alone, of which enough places are known
        for number, start, end in self._automaton.find_matches_as_indexes(data, overlapping=True):
            if number in listed:
                continue
            part = self._parts[number]
            is_head = number < len(self._heads)
            for hit in self._whole(data, part, start) if is_head else self._run(data, part, start, end):
                counts[hit.name, hit.form] += 1
                if counts[hit.name, hit.form] <= most:
                    hits.append(hit)
                elif len((self._heads if is_head else self._pieces)[part]) == 1:
                    listed.add(number)
        return _apart(hits)

    def _whole(self, data: bytes, head: bytes, start: int) -> Iterator[Hit]:
        for name, form, content in self._heads[head]:
            if data.startswith(content, start):
                length = len(content)
                if length == _KEPT and name in self._values:
                    whole = [form for _, form in forms(self._values[name]) if form.startswith(content)]
                    length = max(_common(form, data[start : start + len(form)]) for form in whole)
                yield Hit(start, start + length, name, form)

    def _run(self, data: bytes, piece: bytes, begin: int, stop: int) -> Iterator[Hit]:
        """What is equal around a piece, if it is long enough and not public as a whole."""
        for name, content, at in self._pieces[piece]:
            start, first, end, last = begin, at, stop, at + _PIECE
            while first and start and data[start - 1] == content[first - 1]:
                start, first = start - 1, first - 1
            while end < len(data) and last < len(content) and data[end] == content[last]:
                end, last = end + 1, last + 1
            if any(window not in self._public[name] for window in range(first, last - WINDOW + 1)):
                yield Hit(start, end, name, PART)

    def __repr__(self) -> str:
        return f"Matcher({self.forms} forms)"


def _common(form: bytes, data: bytes) -> int:
    """How many first bytes are equal: prefixes grow monotonously, so bisection finds it."""
    return bisect_left(range(len(data) + 1), 1, key=lambda length: form[:length] != data[:length]) - 1


def _apart(hits: list[Hit]) -> list[Hit]:
    """One hit a place of a value: whole forms first, then parts outside of them."""
    taken: dict[str, list[Hit]] = defaultdict(list)
    for hit in sorted(set(hits), key=lambda hit: (hit.form == PART, hit.start, -hit.end)):
        kept = taken[hit.name]
        after = bisect_left(kept, hit.end, key=lambda other: other.start)
        if after == 0 or kept[after - 1].end <= hit.start:
            kept.insert(after, hit)
    return sorted(hit for kept in taken.values() for hit in kept)
