"""Remembers which contents held nothing, so that a re-audit searches only new ones. Holds no value."""

import hmac
import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b, sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from audit_lib.keeper import Key

_MAC = 32
_LIMIT = 1 << 30


class ScanCache:
    """The contents of one project that held nothing, believed only under the same key and search.

    It lies in the user's own cache folder, not in the project, which could otherwise declare itself clean;
    a MAC under the key protects it. A lost, foreign or broken cache means a full search. Safe to delete.
    """

    def __init__(
        self, folder: Path | None, key: Key, project: Path, what: str, digest: str, *, believe: bool = True
    ) -> None:
        """Reads what is believed: the ids in `clean`. `what` is values or shapes, `digest` names them all."""
        self._key = key.derive("scan cache")
        self._digest = digest
        name = blake2b(
            str(project.resolve()).encode("utf-8", "surrogateescape"), key=self._key, digest_size=16
        )
        self._path = (folder or Path()) / f"{name.hexdigest()}.{what}"
        # Under a key that dies with the process, or that all know, nothing could be believed later.
        self._lasting = folder is not None and key.origin == "file"
        self.clean = self._read() if believe else frozenset()

    def _read(self) -> frozenset[str]:
        content = b""
        with suppress(OSError):
            if self._lasting and self._path.stat().st_size <= _LIMIT:
                content = self._path.read_bytes()
        mac, body = content[:_MAC], content[_MAC:]
        if not hmac.compare_digest(mac, hmac.digest(self._key, body, sha256)):
            return frozenset()
        digest, *ids = body.decode("ascii").split("\n")
        return frozenset(ids) if digest == self._digest else frozenset()

    def store(self, ids: Iterable[str]) -> None:
        """Replaces what was remembered; a cache that cannot be written is none."""
        if not self._lasting:
            return
        body = "\n".join([self._digest, *sorted(ids)]).encode("ascii")
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                file.write(hmac.digest(self._key, body, sha256) + body)
            Path(file.name).replace(self._path)

    def file_id(self, path: str, facts: tuple[int, ...]) -> str:
        """The id of a file's state: another size, time or inode is another id. Says nothing of the path."""
        text = "\0".join([path, *map(str, facts)]).encode("utf-8", "surrogateescape")
        return blake2b(text, key=self._key, digest_size=20).hexdigest()


def user_cache() -> Path:
    """The folder for what may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "audit_lib"
