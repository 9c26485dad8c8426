"""What compiled functions keep between runs, such as their code, where this user alone could write.

Whoever could write them could run anything as the user, so a file or folder that others may write, and a
link, are passed over.
"""

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from audit_lib.base.cache_folder import keep_newest, user_cache

_LOCK = "making.lock"
_DIGEST = 32  # bytes before the content
_KEPT = 16  # of one kind: those of other versions, environments, formats and checkouts


def kept_path(what: str, suffix: str, sources: tuple[Path, ...]) -> Path:
    """Where the content of one kind lies that was made of `what`, by these sources and versions."""
    digest = sha256(_versions(sources))
    digest.update(what.encode("utf-8", "surrogatepass"))
    return user_cache() / "kernel" / f"{digest.hexdigest()[:32]}{suffix}"


def kept_or_made(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is kept there, else what is made, and kept if possible.

    Of several processes one makes it, and the others wait for that.
    """
    content = recall_own(path)
    if content is not None:
        return content
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_own(path.parent):
            from filelock import FileLock  # noqa: PLC0415  seldom needed

            with FileLock(path.with_name(_LOCK)):
                return recall_own(path) or _keep(path, make())
    return make()


def recall_own(path: Path) -> bytes | None:
    """What was kept there, whole, if nobody but this user could have written it."""
    try:
        if not (_is_own(path.parent) and _is_own(path)):
            return None
        kept = path.read_bytes()
    except OSError:
        return None
    content = kept[_DIGEST:]
    # After a power failure a file can be there without its content; code like that would end the process.
    return content if sha256(content).digest() == kept[:_DIGEST] else None


def _keep(path: Path, content: bytes) -> bytes:
    """Keeps the content for the next time, whole or not at all, and returns it."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sha256(content).digest() + content)
        part.replace(path)
        keep_newest(path.parent, path.suffix, _KEPT)
    except OSError:
        with suppress(OSError):
            part.unlink()
    return content


@cache
def _versions(sources: tuple[Path, ...]) -> bytes:
    """A digest of the sources, of this folder's, and of what compiles them."""
    digest = sha256(sys.version.encode())
    # What these files say is the version, and reading them takes less than asking for the metadata.
    for name, place in (("numba", "_version.py"), ("llvmlite", "_version.py"), ("numpy", "version.py")):
        digest.update(_beside(name).joinpath(place).read_bytes())
    for path in (*sorted(Path(__file__).parent.glob("*.py")), *sources):
        digest.update(path.read_bytes())
    return digest.digest()


def _beside(package: str) -> Path:
    """The folder of a package, which is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise OSError(f"{package} is not installed")
    return Path(spec.origin).parent


def _is_own(path: Path) -> bool:
    """Whether a file or folder is the user's, not a link, and not to be written by others."""
    status = path.lstat()
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return own and not stat.S_ISLNK(status.st_mode) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
