"""Gives a kernel the finished audit and the values to guard, through a pipe that it inherits.

Each source is then opened once, and values given on stdin reach the guard without being stored: nothing
is on a command line, in an environment (only the pipe's number) or on a disk.
"""

import os
import pickle
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key

HANDOFF = "AUDIT_HANDOFF_FD"
_received: dict[str, Any] | None = None  # by this process


@dataclass(frozen=True)
class Handoff:
    """What a kernel is given: the parameters it answers to, what they ask for, the values to guard."""

    parameters: Mapping[str, object]
    audit: Any
    keeper: Keeper = field(repr=False)
    strong: frozenset[str] = frozenset()  # fingerprints, as guard.classify takes them
    open: frozenset[str] = frozenset()
    public: str = ""


class Channel:
    """A pipe: a kernel that is started inherits its `reader`, and what is sent later arrives there."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        self._thread: threading.Thread | None = None

    def send(self, handoff: Handoff | None) -> None:
        """Send it, or say that there is none. Returns at once; only once a channel."""
        packed = _pack(handoff) if handoff is not None else b""
        # A pipe holds 64 KiB: the thread writes as the kernel reads, and ends when the last reader is gone.
        self._thread = threading.Thread(target=_write, args=(self._writer, packed), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close both ends, whatever was sent."""
        os.close(self.reader)
        if self._thread is None:
            os.close(self._writer)
        else:
            self._thread.join(timeout=5)


@contextmanager
def channel() -> Iterator[Channel]:
    """A channel for this block."""
    opened = Channel()
    try:
        yield opened
    finally:
        opened.close()


def _pack(handoff: Handoff) -> bytes:
    return pickle.dumps(
        {
            "parameters": dict(handoff.parameters),
            "audit": handoff.audit,
            "values": dict(handoff.keeper.values()),
            "classes": (handoff.strong, handoff.open, handoff.public),
        },
        protocol=pickle.HIGHEST_PROTOCOL,
    )


def _write(writer: int, packed: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(writer, "wb") as pipe:  # the kernel ended without reading
        pipe.write(packed)


def receive(parameters: Mapping[str, object]) -> Any | None:
    """The audit handed over, if it answers to these parameters; else None.

    The values go to the guard alone. The pipe is read once: a later call finds what the first one read.
    """
    global _received  # noqa: PLW0603  the pipe can be read only once a process
    if _received is None and (number := os.environ.pop(HANDOFF, "")).isdigit():
        with os.fdopen(int(number), "rb") as pipe:
            packed = pipe.read()
        if packed:
            # Not from a stranger: the pipe was made by the process that started this one.
            _received = pickle.loads(packed)  # noqa: S301
            watcher = guard.install()
            keeper = Keeper(Key.throw_away())
            keeper._values.update(_received.pop("values"))
            watcher.watch(keeper)
            watcher.classify(*_received.pop("classes"))
    if _received is None or _received["parameters"] != dict(parameters):
        return None
    return _received["audit"]
