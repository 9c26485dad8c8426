"""Walks every file of a project and of its .git folder, tracked or not, and says what cannot be read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# O_NONBLOCK: a FIFO that takes a file's place must not make the search wait for its writer.
_OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY"))
_OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)
MAX_DEPTH = 100  # folders; each holds a descriptor open while what lies below it is read
OBJECTS = ".git/objects"  # git answers for what lies in here; the rest of .git is read as files


@dataclass(frozen=True, order=True)
class NotSearched:
    """Something that was not searched, or not wholly: where, and why."""

    place: str
    reason: str


@dataclass(frozen=True)
class TreeFile:
    """One regular file, to be opened before the walk goes on."""

    path: str  # within the project
    size_bytes: int
    stamp: tuple[int, int, int]  # inode, modified and changed in ns: another stamp may be another content
    _folder: int
    _name: str

    @property
    def place(self) -> str:
        """What kind of place it is: working tree, bundle, log, notebook or git file."""
        return place_of(self.path)

    def open(self) -> BinaryIO:
        """The file, opened without following a link or waiting for a FIFO's writer."""
        return os.fdopen(os.open(self._name, _OPEN, dir_fd=self._folder), "rb", buffering=0)


def walk_files(root: Path, left_out: list[NotSearched]) -> Iterator[TreeFile]:
    """Every regular file below the root, by path; links, devices, unreadable folders go into `left_out`.

    A root that is itself a file is the only one.
    """
    if root.is_file():
        folder = os.open(root.parent, os.O_RDONLY)
        facts = root.stat()
        stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
        try:
            yield TreeFile(root.name, facts.st_size, stamp, folder, root.name)
        finally:
            os.close(folder)
        return
    yield from _walk(os.open(root, os.O_RDONLY), "", left_out)


def _walk(folder: int, prefix: str, left_out: list[NotSearched]) -> Iterator[TreeFile]:
    """The files below an open folder, which is closed at the end."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            yield from _enter(folder, entry, prefix + entry.name, left_out)
    except OSError as error:
        left_out.append(NotSearched(prefix or ".", f"cannot be listed ({type(error).__name__})"))
    finally:
        os.close(folder)


def _enter(
    folder: int, entry: "os.DirEntry[str]", path: str, left_out: list[NotSearched]
) -> Iterator[TreeFile]:
    if entry.is_symlink():
        left_out.append(NotSearched(path, "is a symbolic link, which is not followed"))
    elif entry.is_file(follow_symlinks=False):
        if not path.startswith(OBJECTS) or entry.name.startswith("tmp_"):
            facts = entry.stat(follow_symlinks=False)
            stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
            yield TreeFile(path, facts.st_size, stamp, folder, entry.name)
    elif not entry.is_dir(follow_symlinks=False):
        left_out.append(NotSearched(path, "is a FIFO, a socket or a device"))
    elif _is_other_store(path):
        left_out.append(NotSearched(path, "is the object store of a submodule or of another repository"))
    elif path.count("/") >= MAX_DEPTH:
        left_out.append(NotSearched(path, f"is deeper than {MAX_DEPTH} folders"))
    else:
        try:
            below = os.open(entry.name, _OPEN_FOLDER, dir_fd=folder)
        except OSError as error:
            left_out.append(NotSearched(path, f"cannot be listed ({type(error).__name__})"))
        else:
            yield from _walk(below, f"{path}/", left_out)


def place_of(path: str) -> str:
    """What kind of place a path is: it says who may have seen the content."""
    parts = path.split("/")
    if ".git" in parts:
        return "git file"
    if ".next" in parts or path.endswith(".map") or {"dist", "build"} & set(parts[:-1]):
        return "bundle"
    if path.endswith(".ipynb"):
        return "notebook"
    if ".log" in parts[-1] or "logs" in parts[:-1]:
        return "log"
    return "working tree"


def _is_other_store(path: str) -> bool:
    parts = path.split("/")
    inner = ".git" in parts[1:] or parts[:2] == [".git", "modules"]
    return inner and parts[-1] == "objects"
