"""How this process was started, as it can be typed, and which program it is."""

import os
import platform
import shlex
import shutil
import sys
from pathlib import Path

from audit_lib import __version__

PROGRAM = "audit-lib"
SCRIPT = "AUDIT_LIB_SCRIPT"  # the checkout's own script names itself: it starts the module


def command(*words: object) -> str:
    """A command of this program, to be printed on the terminal of whoever started it.

    A report says `audit-lib …` instead, since its bytes must not depend on how it was made.
    """
    return shlex.join([*_typed(), *map(str, words)])


def as_typed(text: str) -> str:
    """A report's text with its commands as `command` writes them."""
    return text.replace(f"{PROGRAM} ", f"{command()} ")


def _typed() -> list[str]:
    """What stood before the command's own arguments; `audit-lib` if another program imported this one."""
    script = Path(sys.argv[0])
    started = getattr(sys.modules.get("__main__"), "__spec__", None)
    as_module = started is not None and started.name == "audit_lib.__main__"
    if as_module:
        script = Path(os.environ.get(SCRIPT, ""))
    if script.name == PROGRAM:
        found = shutil.which(PROGRAM)
        return [PROGRAM if found and Path(found).resolve() == script.resolve() else str(script)]
    return sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1] if as_module else [PROGRAM]


def made_with() -> str:
    """`audit_lib 0.3.0, Python 3.11.2`: what an entry of the ledger says of the program."""
    return f"audit_lib {__version__}, Python {platform.python_version()}"
