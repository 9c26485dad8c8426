"""Ends a command that runs too long, whatever it hangs in: no cron job waits in silence for ever."""

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from audit_lib.base.errors import BadInput

LIMIT = "AUDIT_MINUTES"
_USUAL, _MOST = 360, 10_000
_GRACE_SECONDS = 60  # for temporary files and children, before the process ends without them


@contextmanager
def time_limit() -> Iterator[None]:
    """Lets the block run for AUDIT_MINUTES (360 by default), then ends the process with 2 and one line.

    A second clock needs no interpreter: it ends the process even if native code never returns.

    Raises:
        BadInput: AUDIT_MINUTES is no number of minutes.
    """
    text = os.environ.get(LIMIT, "").strip() or str(_USUAL)
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise BadInput.at(LIMIT, f"must be a whole number of minutes from 1 to {_MOST}")

    def end(signum: int, frame: FrameType | None) -> None:
        # Not through a stream: it may be in the midst of a write.
        os.write(2, f"stopped after {text} minutes ({LIMIT}): what was left is not known\n".encode())
        sys.exit(BadInput.exit_code)

    seconds = 60 * int(text)
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + _GRACE_SECONDS, exit=True, file=2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()
