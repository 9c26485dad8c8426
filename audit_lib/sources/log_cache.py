"""Remembers what logs gave, so that an incident opens at once: by their content's hash, holding no value."""

import hmac
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b, sha256
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.contracts import LogCounts, LogEvents, LogMinutes, Sources
from audit_lib.project import Project
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits
from audit_lib.sources.exact_search import ExactSearch
from audit_lib.sources.files import Unreadable, open_source
from audit_lib.sources.log_paths import log_paths
from audit_lib.sources.logs import LogRead, read_logs
from audit_lib.sources.scan_cache import user_cache

VERSION = b"1"  # of what is stored: another one is another key
FRAMES = {"sources": Sources, "counts": LogCounts, "events": LogEvents, "minutes": LogMinutes}
# Text that other people wrote: a request may bear a value in its path.
_FOREIGN = ("route", "client", "subject")
_MAC = 32
_CHUNK = 1 << 20
STRONG_BITS = 40
KEPT = 4  # caches of older contents that are left


def cached_logs(project: Project, keeper: Keeper, folder: Path | None = None) -> LogRead:
    """All logs of a project, known values removed from routes, clients and subjects.

    What was read before is believed where every file's bytes, time and mode are the same, under the same
    key and formats; a MAC under the key protects it. Under a throw-away key nothing is stored. A cache
    that is lost, foreign or broken means reading again. Safe to delete.
    """
    # A weak value, such as a user's name, stands in texts by chance.
    strong = [one for one in keeper.fingerprints() if keeper.ask(one, strength_bits) >= STRONG_BITS]
    search = ExactSearch(keeper, strong, {})
    if keeper.key.origin == "throw-away":
        return _clean(read_logs(project, None), search)
    secret = keeper.key.derive("log cache")
    home = (folder or user_cache()) / "logs"
    path = home / f"{_digest(project, secret, search.digest)}.npz"
    found = _load(path, secret)
    if found is None:
        found = _clean(read_logs(project, None), search)
        _store(path, secret, found)
    return found


def _digest(project: Project, secret: bytes, values: str) -> str:
    """A keyed digest of everything that decides what reading gives."""
    formats = resources.files("audit_lib").joinpath("log_formats.toml").read_bytes()
    total = blake2b(VERSION + formats + values.encode(), key=secret, digest_size=20)
    total.update(str(project.root).encode("utf-8", "surrogateescape"))
    for source in project.log_sources:
        total.update(repr(source).encode("utf-8", "surrogateescape"))
        for path in log_paths(project.root, source.pattern):
            total.update(repr((path, _content(project.root, path))).encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _content(root: Path, path: str) -> tuple[object, ...]:
    """A file's hash and facts; of one that cannot be read, why."""
    digest = sha256()
    try:
        with open_source(root, path) as source:
            while chunk := source.file.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest(), source.facts
    except Unreadable as error:
        return error.state, error.reason


def _clean(logs: LogRead, search: ExactSearch) -> LogRead:
    """The frames without known values."""
    for frame in (logs.counts, logs.events, logs.minutes):
        for column in _FOREIGN:
            if column in frame:
                texts = {text: search.scrub(text) for text in frame[column].unique()}
                changed = {text: clean for text, clean in texts.items() if text != clean}
                if changed:
                    frame[column] = frame[column].replace(changed)
    return logs


def _store(path: Path, secret: bytes, logs: LogRead) -> None:
    """Keep it for the user alone; a cache that cannot be written is none."""
    arrays = {name: array for key in FRAMES for name, array in _packed(key, getattr(logs, key))}
    written = io.BytesIO()
    np.savez(written, **arrays)
    body = written.getvalue()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hmac.digest(secret, body, sha256) + body)
        Path(file.name).replace(path)
        old = sorted(path.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)
        for one in old[:-KEPT]:
            one.unlink()


def _load(path: Path, secret: bytes) -> LogRead | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    mac, body = content[:_MAC], memoryview(content)[_MAC:]
    if not hmac.compare_digest(mac, hmac.digest(secret, body, sha256)):
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return LogRead(**{key: _unpacked(key, arrays) for key in FRAMES})


def _packed(key: str, frame: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Each column as plain arrays: text as codes into a list of its texts, numbers with a mask of nulls."""
    yield f"{key}/rows", np.array([len(frame)])
    for column in frame:
        values = frame[column]
        name = f"{key}/{column}"
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            yield f"{name}/at", values.astype("int64").to_numpy()
        elif pd.api.types.is_string_dtype(values.dtype):
            codes, texts = pd.factorize(values)
            yield f"{name}/codes", codes.astype(np.int32)
            packed = json.dumps([str(text) for text in texts]).encode("ascii")
            yield f"{name}/texts", np.frombuffer(packed, dtype=np.uint8)
        else:
            yield f"{name}/null", values.isna().to_numpy()
            yield f"{name}/numbers", values.astype("Int64").fillna(0).to_numpy(dtype="int64")


def _unpacked(key: str, arrays: Any) -> pd.DataFrame:
    """The frame as its contract types it; it was validated before it was stored."""
    empty = FRAMES[key].of([])
    columns = {}
    for column in empty:
        name, dtype = f"{key}/{column}", empty[column].dtype
        if f"{name}/at" in arrays:
            at = arrays[f"{name}/at"].view("datetime64[us]")
            columns[column] = pd.Series(at).dt.tz_localize("UTC")
        elif f"{name}/codes" in arrays:
            texts = np.array([*json.loads(arrays[f"{name}/texts"].tobytes()), None], dtype=object)
            columns[column] = pd.Series(texts[arrays[f"{name}/codes"]], dtype=dtype)
        else:
            numbers = pd.Series(arrays[f"{name}/numbers"]).astype("Int64")
            columns[column] = numbers.mask(pd.Series(arrays[f"{name}/null"])).astype(dtype)
    return pd.DataFrame(columns)
