"""Globs over whole texts, letter case aside; `*` is the only wildcard, and many of them cost no more."""

from collections.abc import Iterable
from functools import lru_cache


def matches_glob(text: str, globs: Iterable[str]) -> bool:
    """Whether a text is one of the globs; `***` alone is a value that someone blotted out, not any text."""
    folded = text.lower()
    return any(_matches(folded, parts) for parts in _parts(tuple(globs)))


@lru_cache(maxsize=64)  # the same few lists are asked for each value
def _parts(globs: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Of each glob what is between its stars."""
    return tuple(
        (glob,) if "*" not in glob or set(glob) == {"*"} else tuple(glob.split("*"))
        for glob in (glob.lower() for glob in globs)
    )


def _matches(text: str, parts: tuple[str, ...]) -> bool:
    """Each part between two stars is taken where it comes first: no other choice can succeed instead."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in filter(None, middle):
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
