"""Watches over a child process: its memory, how long it may run, and how long it may be silent."""

import os
import resource
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from time import monotonic
from typing import IO

MEMORY = 4 << 30  # bytes of address space of one child
SECONDS = 600  # that one child may run
SILENCE_SECONDS = 60  # that it may run without writing anything
MAX_OUTPUT = 256 << 20  # bytes of an answer that is held whole
_PIECE = 1 << 16
_LOOK = 1.0  # seconds between two looks


def program(name: str) -> str:
    """The absolute path of a program, looked for in the absolute folders of PATH alone; "" if there is none.

    A relative one, "." first of all, would be a folder of the project under audit.
    """
    folders = [part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(folders)) or "" if folders else ""


def bound_memory(process: "Popen[bytes]") -> None:
    """Bound the address space of a child that has just started, where the system can (Linux).

    Not between fork and exec: Python must not run there while other threads do.
    """
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
            most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))


def bounded_answer(process: "Popen[bytes]", question: bytes, seconds: int) -> tuple[bytes, str]:
    """What a child writes, up to its end, and why it was ended if it was; it has ended in any case."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    feeder = threading.Thread(target=_feed, args=(process.stdin, question), daemon=True)
    parts: list[bytes] = []
    size = 0
    with process:
        timer.start()
        feeder.start()
        while size <= MAX_OUTPUT and (piece := process.stdout.read(_PIECE)):
            parts.append(piece)
            size += len(piece)
        in_time = timer.is_alive()
        if size > MAX_OUTPUT:
            process.kill()
        process.wait()
        timer.cancel()
        feeder.join()
    if size > MAX_OUTPUT:
        return b"", f"answered with more than {MAX_OUTPUT:,} bytes"
    return b"".join(parts), "" if in_time else f"took more than {seconds} s"


def _feed(stdin: IO[bytes], question: bytes) -> None:
    """Writes from a thread of its own: a child may answer while it is still being asked."""
    with suppress(OSError, ValueError):
        stdin.write(question)
    with suppress(OSError, ValueError):
        stdin.close()


class Watchdog:
    """Ends a child that runs too long, or that is waited for too long."""

    def __init__(self, process: "Popen[bytes]") -> None:
        self._process = process
        self._begun = monotonic()
        self._waited_since: float | None = None
        self._done = threading.Event()
        self.ended = ""  # why it was ended
        threading.Thread(target=self._watch, daemon=True).start()

    def waits(self) -> None:
        """From now on something is expected of the child."""
        self._waited_since = monotonic()

    def works(self) -> None:
        """Something came: the child lives."""
        self._waited_since = None

    def rest(self) -> None:
        """The child has ended."""
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(_LOOK):
            now = monotonic()
            since = self._waited_since
            if now - self._begun > SECONDS:
                self.ended = f"took more than {SECONDS} s"
            elif since is not None and now - since > SILENCE_SECONDS:
                self.ended = f"wrote nothing for {SILENCE_SECONDS} s"
            if self.ended:
                self._process.kill()
                return
