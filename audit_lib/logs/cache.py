"""Remembers what logs gave, so that an incident opens at once: by their content's hash, holding no value."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.cache_folder import keep, recall, user_cache
from audit_lib.base.files import Unreadable
from audit_lib.base.frames import Contract, Sources
from audit_lib.base.progress import Progress, quiet
from audit_lib.logs.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.logs.formats import BUNDLED, LogFormats, load_formats
from audit_lib.logs.frames import LogRead
from audit_lib.logs.log_files import LogFile, log_files
from audit_lib.logs.project_formats import formats_source
from audit_lib.logs.project_logs import read_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import Project

FRAMES: dict[str, type[Contract]] = {
    "sources": Sources,
    "counts": LogCounts,
    "events": LogEvents,
    "minutes": LogMinutes,
}
# Text that other people wrote: a request may bear a value in its path, a log in its name.
_FOREIGN = ("route", "client", "subject", "source", "file")
KEPT = 4  # caches of older contents that are left


def cached_logs(
    project: Project,
    keeper: Keeper,
    folder: Path | None = None,
    *,
    formats: LogFormats | None = None,
    progress: Progress = quiet,
) -> LogRead:
    """All logs of a project, known values removed from routes, clients, subjects and names of files.

    Of the frames, but for the sources, texts are categories, and the minutes stand in the order of time:
    millions of rows are then sliced and summed within a moment.

    What was read before is believed where every file's bytes, time and mode are the same, under the same
    key and formats, by the same code; a MAC under the key protects it. Under a throw-away key nothing is
    stored. A cache that is lost, foreign or broken means reading again. Safe to delete.
    """
    search, formats = Redactor.of(keeper), formats or load_formats()
    if keeper.key.origin == "throw-away":
        return _coded(without_values(read_logs(project, None, formats, progress=progress), search))
    secret = keeper.key.derive("log cache")
    home = (folder or user_cache()) / "logs"
    digest = _digest(project, secret, search.digest, formats)
    path = home / f"{digest}.npz"
    found = _load(path, secret)
    if found is None:
        found = _coded(without_values(read_logs(project, None, formats, progress=progress), search))
        keep(path, secret, _written(found), KEPT)
    return replace(found, digest=digest)


def _digest(project: Project, secret: bytes, values: str, formats: LogFormats) -> str:
    """A keyed digest of everything that decides what reading gives."""
    bundled = formats_source(project).content if project.formats else BUNDLED.read_bytes()
    total = blake2b(bundled + values.encode(), key=secret, digest_size=20)
    total.update(repr((formats.declared_statuses, formats.logins, formats.secret_parameters)).encode())
    total.update(str(project.root).encode("utf-8", "surrogateescape"))
    for source in project.log_sources:
        total.update(repr(source).encode("utf-8", "surrogateescape"))
    for _, files in log_files(project):
        for file in files:
            total.update(repr((file.name, _content(file))).encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _content(file: LogFile) -> tuple[object, ...]:
    """A file's hash and facts; of one that cannot be read, why."""
    try:
        with file.open() as source:
            return source.finish(), source.facts if file.dated else None
    except Unreadable as error:
        return error.state, error.reason


def without_values(logs: LogRead, search: Redactor) -> LogRead:
    """The frames without known values."""
    for frame in (logs.sources, logs.counts, logs.events, logs.minutes):
        for column in _FOREIGN:
            if column in frame and (changed := search.texts(frame[column].unique())):
                frame[column] = frame[column].replace(changed)
    return logs


def _coded(logs: LogRead) -> LogRead:
    """The frames with texts as categories, the minutes in the order of time."""
    minutes = logs.minutes.sort_values("minute_at", kind="stable", ignore_index=True)
    frames = {"counts": logs.counts, "events": logs.events, "minutes": minutes}
    coded = {name: frame.astype(_categories(FRAMES[name])) for name, frame in frames.items()}
    return replace(logs, counts=coded["counts"], events=coded["events"], minutes=coded["minutes"])


def _categories(contract: type[Contract]) -> dict[str, str]:
    texts = contract.types().items()
    return {name: "category" for name, dtype in texts if isinstance(dtype, pd.StringDtype)}


def _written(logs: LogRead) -> bytes:
    arrays = {name: array for key in FRAMES for name, array in _packed(key, getattr(logs, key))}
    written = io.BytesIO()
    np.savez(written, **arrays)
    return written.getvalue()


def _load(path: Path, secret: bytes) -> LogRead | None:
    body = recall(path, secret)
    if body is None:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        sources, counts, events, minutes = (_unpacked(key, arrays) for key in FRAMES)
    return LogRead(sources, counts, events, minutes)


def _packed(key: str, frame: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Each column as plain arrays: text as codes into a list of its texts, numbers with a mask of nulls."""
    for column, values in frame.items():
        name = f"{key}/{column}"
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            yield f"{name}/at", values.astype("int64").to_numpy()
        elif isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
            texts = values.astype("category").cat
            yield f"{name}/codes", texts.codes.to_numpy()
            packed = json.dumps([str(text) for text in texts.categories]).encode("ascii")
            yield f"{name}/texts", np.frombuffer(packed, dtype=np.uint8)
        else:
            yield f"{name}/null", np.flatnonzero(values.isna())
            numbers = values.astype("Int64").fillna(0).to_numpy(dtype="int64")
            bounds = np.min(numbers, initial=0), np.max(numbers, initial=0)
            least = np.result_type(*map(np.min_scalar_type, bounds))
            yield f"{name}/numbers", numbers.astype(least)


def _unpacked(key: str, arrays: Any) -> pd.DataFrame:
    """The frame as it was stored; it was validated before."""
    columns: dict[str, Any] = {}
    for column, dtype in FRAMES[key].types().items():
        name = f"{key}/{column}"
        if f"{name}/at" in arrays:
            columns[column] = pd.DatetimeIndex(arrays[f"{name}/at"].view("datetime64[us]"), tz="UTC")
        elif f"{name}/codes" in arrays:
            texts = pd.Index(json.loads(arrays[f"{name}/texts"].tobytes()), dtype="str")
            coded = pd.Categorical.from_codes(arrays[f"{name}/codes"], texts)
            columns[column] = coded.astype(dtype) if key == "sources" else coded
        else:
            columns[column] = _numbers(arrays, name).astype(dtype)
    return pd.DataFrame(columns, copy=False)


def _numbers(arrays: Any, name: str) -> "pd.Series[Any]":
    """The numbers of a column, nullable where some are null."""
    numbers, null = arrays[f"{name}/numbers"].astype("int64"), arrays[f"{name}/null"]
    if not len(null):
        return pd.Series(numbers)
    absent = np.zeros(len(numbers), dtype=bool)
    absent[null] = True
    return pd.Series(pd.arrays.IntegerArray(numbers, absent))
