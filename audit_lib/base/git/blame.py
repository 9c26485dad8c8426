"""Who last changed a line, by git: a guess at who knows about it."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from audit_lib.base.git.commands import GitFailed, run_git

Line = tuple[str, int]  # path, 1-based line
MOST_FILES = 40
# `.mailmap` and revisions to ignore could name files elsewhere; a text converter would be run.
_SAFE = ("--no-textconv", "--line-porcelain")
_HEADER = re.compile(rb"[0-9a-f]{40,64} \d+ (\d+)( \d+)?")


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
