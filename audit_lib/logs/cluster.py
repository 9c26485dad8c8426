"""Reads logs on a dask cluster: the same function for each file, which its workers open themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit_lib.base.errors import BadInput
from audit_lib.base.files import OpenSource, Unreadable, open_source
from audit_lib.logs.files import LogFile

try:
    import fsspec
    from distributed import Client
except ImportError as _missing:
    raise BadInput.at("a URL or --scheduler", f"needs {_missing.name}: install audit-lib[cluster]") from None

_PATIENCE_SECONDS = 10


class RemoteLog(LogFile):
    """A log whose path is a URL."""

    @contextmanager
    def open(self) -> Iterator[OpenSource]:
        """A copy of the log, opened; raises `Unreadable`."""
        try:
            copy = Path(fsspec.open_local(f"simplecache::{self.path}"))
        except (ImportError, OSError, ValueError) as error:
            reason = f"cannot be read ({type(error).__name__}: perhaps audit-lib[cluster] is missing)"
            raise Unreadable(self.path, "unreadable", reason) from None
        with open_source(copy.parent, copy.name) as opened:
            yield opened


@contextmanager
def workers(scheduler: str) -> Iterator[Any]:
    """Maps a function over logs on the workers of a cluster, again if some are lost; `BadInput` for none."""
    try:
        client = Client(scheduler, timeout=_PATIENCE_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None
    with client:
        yield lambda read, logs: (each.result() for each in client.map(read, list(logs), pure=False))
