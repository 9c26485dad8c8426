"""As hyperscan_scan, without hyperscan: numpy sifts the places where a form may begin, bytes decide."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_HEAD = 4  # bytes: a place is looked at only if these many may begin a form
_BITS = 20  # of the sieve: with ten thousand forms one place in a hundred passes by chance
_MIX = np.uint32(0x9E3779B1)
_AT_ONCE = 1 << 20  # bytes sifted at a time, which bounds the memory


class PlainGate:
    """As HyperscanGate, by Python's own expressions: of matches that overlap the first is found."""

    def __init__(self, expressions: Sequence[bytes]) -> None:
        self._expressions = [re.compile(one, re.DOTALL) for one in expressions]

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """As that of HyperscanGate."""
        return [(n, found.end()) for n, one in enumerate(self._expressions) for found in one.finditer(data)]


class NumpyScan:
    """Byte strings searched for from any thread, some twenty times slower than by hyperscan."""

    longest = 3000  # as that of HyperscanScan, so that both find the same

    def __init__(self, forms: Sequence[bytes]) -> None:
        """As that of HyperscanScan."""
        self._forms = forms
        self._by_head: dict[bytes, list[int]] = defaultdict(list)
        self._short: list[int] = []
        for number, form in enumerate(forms):
            (self._by_head[form[:_HEAD]] if len(form) >= _HEAD else self._short).append(number)
        self._sieve = np.zeros(1 << _BITS, np.bool_)
        self._sieve[_mixed(np.frombuffer(b"".join(self._by_head), np.dtype("<u4")))] = True

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """As that of HyperscanScan."""
        content = bytes(data)
        return [*self._long_ends(content), *self._short_ends(content)]

    def _long_ends(self, data: bytes) -> Iterator[tuple[int, int]]:
        for at in self._worth_a_look(data):
            for number in self._by_head.get(data[at : at + _HEAD], ()):
                if data.startswith(self._forms[number], at):
                    yield number, at + len(self._forms[number])

    def _short_ends(self, data: bytes) -> Iterator[tuple[int, int]]:
        for number in self._short:
            at = data.find(self._forms[number])
            while at >= 0:
                yield number, at + len(self._forms[number])
                at = data.find(self._forms[number], at + 1)

    def _worth_a_look(self, data: bytes) -> Iterator[int]:
        for start in range(0, len(data), _AT_ONCE):
            here = np.frombuffer(data[start : start + _AT_ONCE + _HEAD - 1], np.uint8).astype(np.uint32)
            if len(here) >= _HEAD:
                heads = here[: 1 - _HEAD].copy()
                for number in range(1, _HEAD):
                    heads |= here[number : len(heads) + number] << np.uint32(8 * number)
                yield from (start + np.flatnonzero(self._sieve[_mixed(heads)])).tolist()


def _mixed(heads: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Where in the sieve four bytes stand."""
    return heads * _MIX >> np.uint32(32 - _BITS)
