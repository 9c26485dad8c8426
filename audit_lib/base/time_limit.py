"""Ends a command that runs too long, whatever it hangs in: no cron job waits in silence for ever."""

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from audit_lib.base.errors import BadInput

_NAME, _USUAL, _MOST = "AUDIT_MINUTES", "360", 10_000
_GRACE_SECONDS = 60  # for temporary files and children, before the process ends without them


@contextmanager
def time_limit() -> Iterator[None]:
    """Lets the block run for AUDIT_MINUTES (360 by default), then ends the process with 2 and one line.

    Raises:
        BadInput: AUDIT_MINUTES is not a number of minutes.
    """
    text = os.environ.get(_NAME, "").strip() or _USUAL
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise BadInput.at(_NAME, f"must be a whole number of minutes from 1 to {_MOST}")

    def end(*_: object) -> None:
        # Not through a stream: it may be in the midst of a write.
        os.write(2, f"stopped after {text} minutes ({_NAME}): what was left is not known\n".encode())
        sys.exit(BadInput.exit_code)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60 * int(text))
    # A second clock needs no interpreter: it ends the process even if native code never returns.
    faulthandler.dump_traceback_later(60 * int(text) + _GRACE_SECONDS, exit=True, file=2)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()
