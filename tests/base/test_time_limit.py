"""A command that hangs ends by itself."""

import signal
import subprocess
import sys

HANG = """
import signal
from audit_lib import __main__
at_once = lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds / 6 / 3600 / 20)
signal.alarm, __main__.main = at_once, signal.pause
signal.signal(signal.SIGALRM, signal.SIG_IGN)
__main__.run()
"""


def test_a_command_that_hangs_is_ended() -> None:
    """After six hours by SIGALRM, even if whoever started it ignores that, and before any cleaning up."""
    done = subprocess.run([sys.executable, "-c", HANG], capture_output=True, check=False)
    assert done.returncode == -signal.SIGALRM
