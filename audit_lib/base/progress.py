"""How far a long work is: a function that is told what is done, how much, and of how much."""

from collections.abc import Callable
from typing import BinaryIO

from audit_lib.base.files import ByteReader

Progress = Callable[[str, int, int], None]  # what, done, of how many; 0 of what is not known


def quiet(what: str, done: int, of: int) -> None:
    """Reports no progress."""


class Watched(ByteReader):
    """A file that reports how many bytes of it were read, each time it is read from."""

    def __init__(self, file: BinaryIO, read: Callable[[int], object]) -> None:
        self._file, self._read = file, read

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were put into the buffer."""
        count = int(self._file.readinto(buffer))  # type: ignore[attr-defined]
        self._read(count)
        return count


def adding_up(progress: Progress, what: str, of: int) -> Callable[[int], None]:
    """A function that is given how much more is done, and reports how much that is in all."""
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done = min(done + count, of)  # what is read twice is not done twice
        progress(what, done, of)

    return more
