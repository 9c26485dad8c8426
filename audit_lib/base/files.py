"""Opens each source once, within the project: content, hash and facts of the same bytes."""

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from audit_lib.base.errors import BadInput

# O_NONBLOCK: a FIFO must not make the audit wait for its writer. O_NOCTTY: a terminal must not adopt us.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
_PLAIN = re.compile(r"(?:[\w-][\w. -]*/)*[\w-][\w. -]*", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OTHER_KINDS = {
    stat.S_IFDIR: "is a directory",
    stat.S_IFLNK: "is a symbolic link, which is not followed",
    stat.S_IFIFO: "is a FIFO, not a file",
    stat.S_IFSOCK: "is a socket, not a file",
    stat.S_IFCHR: "is a device, not a file",
    stat.S_IFBLK: "is a device, not a file",
}


_BEHIND_A_LINK = "refused", "is behind a symbolic link, which is not followed"
_REASONS = {
    errno.ENOENT: ("missing", "does not exist"),
    errno.ENOTDIR: ("missing", "does not exist"),
    errno.ELOOP: _BEHIND_A_LINK,
    errno.EMLINK: _BEHIND_A_LINK,
    errno.EACCES: ("unreadable", "may not be read by this user"),
    errno.EPERM: ("unreadable", "may not be read by this user"),
    errno.ENAMETOOLONG: ("refused", "has too long a name"),
}


class Unreadable(BadInput):
    """A source that cannot be read. `state` is the one of the Sources contract, `reason` is for a person."""

    def __init__(self, place: str, state: str, reason: str) -> None:
        super().__init__(BadInput.at(place, reason).faults)
        self.state = state
        self.reason = reason


@dataclass(frozen=True)
class FileFacts:
    """What the open descriptor says of a file. `mode` is like "0600"."""

    size_bytes: int
    modified_at: datetime
    mode: str


@dataclass(frozen=True)
class SourceBytes:
    """A whole source in memory."""

    content: bytes
    facts: FileFacts

    @property
    def sha256(self) -> str:
        """The SHA-256 of just these bytes."""
        return sha256(self.content).hexdigest()


class ByteReader(io.RawIOBase):
    """Bytes that are only read, each time some."""

    def readable(self) -> bool:
        """True."""
        return True


class _HashedFile(ByteReader):
    """A descriptor's bytes up to the size it had when opened, hashed as they are read."""

    def __init__(self, descriptor: int, size: int, place: str) -> None:
        self._descriptor = descriptor
        self._left = size
        self._place = place
        self.digest = sha256()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            chunk = os.read(self._descriptor, min(len(buffer), self._left))
        except OSError as error:
            raise _unreadable(self._place, error) from None
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        self.digest.update(chunk)
        return len(chunk)

    def piece(self, start: int, end: int) -> bytes:
        """The bytes between two places; raises `Unreadable`."""
        pieces = []
        try:
            while start < end and (piece := os.pread(self._descriptor, end - start, start)):
                pieces.append(piece)
                start += len(piece)
        except OSError as error:
            raise _unreadable(self._place, error) from None
        return b"".join(pieces)


@dataclass(frozen=True)
class OpenSource:
    """A source opened for streaming: `file` ends where the file ended when it was opened."""

    file: io.BufferedReader
    facts: FileFacts
    _raw: _HashedFile

    def peek(self) -> bytes:
        """What comes next, at least eight bytes if there are so many; none is taken."""
        return self.file.peek(8)

    def piece(self, start: int, end: int) -> bytes:
        """The bytes between two places, wherever the reading is; they are not hashed for it."""
        return self._raw.piece(start, end)

    def finish(self) -> str:
        """Reads what is left; the SHA-256 of the whole source (of a .gz: of its compressed bytes)."""
        while self.file.read(1 << 20):
            pass
        return self._raw.digest.hexdigest()


@contextmanager
def open_source(root: Path, relative: str) -> Iterator[OpenSource]:
    """The source at a path within the project, opened once and closed at the end of the block.

    Raises `Unreadable` for a path that leads out of the project, for a link in any component,
    for whatever is not a regular file, and for a file that is missing or may not be read.
    """
    descriptor = _descriptor(root, _parts(relative), relative)
    try:
        status = os.fstat(descriptor)
        _require_file(status, relative)
        raw = _HashedFile(descriptor, status.st_size, relative)
        yield OpenSource(io.BufferedReader(raw, 1 << 16), _facts(status), raw)
    finally:
        os.close(descriptor)


def read_source(root: Path, relative: str, limit: int) -> SourceBytes:
    """The whole source of at most `limit` bytes; `Unreadable` (state "refused") where it is larger."""
    descriptor = _descriptor(root, _parts(relative), relative)
    try:
        status = os.fstat(descriptor)
        _require_file(status, relative)
        if status.st_size > limit:
            raise Unreadable(relative, "refused", f"is larger than the limit of {limit:,} bytes")
        content = b""
        while len(content) < status.st_size and (piece := os.read(descriptor, status.st_size - len(content))):
            content += piece
    except OSError as error:
        raise _unreadable(relative, error) from None
    finally:
        os.close(descriptor)
    return SourceBytes(content, _facts(status))


def _parts(relative: str) -> list[str]:
    # A path object takes as long to make as a small file to read, and projects have thousands.
    if _PLAIN.fullmatch(relative):
        return relative.split("/")
    path = Path(relative)
    if path.is_absolute() or path.drive or ".." in path.parts or not path.parts or "\0" in relative:
        raise Unreadable(relative, "refused", "leads out of the project or is not a file")
    return list(path.parts)


def _descriptor(root: Path, parts: list[str], relative: str) -> int:
    """Opens the last component without following a link in any component below the root."""
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                below = _open_folder(part, folder, relative)
                os.close(folder)
                folder = below
            # Opening a device can have effects of its own, so its kind is asked first and again once open.
            _require_file(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False), relative)
            return os.open(parts[-1], _FLAGS, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unreadable(relative, error) from None


def _open_folder(part: str, folder: int, relative: str) -> int:
    if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
        raise Unreadable(relative, *_BEHIND_A_LINK)
    return os.open(part, _FOLDER_FLAGS, dir_fd=folder)


def _require_file(status: os.stat_result, relative: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        reason = _OTHER_KINDS.get(stat.S_IFMT(status.st_mode), "is not a file")
        raise Unreadable(relative, "refused", reason)


def _facts(status: os.stat_result) -> FileFacts:
    modified = timedelta(microseconds=status.st_mtime_ns // 1000)
    # A time that no calendar holds comes from a broken file system: the earliest one claims least.
    modified_at = _EPOCH
    with suppress(OverflowError):
        modified_at = _EPOCH + modified
    return FileFacts(status.st_size, modified_at, f"{stat.S_IMODE(status.st_mode):04o}")


def _unreadable(relative: str, error: OSError) -> Unreadable:
    state, reason = _REASONS.get(error.errno or 0, ("unreadable", ""))
    code = errno.errorcode.get(error.errno or 0, "error")
    return Unreadable(relative, state, reason or f"cannot be read ({code})")


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk: only then does a new or replaced file survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
