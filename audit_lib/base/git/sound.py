"""Whether a repository's folder holds plain files alone, of which nothing leads elsewhere, waits or is lost.

git follows a link and waits for a FIFO wherever it meets one, and leaves out a pack that has no index.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

MOST_ENTRIES = 500_000
MAX_DEPTH = 60  # folders
_INCLUDE = re.compile(rb"(?im)^[ \t]*\[[ \t]*include(?:if)?\b")
_PATH = re.compile(rb"(?im)^[ \t]*path[ \t]*=[ \t]*\"?([^\"#;\r\n]*)")
_LARGEST_CONFIG = 1 << 20
_LOOSE = re.compile(r"objects/[0-9a-f]{2}")


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
