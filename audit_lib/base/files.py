"""Finds and opens the files of a project that may be hostile: no link is followed, no FIFO waited for."""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from audit_lib.base.errors import BadInput, Fault

# O_NONBLOCK: a FIFO must not make the audit wait for its writer. O_NOCTTY: a terminal must not adopt us.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
_PIECE = 1 << 16  # bytes that are read at a time
MAX_DEPTH = 100  # folders; each holds a descriptor open while what lies below it is read
_OTHER_KINDS = {
    stat.S_IFDIR: "is a directory",
    stat.S_IFLNK: "is a symbolic link, which is not followed",
    stat.S_IFIFO: "is a FIFO, not a file",
    stat.S_IFSOCK: "is a socket, not a file",
}
_BEHIND_A_LINK = "refused", "is behind a symbolic link, which is not followed"
_REASONS = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), ("missing", "does not exist")),
    **dict.fromkeys((errno.ELOOP, errno.EMLINK), _BEHIND_A_LINK),
    **dict.fromkeys((errno.EACCES, errno.EPERM), ("unreadable", "may not be read by this user")),
    errno.ENAMETOOLONG: ("refused", "has too long a name"),
}


class Unreadable(BadInput):
    """A source that cannot be read. `state` is the one of the Sources contract, `reason` is for a person."""

    def __init__(self, place: str, state: str, reason: str) -> None:
        super().__init__(BadInput.at(place, reason).faults)
        self.state, self.reason = state, reason


Facts = dict[str, Any]  # columns of `Sources` that the descriptor gives: size_bytes, modified_at and mode
OpenSource = tuple[io.BufferedReader, Facts]


class SourceBytes(NamedTuple):
    """A whole source in memory."""

    content: bytes
    facts: Facts
    sha256: str  # of just these bytes


class PieceReader(io.RawIOBase):
    """Pieces as a file to read from, whose bytes are counted.

    What the pieces raise, reading raises, once: a generator that raised is at its end.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, memoryview(b"")
        self.taken = 0  # bytes

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Up to a buffer of the pieces; 0 at their end."""
        while not self._held:
            if (piece := next(self._pieces, None)) is None:
                return 0
            self._held = memoryview(piece)
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        self.taken += size
        return size


@contextmanager
def open_source(root: Path, relative: str) -> Iterator[OpenSource]:
    """The source at a path within the project, for this block; it ends where it ended when it was opened.

    Raises `Unreadable` for a path that leads out, a link in any component, and a file that is missing, may
    not be read or is no regular one; reading raises it for one that cannot be read to its end.
    """
    descriptor = _descriptor(root, relative)
    try:
        status = os.fstat(descriptor)
        _require_file(status, relative)
        modified_at = datetime(1970, 1, 1, tzinfo=UTC)  # where no calendar holds the time: it claims least
        with suppress(OverflowError):
            modified_at += timedelta(microseconds=status.st_mtime_ns // 1000)
        facts = {
            "size_bytes": status.st_size,
            "modified_at": modified_at,
            "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        }
        yield io.BufferedReader(PieceReader(_pieces(descriptor, status.st_size, relative)), _PIECE), facts
    finally:
        os.close(descriptor)


def read_source(root: Path, relative: str, limit: int) -> SourceBytes:
    """The whole source of at most `limit` bytes; `Unreadable` (state "refused") if it is larger.

    Its facts are `size_bytes`, `modified_at` (UTC) and `mode`, four octal digits.
    """
    with open_source(root, relative) as (file, facts):
        if facts["size_bytes"] > limit:
            raise Unreadable(relative, "refused", f"is larger than the limit of {limit:,} bytes")
        content = file.read()
    return SourceBytes(content, facts, sha256(content).hexdigest())


def _pieces(descriptor: int, size: int, place: str) -> Iterator[bytes]:
    try:
        while size and (piece := os.read(descriptor, min(_PIECE, size))):
            size -= len(piece)
            yield piece
    except OSError as error:
        raise _unreadable(place, error) from None


def _descriptor(root: Path, relative: str) -> int:
    """A descriptor of the last component; no link in any component below the root is followed.

    The folders are opened one below the other, so that none can be replaced by a link meanwhile. Raises
    `Unreadable` for anything but a regular file.
    """
    path = Path(relative)
    if path.is_absolute() or path.drive or ".." in path.parts or not path.parts or "\0" in relative:
        raise Unreadable(relative, "refused", "leads out of the project or is not a file")
    *folders, name = path.parts
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in folders:
                if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise Unreadable(relative, *_BEHIND_A_LINK)
                below = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            # Opening a device can have effects of its own, so its kind is asked first and again once open.
            _require_file(os.stat(name, dir_fd=folder, follow_symlinks=False), relative)
            return os.open(name, _FILE, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unreadable(relative, error) from None


def _require_file(status: os.stat_result, relative: str) -> None:
    if other := _other_kind(status):
        raise Unreadable(relative, "refused", other)


def _other_kind(status: os.stat_result) -> str:
    kind = stat.S_IFMT(status.st_mode)
    return "" if kind == stat.S_IFREG else _OTHER_KINDS.get(kind, "is a device, not a file")


def _unreadable(relative: str, error: OSError) -> Unreadable:
    other = "unreadable", f"cannot be read ({errno.errorcode.get(error.errno or 0, 'error')})"
    return Unreadable(relative, *_REASONS.get(error.errno or 0, other))


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk: only then does a new or replaced file survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def walk_files(root: Path, left_out: list[Fault]) -> Iterator[tuple[str, int, Callable[[], BinaryIO]]]:
    """Path, size and opener of every regular file below the root, or of the root itself if it is one.

    A file is to be opened before the walk goes on. The project's own git objects are skipped. Into `left_out`
    go links that lead out or to nothing, devices, and folders too deep, unreadable or of other git objects.
    """
    if root.is_file():
        yield root.name, root.stat().st_size, partial(_open_file, str(root), None)
        return
    unlisted: list[OSError] = []
    for folder, folders, names, descriptor in os.fwalk(root, onerror=unlisted.append):
        prefix = "" if folder == str(root) else f"{os.path.relpath(folder, root)}/"
        reasons = {name: _not_entered(f"{prefix}{name}", name, descriptor) for name in sorted(folders)}
        left_out += [Fault(f"{prefix}{name}", why) for name, why in reasons.items() if why]
        folders[:] = [name for name, why in reasons.items() if not why]
        for name in sorted(names):
            facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if other := _other_kind(facts):
                left_out.append(Fault(f"{prefix}{name}", other))
            elif not prefix.startswith(".git/objects") or name.startswith("tmp_"):  # git reads these
                yield f"{prefix}{name}", facts.st_size, partial(_open_file, name, descriptor)
    left_out += [
        Fault(os.path.relpath(str(error.filename), root), f"cannot be listed ({type(error).__name__})")
        for error in unlisted
    ]
    left_out[:] = [one for one in left_out if not _leads_within(root, root / one.place)]


def _leads_within(root: Path, link: Path) -> bool:
    """Whether a path is a link to a file or folder below the root, which is read under its own name."""
    return link.is_symlink() and link.exists() and root.resolve() in link.resolve().parents


def _open_file(name: str, folder: int | None) -> BinaryIO:
    return os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb", buffering=0)


def _not_entered(path: str, name: str, folder: int) -> str:
    if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return _OTHER_KINDS[stat.S_IFLNK]
    parts = path.split("/")
    if name == "objects" and (".git" in parts[1:] or parts[:2] == [".git", "modules"]):
        return "is the object store of a submodule or of another repository"
    return f"is deeper than {MAX_DEPTH} folders" if len(parts) > MAX_DEPTH else ""


def claimed_paths(root: Path, sources: Iterable[Any]) -> Iterator[tuple[Any, list[str]]]:
    """Each source with the paths of its `pattern`, relative to the root and in sorted order; a path belongs
    to the first source that names it."""
    seen: set[str] = set()
    for source in sources:
        paths = [path for path in log_paths(root, source.pattern) if path not in seen]
        seen.update(paths)
        yield source, paths


def log_paths(root: Path, pattern: str) -> list[str]:
    """The files that a pattern names, relative to the root, in sorted order.

    `*`, `?`, `[…]` match within a part, `**` any depth of folders. A link that the pattern would pass,
    and a folder too deep or unreadable, is named in the place of what is behind it, and refused when opened.
    """
    paths, seen = set[str](), set[tuple[str, tuple[str, ...]]]()
    waiting = [("", PurePosixPath(pattern).parts)]  # folders, each with the parts that lead on from there
    while waiting:
        folder, parts = waiting.pop()
        if not parts or (folder, parts) in seen:
            continue
        seen.add((folder, parts))
        any_depth = parts[0] == "**"  # for no folder at all, or for one and what is below it
        waiting += [(folder, parts[1:])] if any_depth else []
        try:
            if folder.count("/") > MAX_DEPTH:
                raise OSError
            with os.scandir(root / folder) as listed:
                for entry in (entry for entry in listed if fnmatchcase(entry.name, parts[0])):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{folder}{entry.name}/", parts if any_depth else parts[1:]))
                    elif len(parts) == 1 or (not any_depth and Path(entry.path).is_dir()):
                        paths.add(folder + entry.name)
        except OSError:
            paths.add(folder.rstrip("/") or ".")
    return sorted(paths)
