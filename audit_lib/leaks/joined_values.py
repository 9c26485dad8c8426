"""Which values are another one cut short, or with signs around it: they are one secret, and one leak."""

from collections.abc import Collection, Iterator
from functools import partial

from audit_lib.secrecy.keeper import Keeper

# Characters that a copy cut short has, as the exact search finds it (docs/leak_search.md#forms).
SHORTEST = 10
_QUOTES = "\"'"
_AROUND = "\"'`()[]{}<>,;"


def joined(found: Collection[str], known: Collection[str], keeper: Keeper) -> dict[str, str]:
    """Of the values found, by fingerprint, each that is part of one of them or of the known, and of which.

    Where the part is, a search for the whole and its shortened copies finds it.
    """
    every = {*found, *known}
    bare = dict(_bare(found, every, keeper))
    left = every - set(bare)
    return bare | dict(_cut(left.intersection(found), left, keeper))


def without_quotes(fingerprint: str, keeper: Keeper) -> str | None:
    """The fingerprint of a value without the quotes around it."""
    return keeper.part(fingerprint, lambda value: value.strip(_QUOTES), keep=False)


def _bare(found: Collection[str], every: Collection[str], keeper: Keeper) -> Iterator[tuple[str, str]]:
    for one in found:
        bare = keeper.part(one, lambda value: value.strip(_AROUND), keep=False)
        if bare and bare != one and bare in every:
            yield one, bare


def _cut(found: Collection[str], every: Collection[str], keeper: Keeper) -> Iterator[tuple[str, str]]:
    lengths = sorted(length for length in {keeper.ask(one, len) for one in found} if length >= SHORTEST)
    for whole in sorted(every):
        longest = keeper.ask(whole, len)
        for length in lengths:
            part = keeper.part(whole, partial(_first, length), keep=False) if length < longest else None
            if part is not None and part in found:
                yield part, whole


def _first(length: int, value: str) -> str:
    return value[:length]
