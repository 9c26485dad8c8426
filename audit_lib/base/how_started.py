"""Commands as they can be typed: the way this process was started, with every word quoted for a shell."""

import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "audit-lib"


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
    if script.name == PROGRAM:
        found = shutil.which(PROGRAM)
        return [PROGRAM if found and Path(found).resolve() == script.resolve() else str(script)]
    started = getattr(sys.modules.get("__main__"), "__spec__", None)
    if started is not None and started.name == "audit_lib.__main__":
        return sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    return [PROGRAM]
