"""Which commit a project stands at, and which one changed a file last."""

import re
from pathlib import Path

from audit_lib.base.git.commands import GitFailed, run_git

_AUTHOR = re.compile(rb"^author .*<([^<>\n]*)> \d+ [+-]\d{4}$", re.MULTILINE)


def head_of(root: Path) -> str:
    """The commit that is checked out; "" if the project has no repository or no commit."""
    return _answer(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")


def last_change(root: Path, path: str) -> tuple[str, str]:
    """The last commit that changed a file, and its author's e-mail address; each "" if git tells none."""
    commit = _answer(root, "rev-list", "--max-count=1", "HEAD", "--", path)
    if not commit:
        return "", ""
    found = _AUTHOR.search(run_git(root, "cat-file", "commit", commit))
    return commit, found[1].decode("utf-8", "replace") if found else ""


def _answer(root: Path, *args: str) -> str:
    try:
        return run_git(root, *args).decode("ascii", "replace").strip()
    except GitFailed:
        return ""
