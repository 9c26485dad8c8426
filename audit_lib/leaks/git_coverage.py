"""What a repository does not hold, so that no search of it can be complete: stated, never guessed."""

import re
from contextlib import suppress
from pathlib import Path

from audit_lib.base.git import GitFailed, pieces, run_git, running
from audit_lib.base.in_words import counted
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.git_history import SUBMODULE


def repository_limits(root: Path, lacking: str | None = None) -> list[NotSearched]:
    """Shallow and partial clones, and submodules, each as what was not searched and why.

    `lacking` is what `lacking_objects` said, if it has been asked.
    """
    limits = []
    if (root / ".git" / "shallow").exists():
        limits.append(NotSearched(".git/shallow", "is a shallow clone: older commits are not here"))
    if _is_partial(root / ".git"):
        limits.append(
            NotSearched(".git/objects", "is a partial clone: objects that were never fetched are not here")
        )
    elif missing := lacking_objects(root) if lacking is None else lacking:
        limits.append(NotSearched(".git/objects", missing))
    for path in _submodules(root):
        limits.append(NotSearched(path, "is a submodule: its history is another repository's"))
    return limits


def lacking_objects(root: Path, *, walked: bool = False) -> str:
    """How many objects are not there that the history of a ref names; "" if none is missing.

    If a walk over all commits missed nothing, only refs and commits are asked for.
    """
    rest, count = b"", 0
    objects = () if walked else ("--objects", "--no-object-names")
    try:
        # A ref that is broken is left out with a word of complaint.
        with running(root, ("for-each-ref",)) as stream:
            stream.read()
        with running(root, ("rev-list", "--all", "--missing=print", *objects)) as stream:
            for piece in pieces(stream):
                *lines, rest = (rest + piece).split(b"\n")
                count += sum(line.startswith(b"?") for line in lines)
    except GitFailed:
        return "has refs or a history that git cannot follow to the end"
    return f"lacks {counted(count, 'object')} that its history names" if count else ""


def _is_partial(git_dir: Path) -> bool:
    """Whether objects may be missing by design: promised by a remote, which is not asked for them."""
    with suppress(OSError):
        if re.search(rb"(?i)promisor|partialclone", (git_dir / "config").read_bytes()):
            return True
    return any((git_dir / "objects" / "pack").glob("*.promisor"))


def _submodules(root: Path) -> list[str]:
    """The paths of the index that are another repository's commits."""
    try:
        entries = run_git(root, "ls-files", "-z", "--stage").split(b"\0")
    except GitFailed:
        return []
    return [
        entry.partition(b"\t")[2].decode("utf-8", "backslashreplace")
        for entry in entries
        if entry.startswith(SUBMODULE)
    ]


def is_lfs_pointer(content: bytes) -> bool:
    """Whether a blob only points to a content that git LFS keeps elsewhere."""
    return content.startswith(b"version https://git-lfs.github.com/spec/") and len(content) < 1024
