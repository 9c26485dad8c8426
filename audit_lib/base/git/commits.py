"""Where a project stands in git: at the top of its repository, at which commit, and who changed what last."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.base.git.commands import GitFailed, run_git

_AUTHOR = re.compile(rb"^author .*<([^<>\n]*)> \d+ [+-]\d{4}$", re.MULTILINE)
Line = tuple[str, int]  # path, 1-based line
MOST_FILES = 40
# `.mailmap` and revisions to ignore could name files elsewhere; a text converter would be run.
_SAFE = ("--no-textconv", "--line-porcelain")
_HEADER = re.compile(rb"[0-9a-f]{40,64} \d+ (\d+)( \d+)?")


def refuse_part_of_repository(root: Path) -> None:
    """Raises `BadInput`, which names the repository, if a project without a .git lies in a larger one.

    "0 leaks" of such a folder would be said of its files alone, while every clone has its history.
    """
    root = root.resolve()
    if os.path.lexists(root / ".git"):
        return
    above = next((folder for folder in root.parents if os.path.lexists(folder / ".git")), None)
    if above is not None:
        shown = str(above) if str(above).isprintable() else ascii(str(above))
        fault = f"is a folder of the git repository {shown}: give that as the project, to search its history"
        raise BadInput.at("project", fault)


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


def authors_of(root: Path, lines: Iterable[Line]) -> dict[Line, tuple[str, str]]:
    """For each line of HEAD its author's e-mail address and its text, of the first 40 files.

    A line of which git gives no answer is left out.
    """
    by_file: dict[str, set[int]] = defaultdict(set)
    for path, line in lines:
        by_file[path].add(line)
    found: dict[Line, tuple[str, str]] = {}
    for path in sorted(by_file)[:MOST_FILES]:
        ranges = [part for line in sorted(by_file[path]) for part in ("-L", f"{line},{line}")]
        try:
            answer = run_git(root, "blame", *_SAFE, *ranges, "HEAD", "--", path)
        except GitFailed:
            continue
        found |= {(path, line): told for line, told in _told(answer).items()}
    return found


def _told(answer: bytes) -> dict[int, tuple[str, str]]:
    found, line, mail = {}, 0, ""
    for part in answer.split(b"\n"):
        header = _HEADER.fullmatch(part)
        if header:
            line = int(header[1])
        elif part.startswith(b"author-mail "):
            mail = part.removeprefix(b"author-mail ").strip(b"<>").decode("utf-8", "replace")
        elif part.startswith(b"\t"):
            found[line] = (mail, part[1:].decode("utf-8", "replace"))
    return found
