"""Finds many thousand byte strings in one pass, overlapping ones too (hyperscan)."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

import hyperscan

from audit_lib.secrecy.keeper import Keeper

# hyperscan takes patterns of 16,000 characters; a byte is written as four.
_LONGEST_PATTERN = 3000


@dataclass(frozen=True, order=True)
class Hit:
    """One place where a pattern stands: data[start:end]. Its name says which pattern."""

    start: int
    end: int
    name: str


class Matcher:
    """Byte strings by name, compiled once and searched for from any thread."""

    def __init__(self, patterns: Iterable[tuple[str, bytes]]) -> None:
        names: dict[bytes, dict[str, None]] = defaultdict(dict)
        for name, form in patterns:
            if form:
                names[form][name] = None
        self._forms = sorted(names)
        self._names = [tuple(names[form]) for form in self._forms]
        self.longest = max(map(len, self._forms), default=0)
        self._database = self._compile() if self._forms else None
        self._threads = threading.local()

    def _compile(self) -> hyperscan.Database:
        # Escaped bytes, not literals: the literal interface ends a pattern at a zero byte.
        escaped = ["\\x" + form[:_LONGEST_PATTERN].hex("|").replace("|", "\\x") for form in self._forms]
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[text.encode() for text in escaped],
            ids=list(range(len(escaped))),
            elements=len(escaped),
            flags=hyperscan.HS_FLAG_DOTALL,
        )
        return database

    def find(self, data: bytes) -> list[Hit]:
        """Every place of every pattern, by start, end and name; a pattern within another is found too.

        Of a pattern of over 3,000 bytes the first 3,000 suffice; `end` says how far it goes on equal.
        """
        return sorted(set(self._hits(data)))

    def _hits(self, data: bytes) -> Iterator[Hit]:
        for number, end in self._scan(data):
            form = self._forms[number]
            start = end - min(len(form), _LONGEST_PATTERN)
            length = end - start
            if len(form) > _LONGEST_PATTERN:
                length = _common_length(form, bytes(data[start : start + len(form)]))
            for name in self._names[number]:
                yield Hit(start, start + length, name)

    def _scan(self, data: bytes) -> list[tuple[int, int]]:
        """Pairs of a form's number and the position after it."""
        if self._database is None or not len(data):
            return []
        found: list[tuple[int, int]] = []

        def keep(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((number, end))

        self._database.scan(data, match_event_handler=keep, scratch=self._scratch())
        return found

    def _scratch(self) -> hyperscan.Scratch:
        # hyperscan does not let two scans share a scratch space.
        scratch = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        return scratch

    def __len__(self) -> int:
        return len(self._forms)

    def __repr__(self) -> str:
        return f"Matcher({len(self)} patterns)"


def _common_length(form: bytes, data: bytes) -> int:
    """How many first bytes are equal: prefixes grow monotonously, so bisection finds it."""
    return bisect_left(range(len(data) + 1), 1, key=lambda n: form[:n] != data[:n]) - 1


def value_matcher(
    keeper: Keeper, wanted: Container[str], patterns: Callable[[str, str], Iterable[tuple[str, bytes]]]
) -> Matcher:
    """A matcher for what `patterns(fingerprint, value)` makes of each wanted value that the keeper holds."""
    return Matcher(
        pattern
        for fingerprint, value in keeper.values()
        if fingerprint in wanted
        for pattern in patterns(fingerprint, value)
    )
