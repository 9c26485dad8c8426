"""Gives a kernel the finished audit and the values to guard, through a pipe that it inherits.

Each source is then opened once, and values given on stdin reach the guard without being stored: nothing
is on a command line, in an environment (only the pipe's number) or on a disk.
"""

import os
import pickle
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from audit_lib import guard
from audit_lib.keeper import Keeper

HANDOFF = "AUDIT_HANDOFF_FD"


@dataclass(frozen=True)
class Handoff:
    """What a kernel is given: the parameters it answers to, what they ask for, the values to guard."""

    parameters: Mapping[str, object]
    audit: Any
    keeper: Keeper = field(repr=False)
    strong: frozenset[str] = frozenset()  # fingerprints, as guard.classify takes them
    open: frozenset[str] = frozenset()
    public: str = ""


@contextmanager
def offered(handoff: Handoff | None) -> Iterator[int | None]:
    """The descriptor of the pipe's end that a kernel is to inherit; None where there is nothing to give."""
    if handoff is None:
        yield None
        return
    reader, writer = os.pipe()
    # A pipe holds 64 KiB: the thread writes as the kernel reads, and ends when the last reader is gone.
    thread = threading.Thread(target=_write, args=(writer, _pack(handoff)), daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join(timeout=5)


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
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(packed)
    except BrokenPipeError:
        return  # the kernel ended without reading


def receive(parameters: Mapping[str, object]) -> Any | None:
    """The audit handed over, if it answers to these parameters; None where there is none.

    The values go to the guard alone. The pipe is read once: a later call finds what the first one read.
    """
    global _received  # noqa: PLW0603  the pipe can be read only once a process
    if _received is None and (number := os.environ.pop(HANDOFF, "")).isdigit():
        with os.fdopen(int(number), "rb") as pipe:
            # Not from a stranger: the pipe was made by the process that started this one.
            packed = pickle.load(pipe)  # noqa: S301
        watcher = guard.install()
        watcher.know(packed.pop("values"))
        watcher.classify(*packed.pop("classes"))
        _received = packed
    if _received is None or _received["parameters"] != dict(parameters):
        return None
    return _received["audit"]


_received: dict[str, Any] | None = None
