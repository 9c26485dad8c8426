"""How far a long work is: a function that is given what is done, how much, and of how much."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]  # what, done, of how many; 0 if that is not known
_BAR = "{desc:<32.32}{bar}{percentage:4.0f}%"


def quiet(what: str, done: int, of: int) -> None:
    """Reports no progress."""


@contextmanager
def progress_bar(patience: float = 1.0) -> Iterator[Progress]:
    """Shows on a terminal how far each part of a work is, from so many seconds on; nothing elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield quiet
        return
    from tqdm import tqdm  # noqa: PLC0415  most runs are watched by nobody

    with tqdm(
        file=sys.stderr, delay=patience, mininterval=patience / 10, leave=False, bar_format=_BAR
    ) as bar:

        def show(what: str, done: int, of: int) -> None:
            if what != bar.desc:
                bar.desc, bar.total, bar.n, bar.last_print_n = what, of or None, 0, 0
            bar.update(done - bar.n)

        yield show
