"""Private temporary folders, and the removal of those whose process was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from audit_lib.base.cache import user_cache

LOCK_SECONDS = 30
_LOCK_PAUSE = 0.05


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


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that no other process sweeps what this one is about to claim.

    The lock is a file of our own: whoever may open the folder itself, such as /tmp, could hold a lock of it
    for ever. Some file systems lock nothing, and another process may hold on: the block then runs all the
    same, after `LOCK_SECONDS`.
    """
    number = None
    try:
        number = _lock_file(folder)
        until = monotonic() + LOCK_SECONDS
        while not _try_lock(number) and monotonic() < until:
            sleep(_LOCK_PAUSE)
    except OSError:
        pass
    try:
        yield
    finally:
        if number is not None:
            os.close(number)


def _lock_file(folder: Path) -> int:
    """A file in the user's own cache folder that stands for a folder."""
    locks = user_cache() / "locks"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    return os.open(locks / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try_lock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
