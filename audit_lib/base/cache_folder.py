"""The folder for what may be deleted at any time, and files in it that are believed only by their MAC.

The MAC is also over this package: other code may find or store otherwise, and no number has to be raised.
"""

import hmac
import os
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import audit_lib

_MAC = 32


def user_cache() -> Path:
    """The folder, which need not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "audit_lib"


def recall(path: Path, secret: bytes, largest: int = 1 << 40) -> memoryview | None:
    """What this code kept there under this secret; None of a file that is lost, foreign, broken or larger."""
    try:
        content = path.read_bytes() if path.stat().st_size <= largest else b""
    except OSError:
        return None
    mac, body = content[:_MAC], memoryview(content)[_MAC:]
    return body if hmac.compare_digest(mac, _mac(secret, body)) else None


def keep(path: Path, secret: bytes, body: bytes, most: int = 0) -> None:
    """Keep it for the user alone, of its kind the newest so many, or all; it may be that it is not kept."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(_mac(secret, body) + body)
        Path(file.name).replace(path)
        if most:
            keep_newest(path.parent, path.suffix, most)


def _mac(secret: bytes, body: bytes | memoryview) -> bytes:
    mac = hmac.new(secret, _program(), sha256)
    mac.update(body)
    return mac.digest()


@cache
def _program() -> bytes:
    """A digest of every file of this package but those that Python compiled."""
    files = (path for path in Path(audit_lib.__file__).parent.rglob("*") if path.suffix != ".pyc")
    digests = (sha256(path.read_bytes()).digest() for path in sorted(files) if path.is_file())
    return sha256(b"".join(digests)).digest()


def keep_newest(folder: Path, suffix: str, most: int) -> None:
    """Delete the files of one kind but the newest so many. Raises `OSError`."""
    by_age = sorted(folder.glob(f"*{suffix}"), key=lambda one: one.stat().st_mtime)
    for old in by_age[:-most]:
        old.unlink(missing_ok=True)
