"""A real terminal of so many columns: what a person who sits there is shown."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

STYLE = re.compile(r"\x1b\[[0-9;]*m")
CURSOR = re.compile(r"\x1b\[\?25[hl]")


def on_terminal(write: Callable[[], object], columns: int, *, out: bool = True) -> str:
    """What reaches a pseudo-terminal of so many columns from both streams, or without `out` from stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with ThreadPoolExecutor(1) as threads:
        shown = threads.submit(_all_of, ours)
        with open(theirs, "w", encoding="utf-8") as stream, patch.object(sys, "stderr", stream):  # noqa: PTH123
            if out:
                with patch.object(sys, "stdout", stream):
                    write()
            else:
                write()
            stream.flush()
        return shown.result()


def _all_of(terminal: int) -> str:
    said = b""
    try:
        while data := os.read(terminal, 1 << 16):
            said += data
    except OSError:  # Linux, if nobody writes any more
        pass
    os.close(terminal)
    return said.decode("utf-8")


def plain_lines(said: str) -> list[str]:
    """The lines without style; each state of a progress bar is one."""
    return re.split(r"[\r\n]+", CURSOR.sub("", STYLE.sub("", said)))
