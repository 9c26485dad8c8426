"""Finds the files that a pattern of audit.toml names, within the project alone and in bounded time."""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

ANY_DEPTH = "**"
MAX_DEPTH = 100  # folders


class Named(Protocol):
    """A source that names its files by a pattern."""

    @property
    def pattern(self) -> str:
        """The pattern, as `log_paths` reads it."""


Source = TypeVar("Source", bound=Named)


def claimed_paths(root: Path, sources: Iterable[Source]) -> list[tuple[Source, list[str]]]:
    """Each source with its paths; a path belongs to the first that names it."""
    seen: set[str] = set()
    claimed = []
    for source in sources:
        paths = [path for path in log_paths(root, source.pattern) if path not in seen]
        seen.update(paths)
        claimed.append((source, paths))
    return claimed


def log_paths(root: Path, pattern: str) -> list[str]:
    """The paths that a pattern names, relative to the root, in sorted order; no folder is among them.

    `*`, `?` and `[…]` match within a part, `**` any depth of folders. No link is followed: one that the
    pattern would pass through is named in the place of what is behind it, and refused when it is opened.
    The same holds for a folder that cannot be listed or is deeper than `MAX_DEPTH`.
    """
    found: set[str] = set()
    start = "", PurePosixPath(pattern).parts
    # Each pair is taken once: `**/a/**/a/**` over a deep tree would otherwise never end.
    waiting, seen = [start] if start[1] else [], {start}
    while waiting:
        folder, parts = waiting.pop()
        for step in _steps(root, folder, parts, found):
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return sorted(found)


_Step = tuple[str, tuple[str, ...]]  # a folder, ending in / below the root, and what is left of the pattern


def _steps(root: Path, folder: str, parts: tuple[str, ...], found: set[str]) -> list[_Step]:
    """What is to be looked at below a folder for the rest of a pattern; files it names go into `found`."""
    part, rest = parts[0], parts[1:]
    steps: list[_Step] = [(folder, rest)] if part == ANY_DEPTH and rest else []
    if folder.count("/") > MAX_DEPTH:
        found.add(folder.rstrip("/"))
        return steps
    try:
        with os.scandir(root / folder) as listed:
            entries = [(folder + entry.name, _is_folder(entry), entry.is_symlink()) for entry in listed]
    except OSError:
        found.add(folder.rstrip("/") or ".")
        return steps
    for path, is_folder, is_link in entries:
        if part == ANY_DEPTH:
            if is_folder and not is_link:
                steps.append((f"{path}/", parts))
            elif not rest and not is_folder:
                found.add(path)
        elif not fnmatchcase(path[len(folder) :], part) or (rest and not is_folder):
            continue
        elif rest and is_folder and not is_link:
            steps.append((f"{path}/", rest))
        elif is_link or not is_folder:
            found.add(path)
    return steps


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder, or a link to one; False for a link that leads nowhere."""
    try:
        return entry.is_dir()
    except OSError:
        return False
