"""Finds many thousand byte strings, overlapping ones too: with hyperscan, or else with numpy."""

import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from audit_lib.secrecy.keeper import Keeper

try:
    from audit_lib.secrecy.hyperscan_scan import HyperscanGate as Gate
    from audit_lib.secrecy.sparing_scan import SparingScan as Scan
except ImportError:  # a machine that hyperscan has no wheel for
    from audit_lib.secrecy.numpy_scan import NumpyScan as Scan, PlainGate as Gate  # type: ignore[assignment]

__all__ = ["Gate", "Hit", "Matcher", "Scan", "value_matcher"]


@dataclass(frozen=True, order=True)
class Hit:
    """One occurrence of a pattern: data[start:end]. Its name says which pattern."""

    start: int
    end: int
    name: str


# A scanner that is compiled for whole forms takes minutes and gigabytes where values are long and many: it
# looks for a part of each, and the form itself is compared where its part is met.
_HEAD = 32  # bytes by which a form is looked for
_MANY = 100_000  # forms; of so many, most are overlapping parts of values, which share …
_SHARED = 7  # … a run of so many bytes, the least among those at …
_STARTS = 6  # … so many positions: any 12 bytes have these
_Group = dict[tuple[int, int], dict[bytes, list[bytes]]]


class Matcher:
    """Byte strings by name, compiled once and searched for from any thread."""

    def __init__(self, patterns: Iterable[tuple[str, bytes]]) -> None:
        names: dict[bytes, dict[str, None]] = defaultdict(dict)
        for name, form in patterns:
            if form:
                names[form][name] = None
        self._names = {form: tuple(names[form]) for form in sorted(names)}
        self.longest = max(map(len, self._names), default=0)
        # By its part, and by offset and length there: the beginnings that decide, and the forms.
        self._by_part: dict[bytes, _Group] = {}
        part_of = _least_run if len(self._names) > _MANY else _head
        for form in self._names:
            offset, part = part_of(form)
            place = offset, min(len(form), Scan.longest)
            group = self._by_part.setdefault(part, {})
            group.setdefault(place, {}).setdefault(form[: Scan.longest], []).append(form)
        self._parts = list(self._by_part)
        self._scan = Scan(self._parts) if self._parts else None

    def find(self, data: bytes, most: int = sys.maxsize) -> list[Hit]:
        """Every place of every pattern, by start, end and name; a pattern within another is found too.

        `most` bounds the places of one pattern: a content may be made of nothing else.

        Of a pattern longer than `Scan.longest` its beginning suffices; `end` says how far it goes on equal.
        """
        return sorted(set(self.hits(data, most)))

    def hits(self, data: bytes, most: int = sys.maxsize) -> Iterator[Hit]:
        """As `find`, in no order and some twice, but not held all at once."""
        counts: Counter[bytes] = Counter()
        for number, part_end in self._scan.ends(data) if self._scan else ():
            part = self._parts[number]
            for (offset, length), forms in self._by_part[part].items():
                start = part_end - len(part) - offset
                if start < 0:
                    continue
                for form in forms.get(bytes(data[start : start + length]), ()):
                    counts[form] += 1
                    if counts[form] > most:
                        continue
                    end = start + length
                    if len(form) > length:
                        end = start + _common_length(form, bytes(data[start : start + len(form)]))
                    for name in self._names[form]:
                        yield Hit(start, end, name)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Matcher({len(self)} patterns)"


def _head(form: bytes) -> tuple[int, bytes]:
    """The offset and bytes of a form's beginning."""
    return 0, form[:_HEAD]


def _least_run(form: bytes) -> tuple[int, bytes]:
    """The offset and bytes of the least of a form's first runs; of a form that is too short, itself."""
    if len(form) < _SHARED + _STARTS - 1:
        return 0, form
    part, offset = min((form[start : start + _SHARED], start) for start in range(_STARTS))
    return offset, part


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
