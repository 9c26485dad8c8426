"""What is kept between runs outside of every project: events of logs, objects searched clean, and state.

A cache may be deleted at any time. It holds no value, is read without pickle, and believed only by its MAC,
which is also over this package: other code may find or store otherwise, and no number has to be raised."""

import hmac
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import audit_lib

_MAC = 32
_LARGEST_STATE = 4 << 20  # bytes


def user_cache() -> Path:
    """The folder for caches, which need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audit_lib"


@dataclass(frozen=True)
class Cache:
    """A folder of the `most` newest files of one kind, each named by what decided it.

    Whoever has the `secret` alone can write what is believed (SECURITY.md#the-cache-folder).
    """

    folder: Path
    secret: bytes
    kind: str
    most: int

    def name(self, *parts: object) -> str:
        """The name of what these decide; keyed, so that it tells nothing of them."""
        text = repr(parts).encode("utf-8", "surrogateescape")
        return blake2b(text, key=self.secret, digest_size=20).hexdigest()

    def recall(self, name: str) -> bytes | None:
        """What this code kept under this secret; None if it is lost, foreign or broken."""
        try:
            content = (self.folder / f"{name}.{self.kind}").read_bytes()
        except OSError:
            return None
        return content[_MAC:] if hmac.compare_digest(content[:_MAC], self._mac(content[_MAC:])) else None

    def keep(self, name: str, body: bytes) -> None:
        """Keep it for the user alone, in place of the oldest beyond the `most`.

        Where nothing can be written it is not kept, and that is no fault.
        """
        with suppress(OSError):
            _replace(self.folder / f"{name}.{self.kind}", self._mac(body) + body)
            kept = sorted(self.folder.glob(f"*.{self.kind}"), key=lambda path: path.stat().st_mtime)
            for old in kept[: -self.most]:
                old.unlink(missing_ok=True)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.secret, _program() + body, sha256)


@cache
def _program() -> bytes:
    files = (path for path in Path(audit_lib.__file__).parent.rglob("*") if path.suffix != ".pyc")
    digests = [sha256(path.read_bytes()).digest() for path in sorted(files) if path.is_file()]
    return sha256(b"".join(digests)).digest()


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in a folder for the user alone. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def recall_state(name: str) -> dict[str, Any]:
    """What was remembered under a name; empty if there is nothing, or someone else could have written it."""
    with suppress(OSError, ValueError, RecursionError, RuntimeError):
        facts = _state(name).lstat()
        own = facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
        if stat.S_ISREG(facts.st_mode) and own and facts.st_size <= _LARGEST_STATE:
            state = json.loads(_state(name).read_text("utf-8"))
            return state if isinstance(state, dict) else {}
    return {}


def remember_state(name: str, content: dict[str, Any]) -> bool:
    """Whether it could be remembered, in place of what was; a home that cannot be written is no fault."""
    with suppress(OSError, RuntimeError):
        _replace(_state(name), json.dumps(content, sort_keys=True).encode())
        return True
    return False


def _state(name: str) -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "audit_lib" / f"{name}.json"
