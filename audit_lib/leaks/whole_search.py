"""Whether a search for leaks left nothing out: only then does finding none show that there is none."""

import pandas as pd

_PLACES = ("git objects", "files")
_SOUGHT = ("values", "patterns")


def searched_whole(coverage: pd.DataFrame) -> bool:
    """Whether every object of git and every file was searched, by the LeakCoverage."""
    states = coverage.loc[coverage["part"].isin((*_PLACES, "files outside"))]
    every = states["state"].eq("searched").all() and set(_PLACES) <= set(states["part"])
    return bool(every)


def shows_no_leak(coverage: pd.DataFrame) -> bool:
    """Whether no leak found means that there is none: all was searched, and for something."""
    sought = coverage["part"].isin(_SOUGHT) & coverage["state"].eq("searched")
    return searched_whole(coverage) and bool(coverage.loc[sought, "count"].ne(0).fillna(True).any())


def is_lasting(coverage: pd.DataFrame) -> bool:
    """Whether the same search must say the same again: git answered, and nothing failed to be read."""
    failed = coverage["state"].eq("incomplete") | coverage["reason"].str.contains("cannot be", regex=False)
    return not failed.any()
