"""Runs git's plumbing as a stream: fed from a thread of its own, read in large pieces."""

import io
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryFile
from time import sleep

from audit_lib.base.files import ByteReader
from audit_lib.base.git.child import Watchdog
from audit_lib.base.git.commands import GitFailed, git_process

PIPE = 1 << 20
_FEW = 128 << 10  # bytes
_PAUSE = 0.0002  # seconds, in which git writes some hundred thousand bytes
_LINES = 1000  # fed at a time
_SET_PIPE_SIZE = 1031  # Linux's F_SETPIPE_SZ, which fcntl names from Python 3.10 on, on Linux only


@contextmanager
def running(root: Path, args: tuple[str, ...], lines: Iterable[str] = ()) -> Iterator[io.RawIOBase]:
    """A plumbing command's output, unbuffered; `GitFailed` at the end if the answer is not complete.

    It is not if git ends with an exit code other than 0, has something to complain of, takes too long, or is
    silent for too long.
    """
    with TemporaryFile() as complaints:
        process = git_process(root, *args, stderr=complaints.fileno())
        output = process.stdout
        assert isinstance(output, io.BufferedReader)
        _widen(output)
        watchdog = Watchdog(process)
        feeder = threading.Thread(target=_feed, args=(process, lines), daemon=True)
        feeder.start()
        try:
            yield _Heard(output.raw, watchdog)
            output.close()
            if process.wait() != 0:
                raise GitFailed.at(f"git {args[0]}", watchdog.ended or f"ended with {process.returncode}")
            if os.fstat(complaints.fileno()).st_size:
                raise GitFailed.at(f"git {args[0]}", "complained of something: it is incomplete")
        finally:
            watchdog.rest()
            if process.poll() is None:
                process.kill()
                process.wait()
            output.close()
            feeder.join()


class _Heard(ByteReader):
    """A child's output; each read is a sign of its life."""

    def __init__(self, output: io.RawIOBase, watchdog: Watchdog) -> None:
        self._output, self._watchdog = output, watchdog

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        # However long the last piece was searched: from here on it is git that is waited for.
        self._watchdog.waits()
        read = self._output.readinto(buffer) or 0
        self._watchdog.works()
        return read


def read_into(stream: io.RawIOBase, into: memoryview) -> int:
    """How many bytes came; 0 at the end.

    git writes a blob in pieces of 16 kB. Who waits for each makes both processes change hands for each,
    which costs more than the search: where little has come, more is let gather.
    """
    read = stream.readinto(into) or 0
    if 0 < read < _FEW:
        sleep(_PAUSE)
    return read


def pieces(stream: io.RawIOBase) -> Iterator[bytes]:
    """All that comes, in pieces of a pipe's size at most."""
    buffer = memoryview(bytearray(PIPE))
    while read := read_into(stream, buffer):
        yield bytes(buffer[:read])


def _feed(process: "Popen[bytes]", lines: Iterable[str]) -> None:
    """Writes from a thread of its own: git answers while it is still being asked."""
    assert process.stdin is not None
    left = iter(lines)
    with suppress(OSError, ValueError):
        while some := list(islice(left, _LINES)):
            process.stdin.write("\n".join([*some, ""]).encode("ascii"))
    with suppress(OSError, ValueError):
        process.stdin.close()


def _widen(pipe: io.BufferedReader) -> None:
    """A wider pipe lets git go on while a batch is searched; where the system has none, it is only slower."""
    with suppress(ImportError, OSError):
        from fcntl import fcntl  # noqa: PLC0415  there is none on Windows

        fcntl(pipe.fileno(), _SET_PIPE_SIZE, PIPE)
