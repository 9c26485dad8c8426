"""What a loader makes of an env file: statements that set a variable, each with lines and value."""

import io
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

# Linux hands no longer string to a process (MAX_ARG_STRLEN): what references make longer is not known.
MAX_VALUE_CHARACTERS = 131_072


@dataclass(frozen=True)
class Statement:
    """The lines that set one variable; lines count from 1. A statement without a name was not understood.

    The value is None if it takes in a variable that the file does not set before (the environment of the
    process decides), or grows beyond what a process can hold.
    """

    first: int
    last: int
    name: str | None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reading:
    """The statements of one file in order; of a refused file the service gets no variable at all."""

    statements: tuple[Statement, ...]
    refused: bool = False


class Lines:
    """The lines of a text by offset: carriage returns, line feeds and both together end one."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *accumulate(map(len, io.StringIO(text, newline="")))]

    def at(self, offset: int) -> int:
        """The number of the line, from 1, that an offset lies in."""
        return bisect_right(self._starts, offset)
