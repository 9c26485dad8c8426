"""Reads logs on a dask cluster: the same function for each file, which its workers open themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audit_lib.base.errors import BadInput

try:
    from distributed import Client
except ImportError as _missing:
    raise BadInput.at("a URL or --scheduler", f"needs {_missing.name}: install audit-lib[cluster]") from None

_PATIENCE_SECONDS = 10


@contextmanager
def workers(scheduler: str) -> Iterator[Any]:
    """Maps a function over logs on the workers of a cluster, again if some are lost; `BadInput` for none."""
    try:
        client = Client(scheduler, timeout=_PATIENCE_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None
    with client:
        yield lambda read, logs: (each.result() for each in client.map(read, list(logs), pure=False))
