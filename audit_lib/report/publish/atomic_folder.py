"""Publishes a folder whole or not at all: what stood there before stays until the new one is complete.

A folder cannot be renamed over a folder. Where the system can exchange two paths in one step (Linux
renameat2, macOS renamex_np) that is the moment of publishing; elsewhere the old folder is set aside
first, and the next run puts it back if a crash came between.
"""

import ctypes
import errno
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.report.publish.scratch import claim, locked, remove, sweep
from audit_lib.secrecy.keeper import EVIDENCE, MANIFEST

# What other tools leave in a report that was opened with them; it goes with the old report.
_DEBRIS = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2  # macOS
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EXDEV}


@contextmanager
def publishing(out: Path) -> Iterator[Path]:
    """A private folder to write into; it becomes `out` when the block ends without an error.

    On any error, and after a crash on the next run, it is removed and `out` is what it was.

    Raises:
        BadInput: `out` is not a place for a report: not a folder, holds other files, cannot be written.
        AuditError: the disk is full, or fails otherwise.
    """
    out = Path(os.path.realpath(out))
    staging = None
    try:
        with _input_faults(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            with locked(out.parent):
                _recover(out)
                _check_replaceable(out)
                staging = out.parent / f".{out.name}.{secrets.token_hex(6)}.unpublished"
                staging.mkdir(mode=0o700)
                number = claim(staging)
        try:
            with _disk_faults(out):
                yield staging
                _sync(staging)
                staging.chmod(0o777 & ~_umask())
                with locked(out.parent):
                    _put_in_place(staging, out)
        finally:
            if number is not None:
                os.close(number)
    finally:
        if staging is not None:
            remove(staging)


def _put_in_place(staging: Path, out: Path) -> None:
    _check_replaceable(out)
    aside = _aside(out)
    if not out.exists():
        staging.rename(out)
    elif not _exchange(staging, out):
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
        failed = libc.renamex_np(*paths, _RENAME_SWAP)
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    else:
        return False
    if not failed:
        return True
    if (number := ctypes.get_errno()) in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


# --- what a crash left ---


def _aside(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _recover(out: Path) -> None:
    """Put an old report back that a crash left aside, and remove folders whose writer is gone."""
    aside = _aside(out)
    if aside.exists():
        if out.exists():
            remove(aside)
        else:
            aside.rename(out)
    sweep(out.parent, f".{_literal(out.name)}.*.unpublished")


def _literal(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


# --- what may be replaced ---


def _check_replaceable(out: Path) -> None:
    """Raise unless `out` is absent, empty, or a report with nothing else in it."""
    if not out.name:
        raise BadInput.at(f"--out {out}", "cannot be a folder for a report")
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise BadInput.at(f"--out {out}", "is not a folder")
    present = {entry.name for entry in out.iterdir()} - _DEBRIS
    strange = sorted(present - _listed(out) - {MANIFEST, EVIDENCE})
    if present and MANIFEST not in present:
        raise BadInput.at(f"--out {out}", "is a folder with other files, not a report: name another folder")
    if strange:
        raise BadInput(
            [Fault(f"--out {out}", f"{name} is not part of the report: move it") for name in strange]
        )


def _listed(out: Path) -> set[str]:
    try:
        manifest = json.loads((out / MANIFEST).read_text("utf-8"))
        return set(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


# --- the disk ---


@contextmanager
def _input_faults(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput.at(f"--out {out}", f"cannot be written: {error.strerror}") from None


@contextmanager
def _disk_faults(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A write that fails half-way names no file; another file's fault is not the disk's.
        elsewhere = error.filename is not None and not _within(error.filename, out.parent)
        if error.errno not in _DISK_FAULTS or elsewhere:
            raise
        raise AuditError(f"{out}: {error.strerror}; nothing was published") from None


def _within(name: str | bytes, folder: Path) -> bool:
    return Path(os.fsdecode(name)).is_relative_to(folder)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
