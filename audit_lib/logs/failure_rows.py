"""The failed requests and messages of one log as a frame, read while pandas is imported."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, cast
from zoneinfo import ZoneInfo

from audit_lib.base.errors import BadInput
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_file import read_to_end
from audit_lib.logs.read_options import Plan, Wanted

if TYPE_CHECKING:
    import pandas as pd

_EVENTS = Wanted(client=False, route=False, method=False, minutes=False, counts=False)


def failure_rows(path: Path, zone: str = "UTC") -> "pd.DataFrame":
    """One row for each refused request and each message of a log, by line, with the columns of LogEvents.

    `zone` is that of times without one. Raises `BadInput` for a file that cannot be read to its end.
    """
    plan = Plan(load_formats(), ZoneInfo(zone), wanted=_EVENTS)
    with ThreadPoolExecutor(1) as pool, _opened(path) as file:
        # Importing pandas takes as long as reading two million lines, and only what was read needs it.
        rows = pool.submit(_log_rows)
        sums = read_to_end(file, str(path), plan)
        return cast("pd.DataFrame", rows.result().rows_of(path.name, sums, sums.events))


def _log_rows() -> ModuleType:
    """The module that makes frames, which imports pandas."""
    name = "audit_lib.logs.frames"
    return import_module(name)


def _opened(path: Path) -> BinaryIO:
    try:
        return cast(BinaryIO, path.open("rb", buffering=0))
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be read ({error.strerror})") from None
