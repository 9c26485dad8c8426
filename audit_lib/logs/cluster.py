"""Reads logs on a dask cluster: the same function on the same parts, which its workers open themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.read_files import Run, read_part

try:
    import fsspec
    from distributed import Client
except ImportError as _missing:
    raise BadInput.at("a URL or --scheduler", f"needs {_missing.name}: install audit-lib[cluster]") from None

_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class RemoteLog:
    """A log by its URL."""

    url: str
    file: Any = None

    @contextmanager
    def open(self) -> Iterator["RemoteLog"]:
        """The log, opened; raises `Unreadable`."""
        try:
            with fsspec.open(self.url, "rb") as file:
                yield RemoteLog(self.url, file)
        except ImportError:
            reason = "needs a library of its own: install audit-lib[cluster]"
            raise Unreadable(self.url, "unreadable", reason) from None
        except (OSError, ValueError) as error:
            raise Unreadable(self.url, "unreadable", f"cannot be read ({type(error).__name__})") from None

    def piece(self, start: int, end: int) -> bytes:
        """The bytes between two places."""
        self.file.seek(start)
        return bytes(self.file.read(end - start))

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return int(self.file.seek(0, 2))


def connect(scheduler: str) -> Any:
    """A client of the cluster, to be closed; `BadInput` where no scheduler answers."""
    try:
        return Client(scheduler, timeout=_PATIENCE_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None


@contextmanager
def workers(formats: LogFormats, scheduler: str) -> Iterator[Run]:
    """Reads parts on the workers of a cluster, and again if some are lost."""
    with connect(scheduler) as client:
        read = partial(read_part, formats)

        def run(tasks: Any) -> Any:
            futures = [client.submit(read, *task, pure=False) for task in tasks]
            return (future.result() for future in futures)

        yield run
