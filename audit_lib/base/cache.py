"""Columns of numbers that are kept between runs: without pickle, and believed only by their MAC."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_lib.base.cache_folder import keep, recall

_FACTS = "facts"


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
