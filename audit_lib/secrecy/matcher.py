"""Finds many thousand byte strings, overlapping ones too: with hyperscan, or else with numpy."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from audit_lib.secrecy.keeper import Keeper

try:
    from audit_lib.secrecy.hyperscan_scan import HyperscanGate as Gate
    from audit_lib.secrecy.hyperscan_scan import HyperscanScan as Scan
except ImportError:  # a machine that hyperscan has no wheel for
    from audit_lib.secrecy.numpy_scan import NumpyScan as Scan  # type: ignore[assignment]
    from audit_lib.secrecy.numpy_scan import PlainGate as Gate  # type: ignore[assignment]

__all__ = ["Gate", "Hit", "Matcher", "Scan", "value_matcher"]


@dataclass(frozen=True, order=True)
class Hit:
    """One occurrence of a pattern: data[start:end]. Its name says which pattern."""

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
        self._scan = Scan([form[: Scan.longest] for form in self._forms]) if self._forms else None

    def find(self, data: bytes) -> list[Hit]:
        """Every place of every pattern, by start, end and name; a pattern within another is found too.

        Of a pattern longer than `Scan.longest` its beginning suffices; `end` says how far it goes on equal.
        """
        return sorted(set(self._hits(data)))

    def _hits(self, data: bytes) -> Iterator[Hit]:
        for number, end in self._scan.ends(data) if self._scan else ():
            form = self._forms[number]
            start = end - min(len(form), Scan.longest)
            length = end - start
            if len(form) > Scan.longest:
                length = _common_length(form, bytes(data[start : start + len(form)]))
            for name in self._names[number]:
                yield Hit(start, start + length, name)

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
