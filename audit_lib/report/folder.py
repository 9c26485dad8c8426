"""Publishes a folder whole or not at all, and keeps what is not published in private temporary folders."""

import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.secrecy.keeper import MANIFEST

SIGNED = "SIGNED.md"  # who signed a report afterwards: in no manifest, but in the ledger
# What other tools leave in a report that was opened with them; it goes with the old report.
_DEBRIS = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}
_LOCK_SECONDS = 30
_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EXDEV}
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}


@contextmanager
def publishing(out: Path) -> Iterator[Path]:
    """A private folder to write into; it becomes `out` when the block ends without an error.

    On any error, and after a crash on the next run, it is removed and `out` is what it was.

    Raises:
        BadInput: `out` is not a place for a report: not a folder, holds other files, cannot be written.
        AuditError: the disk is full, or fails otherwise.
    """
    out = Path(os.path.realpath(out))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with locked(out.parent):
            _put_back(out)
            _check_replaceable(out)
            staging = out.parent / f".{out.name}.{secrets.token_hex(6)}.unpublished"
            staging.mkdir(mode=0o700)
            number = claim(staging)
    except OSError as error:
        raise BadInput.at(f"--out {out}", f"cannot be written: {error.strerror}") from None
    try:
        yield staging
        _sync(staging)
        staging.chmod(0o777 & ~_umask())
        with locked(out.parent):
            _check_replaceable(out)
            _put_in_place(staging, out)
    except OSError as error:
        # A write that fails half-way names no file; another file's fault is not the disk's.
        elsewhere = error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(out.parent)
        if error.errno not in _DISK_FAULTS or elsewhere:
            raise
        raise AuditError(f"{out}: {error.strerror}; nothing was published") from None
    finally:
        remove(staging)
        if number is not None:
            os.close(number)


def _put_in_place(staging: Path, out: Path) -> None:
    """Exchange the folders in one step; else set the old one aside first, which `_put_back` heals."""
    if not out.exists():
        staging.rename(out)
    elif not _exchange(staging, out):
        aside = _aside(out)
        out.rename(aside)
        staging.rename(out)
        _sync_folder(out.parent)
        remove(aside)
    _sync_folder(out.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Whether the system exchanged two paths in one step; False if it or the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = libc.renamex_np(*paths, _EXCHANGE)
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE)
    else:
        return False
    if failed and (number := ctypes.get_errno()) not in _CANNOT_EXCHANGE:
        raise OSError(number, os.strerror(number), str(other))
    return not failed


def _aside(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _put_back(out: Path) -> None:
    """Put an old report back that a crash left aside, and remove folders whose writer is gone."""
    aside = _aside(out)
    if aside.exists() and out.exists():
        remove(aside)
    elif aside.exists():
        aside.rename(out)
    sweep(out.parent, f".{escape(out.name)}.*.unpublished")


def _check_replaceable(out: Path) -> None:
    """Raise unless `out` is absent, empty, or a report with nothing else in it."""
    if not out.name:
        raise BadInput.at(f"--out {out}", "cannot be a folder for a report")
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise BadInput.at(f"--out {out}", "is not a folder")
    present = {entry.name for entry in out.iterdir()} - _DEBRIS
    if present and MANIFEST not in present:
        raise BadInput.at(f"--out {out}", "is a folder with other files, not a report: name another folder")
    if strange := sorted(present - _listed(out) - {MANIFEST, SIGNED}):
        raise BadInput(
            [Fault(f"--out {out}", f"{name} is not part of the report: move it") for name in strange]
        )


def _listed(out: Path) -> set[str]:
    """The first part of each path that the manifest names."""
    try:
        return {name.split("/")[0] for name in json.loads((out / MANIFEST).read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(folder: Path) -> None:
    for path in (*sorted(folder.rglob("*")), folder):
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# ---- Private folders ----


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A folder for this block, that no other user can read; also removes what killed processes left."""
    parent = Path(tempfile.gettempdir())
    with locked(parent):
        sweep(parent, f"{prefix}*")
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        number = claim(folder)
    try:
        yield folder
    finally:
        remove(folder)
        if number is not None:
            os.close(number)


def claim(folder: Path) -> int | None:
    """A descriptor that marks a folder as in use while its process lives; None if another process has it."""
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that goes."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, pattern: str) -> None:
    """Remove our folders of a pattern that no living process has claimed."""
    for folder in parent.glob(pattern):
        try:
            ours = folder.lstat().st_uid == os.getuid()
        except OSError:
            continue
        if ours and (number := claim(folder)) is not None:
            remove(folder)
            os.close(number)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that no other process sweeps what this one is about to claim.

    The lock is a file of our own: whoever may open the folder itself, such as /tmp, could hold a lock of it
    for ever. Some file systems lock nothing, and another process may hold on: the block then runs anyway.
    """
    locks = user_cache() / "locks"
    lock = FileLock(locks / sha256(os.fsencode(folder.resolve())).hexdigest()[:32], timeout=_LOCK_SECONDS)
    try:
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, Timeout, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
