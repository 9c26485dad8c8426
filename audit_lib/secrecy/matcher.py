"""Finds values in a content: in every form, and any twelve characters of strong ones, in one pass.

hyperscan looks for a short part of each form; the form itself is compared where its part is met. Measured
for 4,000 values against aho-corasick: as much memory, half again the time to build, twenty times as quick.
"""

import re
import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import hyperscan

from audit_lib.secrecy.forms import SHORTEST, WINDOW, forms
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


class _Patterns:
    """Byte strings compiled once, and searched for from any thread."""

    def __init__(self, patterns: Collection[bytes]) -> None:
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            # Escaped bytes, not literals: the literal interface ends a pattern at a zero byte.
            expressions=[("\\x" + pattern.hex("|").replace("|", "\\x")).encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=hyperscan.HS_FLAG_DOTALL,
        )
        self._threads = threading.local()

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """Pairs of a pattern's number and the position after it, for every place of each."""
        found: list[tuple[int, int]] = []

        def keep(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((number, end))

        # hyperscan does not let two scans share a scratch space.
        if not hasattr(self._threads, "scratch"):
            self._threads.scratch = hyperscan.Scratch(self._database)
        if len(data):
            self._database.scan(data, match_event_handler=keep, scratch=self._threads.scratch)
        return found


class Matcher:
    """Values by name, compiled once and searched for from any thread."""

    def __init__(
        self,
        values: Mapping[str, str],
        strong: Iterable[str] = (),
        public: str = "",
        texts: Iterable[tuple[str, str, bytes]] = (),
    ) -> None:
        """Values are searched for in every form, of the strong ones any 12 bytes that `public` lacks.

        Texts, each with a name and the word for its form, are searched for as they are.
        """
        self._values = values
        self._heads: dict[bytes, list[tuple[str, str, bytes]]] = defaultdict(list)
        self._pieces: dict[bytes, list[tuple[str, bytes, int]]] = defaultdict(list)
        self._public: dict[str, frozenset[int]] = {}  # where 12 bytes of a value are public text
        self.forms = self.runs = 0
        for name, value in values.items():
            for form, content in forms(value):
                self._heads[content[:_HEAD]].append((name, form, content[:_KEPT]))
                self.forms += 1
        for name, form, content in texts:
            self._heads[content[:_HEAD]].append((name, form, content))
            self.forms += 1
        self._take_apart([name for name in strong if name in values], public)
        self._parts = [*self._heads, *self._pieces]
        self._patterns = _Patterns(self._parts) if self._parts else None

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
        """The matcher for values that the keeper holds, by fingerprint.

        Of those in `beside` it looks only for the value behind one of these texts, such as `NAME=`.
        """
        held = dict(keeper.values())
        texts = (
            (name, BESIDE, before + held[name].encode("utf-8", "surrogatepass"))
            for name, known in beside.items()
            for before in known
        )
        return cls({name: held[name] for name in sorted(names)}, sorted(strong), public, texts)

    def _take_apart(self, strong: list[str], public: str) -> None:
        most = max(_MOST_PIECES // max(1, len(strong)), 8) * _STEP + WINDOW
        for name in strong:
            content = self._values[name].encode("utf-8", "surrogatepass")[:most]
            windows = range(len(content) - WINDOW + 1)
            prefix = _PREFIX.match(content)
            ours = prefix.end() if prefix else -SHORTEST
            said = frozenset(
                at
                for at in windows
                if at + WINDOW < ours + SHORTEST
                or content[at : at + WINDOW].decode("utf-8", "replace") in public
            )
            self._public[name] = said
            self.runs += len(windows) - len(said)
            for at in range(0, len(content) - _PIECE + 1, _STEP) if len(windows) > len(said) else ():
                self._pieces[content[at : at + _PIECE]].append((name, content, at))

    def find(self, data: bytes, most: int = MOST_HITS) -> list[Hit]:
        """The places of each value in order, of one value none within another and at most so many."""
        hits: list[Hit] = []
        counts: Counter[tuple[str, str]] = Counter()
        for number, end in self._patterns.ends(data) if self._patterns else ():
            part = self._parts[number]
            places = self._whole(data, part, end) if number < len(self._heads) else self._run(data, part, end)
            for hit in places:
                counts[hit.name, hit.form] += 1
                if counts[hit.name, hit.form] <= most:
                    hits.append(hit)
        return _apart(hits)

    def holds(self, data: bytes) -> bool:
        """Whether any value is in the content."""
        return bool(self.find(data, 1))

    def _whole(self, data: bytes, head: bytes, end: int) -> Iterable[Hit]:
        start = end - len(head)
        for name, form, content in self._heads[head]:
            if data[start : start + len(content)] == content:
                length = len(content)
                if length == _KEPT and name in self._values:
                    length = max(
                        _common(whole, data[start : start + len(whole)])
                        for _, whole in forms(self._values[name])
                        if whole[:_KEPT] == content
                    )
                yield Hit(start, start + length, name, form)

    def _run(self, data: bytes, piece: bytes, end: int) -> Iterable[Hit]:
        """What is equal around a piece, where it is long enough and not public as a whole."""
        for name, content, at in self._pieces[piece]:
            start, first, stop, last = end - _PIECE, at, end, at + _PIECE
            while first and start and data[start - 1] == content[first - 1]:
                start, first = start - 1, first - 1
            while stop < len(data) and last < len(content) and data[stop] == content[last]:
                stop, last = stop + 1, last + 1
            if any(window not in self._public[name] for window in range(first, last - WINDOW + 1)):
                yield Hit(start, stop, name, PART)

    def __len__(self) -> int:
        return self.forms

    def __repr__(self) -> str:
        return f"Matcher({self.forms} forms)"


def _common(form: bytes, data: bytes) -> int:
    """How many first bytes are equal: prefixes grow monotonously, so bisection finds it."""
    return bisect_left(range(len(data) + 1), 1, key=lambda n: form[:n] != data[:n]) - 1


def _apart(hits: list[Hit]) -> list[Hit]:
    """One hit a place of a value: whole forms first, then parts outside of them."""
    taken: dict[str, list[Hit]] = defaultdict(list)
    for hit in sorted(set(hits), key=lambda hit: (hit.form == PART, hit.start, -hit.end)):
        kept = taken[hit.name]
        after = bisect_left(kept, hit.end, key=lambda other: other.start)
        if after == 0 or kept[after - 1].end <= hit.start:
            kept.insert(after, hit)
    return sorted(hit for kept in taken.values() for hit in kept)
