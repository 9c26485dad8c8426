"""Counts the packed bytes that a reader takes, so that what they grow to can be bounded."""

import io
from typing import BinaryIO


class PackedBytes(io.RawIOBase):
    """A file whose bytes are counted as they are taken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.taken = 0

    def readable(self) -> bool:
        """True: it is only read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were read into the buffer."""
        count = int(self._file.readinto(buffer) or 0)  # type: ignore[attr-defined]
        self.taken += count
        return count
