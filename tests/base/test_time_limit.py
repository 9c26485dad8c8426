"""A command that hangs ends by itself, in one line, after it has cleaned up."""

import subprocess
import sys

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.time_limit import time_limit

HANG = """
import signal
from audit_lib.base.time_limit import time_limit
try:
    with time_limit():
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # in place of hours
        while True:
            pass
finally:
    print("cleaned up")
"""


def test_a_command_that_hangs_is_ended() -> None:
    """It ends with 2 and one line, and what is open is closed."""
    done = subprocess.run([sys.executable, "-c", HANG], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "cleaned up\n")
    assert done.stderr == "stopped after 360 minutes (AUDIT_MINUTES): what was left is not known\n"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon", "10001"])
def test_another_limit_is_bad_input(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of minutes that cannot be kept is refused at once."""
    monkeypatch.setenv("AUDIT_MINUTES", text)
    with pytest.raises(BadInput, match=r"^AUDIT_MINUTES: must be a whole number"), time_limit():
        pass
