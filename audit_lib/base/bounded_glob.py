"""Globs over whole texts, letter case aside; `*` is the only wildcard, and many of them cost no more."""

from collections.abc import Iterable


def matches_glob(text: str, globs: Iterable[str]) -> bool:
    """Whether a text is one of the globs; `***` alone is a value that someone blotted out, not any text."""
    folded = text.lower()
    return any(_matches(folded, glob.lower()) for glob in globs)


def _matches(text: str, glob: str) -> bool:
    """Each part between two stars is taken where it comes first: no other choice can succeed instead."""
    if "*" not in glob or set(glob) == {"*"}:
        return text == glob
    first, *middle, last = glob.split("*")
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in filter(None, middle):
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
