"""Whether a repository's folder is sound, and which one a linked worktree or a submodule has outside it.

Sound is a folder of plain files alone, of which nothing leads elsewhere, waits or is lost: git follows a link
and waits for a FIFO wherever it meets one, and leaves out a pack that has no index. A .git file comes with a
project and may name any repository. Only who may write to a repository makes it name a worktree, as `git
worktree add` and `git submodule` do.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

_MOST = 1 << 16  # bytes
_WORKTREE = re.compile(r"(?im)^[ \t]*worktree[ \t]*=[ \t]*\"?([^\"#;\r\n]+)")
MOST_ENTRIES = 500_000
MAX_DEPTH = 60  # folders
_INCLUDE = re.compile(rb"(?im)^[ \t]*\[[ \t]*include(?:if)?\b")
_PATH = re.compile(rb"(?im)^[ \t]*path[ \t]*=[ \t]*\"?([^\"#;\r\n]*)")
_LARGEST_CONFIG = 1 << 20
_LOOSE = re.compile(r"objects/[0-9a-f]{2}")


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


def unsound(git_dir: Path, root: Path, *, loose: bool = False) -> str:
    """What must not be in a repository's folder, in words; "" if nothing is. `loose`: of its objects, too."""
    for number, (path, mode) in enumerate(_entries(git_dir, "", 0, loose=loose)):
        if number >= MOST_ENTRIES:
            return f"has more than {MOST_ENTRIES:,} files"
        if path.count("/") >= MAX_DEPTH:
            return f"has folders deeper than {MAX_DEPTH}"
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return "has a link, a FIFO or a device in it, through which git could read anything or wait"
    return _unpaired(git_dir) or _leads_elsewhere(git_dir, root)


def _entries(folder: Path, prefix: str, depth: int, *, loose: bool) -> Iterator[tuple[str, int]]:
    """Path and mode of everything below a folder; hooks are never run, nor what they link to read."""
    try:
        with os.scandir(folder) as listed:
            entries = [(entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in listed]
    except OSError:
        return
    for name, mode in entries:
        path = f"{prefix}{name}"
        if path in ("hooks", "modules", "lfs") or (not loose and _LOOSE.fullmatch(path)):
            continue
        yield path, mode
        if stat.S_ISDIR(mode) and depth < MAX_DEPTH:
            yield from _entries(folder / name, f"{path}/", depth + 1, loose=loose)


def _unpaired(git_dir: Path) -> str:
    """A pack without its index holds objects that git does not list."""
    try:
        names = {entry.name for entry in os.scandir(git_dir / "objects" / "pack")}
    except OSError:
        return ""
    packs, indexes = (
        {name.removesuffix(end) for name in names if name.endswith(end) and name.startswith("pack-")}
        for end in (".pack", ".idx")
    )
    return "has a pack without its index, or an index without its pack" if packs != indexes else ""


def _leads_elsewhere(git_dir: Path, root: Path) -> str:
    """A configuration may include files of the project that include nothing themselves."""
    for name in ("config", "config.worktree"):
        content = _small(git_dir / name)
        if content is None:
            return f"has a {name} that cannot be read"
        for path in _PATH.findall(content) if _INCLUDE.search(content) else ():
            text = path.decode("utf-8", "replace").strip()
            target = git_dir / text
            inside = not text.startswith(("~", "%")) and target.resolve().is_relative_to(root)
            included = _small(target) if inside else None
            if included is None or _INCLUDE.search(included):
                return f"has a {name} that includes what is not a plain file of the project"
    return ""


def _small(path: Path) -> bytes | None:
    """A small regular file's content, b"" if there is none; None for anything else."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST_CONFIG:
            return None
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        return None
