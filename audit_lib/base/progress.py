"""How far a long work is: a function that is given what is done, how much, and of how much."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what, done, of how many; 0 if that is not known


def quiet(what: str, done: int, of: int) -> None:
    """Reports no progress."""


def adding_up(progress: Progress, what: str, of: int) -> Callable[[int], None]:
    """A function that is given how much more is done, and reports how much that is in all."""
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done = min(done + count, of)  # what is read twice is not done twice
        progress(what, done, of)

    return more
