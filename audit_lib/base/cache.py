"""Columns of numbers that are kept between runs: without pickle, and believed only by their MAC."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_lib.base.cache_folder import keep, recall
from audit_lib.secrecy.keeper import Key

_FACTS = "facts"
_KEPT = 40  # memories of searches


@dataclass(frozen=True)
class ColumnCache:
    """A folder of the newest files of columns, each by what decided it. Safe to delete at any time."""

    folder: Path
    secret: bytes
    most: int

    def name(self, *parts: object) -> str:
        """The name of what these decide; keyed, so that it tells nothing of them."""
        return blake2b(
            repr(parts).encode("utf-8", "surrogateescape"), key=self.secret, digest_size=20
        ).hexdigest()

    def recall(self, name: str) -> tuple[Any, dict[str, NDArray[Any]]] | None:
        """The facts and columns that were kept; None if they are lost, foreign or broken."""
        body = recall(self._path(name), self.secret)
        if body is None:
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            columns = {key: arrays[key] for key in arrays.files}
        return json.loads(columns.pop(_FACTS).tobytes()), columns

    def keep(self, name: str, facts: Any, columns: Mapping[str, NDArray[Any]]) -> None:
        """Keeps facts, which JSON can hold, and columns; it may be that they are not kept."""
        written = io.BytesIO()
        arrays: dict[str, Any] = {
            **columns,
            _FACTS: np.frombuffer(json.dumps(facts).encode("ascii"), np.uint8),
        }
        np.savez(written, **arrays)
        keep(self._path(name), self.secret, written.getvalue(), self.most)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


@dataclass(frozen=True)
class CleanObjects:
    """The objects in which one search of one project found nothing, as it remembers them."""

    path: Path = Path()
    secret: bytes = b""
    objects: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, folder: Path | None, key: Key, root: Path, digest: str, *, believe: bool = True
    ) -> "CleanObjects":
        """What is remembered of a search that the digest names; nothing under a key that all know.

        It is in the user's own cache folder, not in the project, which could otherwise declare itself clean.
        """
        if folder is None or key.origin != "file":
            return cls()
        secret = key.derive("scan cache")
        about = f"{root.resolve()}\0{digest}".encode("utf-8", "surrogateescape")
        path = folder / f"{blake2b(about, key=secret, digest_size=16).hexdigest()}.clean"
        body = recall(path, secret) if believe else None
        return cls(path, secret, frozenset(json.loads(bytes(body)) if body is not None else ()))

    def store(self, objects: Iterable[str]) -> None:
        """Replaces what is remembered."""
        kept = sorted(objects)
        if self.secret and kept != sorted(self.objects):
            keep(self.path, self.secret, json.dumps(kept).encode("ascii"), _KEPT)
