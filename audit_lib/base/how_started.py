"""How this process was started, as it can be typed, and which program it is."""

import json
import os
import platform
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from audit_lib import __version__
from audit_lib.base.git import GitFailed, head_of, run_git

PROGRAM = "audit-lib"
SCRIPT = "AUDIT_LIB_SCRIPT"  # the checkout's own script names itself: it starts the module
_PACKAGE = Path(__file__).parents[1]


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
    """`audit_lib 0.2.0 (commit 1a2b…), Python 3.11.2`; a commit that nobody knows is said to be unknown.

    No artefact holds it, since a commit differs where the bytes do not.
    """
    commit = _of_checkout(_PACKAGE.parent) or _of_installation()
    return f"audit_lib {__version__} (commit {commit or 'unknown'}), Python {platform.python_version()}"


def _of_checkout(root: Path) -> str:
    """The commit of a checkout, and whether its code was changed since; "" if there is none."""
    commit = head_of(root) if (root / "pyproject.toml").is_file() else ""
    try:
        changed = bool(commit) and bool(run_git(root, "ls-files", "--modified", "--", _PACKAGE.name))
    except GitFailed:
        return ""
    return f"{commit}, changed since" if changed else commit


def _of_installation() -> str:
    """The commit that an installer fetched, by PEP 610; "" if it came in another way."""
    try:
        origin = json.loads(distribution("audit-lib").read_text("direct_url.json") or "{}")
        return str(origin.get("vcs_info", {}).get("commit_id", ""))
    except (PackageNotFoundError, ValueError, AttributeError):
        return ""
