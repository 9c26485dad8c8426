"""Finds the repository of a linked worktree or a submodule, which is outside it, if that names it, too.

A .git file comes with a project and may name any repository. Only who may write to a repository makes it name
a worktree, as `git worktree add` and `git submodule` do.
"""

import os
import re
from pathlib import Path

_MOST = 1 << 16  # bytes
_WORKTREE = re.compile(r"(?im)^[ \t]*worktree[ \t]*=[ \t]*\"?([^\"#;\r\n]+)")


def repository_naming(root: Path) -> Path | None:
    """The folder of the repository that has this worktree or submodule; None if no repository names it.

    Who asks runs in a working tree of their own. An audited project is never asked about.
    """
    pointer = root / ".git"
    if pointer.is_symlink() or not pointer.is_file():
        return None
    try:
        git_dir = led_to(pointer, "gitdir:")
        if (git_dir / "commondir").is_file():
            common = led_to(git_dir / "commondir")
            names_it = git_dir.parent == common / "worktrees" and led_to(git_dir / "gitdir") == pointer
        else:
            common = git_dir
            named = _WORKTREE.search(_text(git_dir / "config"))
            names_it = named is not None and (git_dir / named[1].strip()).resolve() == root
        return common if names_it and _is_own(git_dir) and _is_own(common) else None
    except (OSError, ValueError):
        return None


def led_to(pointer: Path, label: str = "") -> Path:
    """The place that a pointer file names; raises OSError or ValueError if it cannot be read."""
    return (pointer.parent / _text(pointer).removeprefix(label).strip()).resolve()


def _text(path: Path) -> str:
    """The beginning of a plain file, as text."""
    if not path.is_file():
        raise OSError
    with path.open("rb") as file:
        return file.read(_MOST).decode()


def _is_own(folder: Path) -> bool:
    """Whether a folder belongs to who asks; where a system has no owners, to anybody."""
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
