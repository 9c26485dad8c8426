"""A command's text stream that writes without known values."""

import io
import threading
from collections.abc import Callable
from typing import TextIO

from audit_lib.secrecy.scrub import Scrubber, Tail


class GuardedStream(io.TextIOBase):
    """Text in, scrubbed text out by lines; what may begin a value is held back until more text decides."""

    def __init__(self, scrubber: Callable[[], Scrubber], target: TextIO) -> None:
        self._scrubber = scrubber
        self._target = target
        self._tail = Tail()
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding beneath."""
        return self._target.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the stream beneath writes what it cannot encode."""
        return self._target.errors

    def isatty(self) -> bool:
        """Whether a person watches."""
        return self._target.isatty()

    def fileno(self) -> int:
        """The descriptor beneath; what is written there is not guarded."""
        return self._target.fileno()

    def writable(self) -> bool:
        """True: this stream is for writing."""
        return True

    def write(self, text: str) -> int:
        """The number of characters taken, held back or not."""
        with self._lock:
            scrubber = self._scrubber()
            if scrubber.is_empty and not self._tail.pending:
                return self._target.write(text)
            self._target.write(self._tail.feed(scrubber, text))
        return len(text)

    def flush(self) -> None:
        """Pass on to the stream beneath; what may begin a value stays back."""
        if not self._target.closed:  # a stream that is thrown away flushes once more
            with self._lock:
                if self._tail.pending:
                    self._target.write(self._tail.unended(self._scrubber()))
            self._target.flush()

    def release(self) -> None:
        """Write what was held back, at the end of the process."""
        with self._lock:
            if self._tail.pending:
                self._target.write(self._tail.flush(self._scrubber()))
                self._target.flush()
