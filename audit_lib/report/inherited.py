"""What a command and its kernel tell each other: over two inherited descriptors, with nothing on a disk."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from audit_lib.base.errors import AuditError, BadInput, Fault, Refused
from audit_lib.base.progress import Progress

GIVEN, REPORT = "AUDIT_GIVEN_FD", "AUDIT_REPORT_FD"  # in the kernel's environment: the descriptors' numbers
_KINDS = {kind.__name__: kind for kind in (AuditError, Refused)}


@dataclass
class Channel:
    """The kernel's ends of both pipes, and the error that it reported."""

    given: int
    report: int
    errors: list[AuditError] = field(default_factory=list)


@contextmanager
def channel(content: bytes, progress: Progress) -> Iterator[Channel]:
    """A channel for this block: the kernel reads the content once, and `progress` hears how far it is."""
    given, fill = os.pipe()
    heard, report = os.pipe()
    ends = Channel(given, report)
    # A pipe holds 64 KiB: one thread writes as the kernel reads, the other reads as it writes.
    threads = [
        threading.Thread(target=_write, args=(fill, content), daemon=True),
        threading.Thread(target=_hear, args=(heard, ends.errors, progress), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield ends
    finally:
        os.close(given)
        os.close(report)
        for thread in threads:
            thread.join(timeout=5)


def _write(number: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(number, "wb") as stream:
        stream.write(content)


def _hear(number: int, errors: list[AuditError], progress: Progress) -> None:
    with os.fdopen(number, encoding="utf-8") as lines:
        for line in lines:
            said = json.loads(line)
            if "faults" in said:
                errors.append(BadInput(Fault(*fault) for fault in said["faults"]))
            elif "error" in said:
                errors.append(_KINDS.get(said["error"], AuditError)(said["text"]))
            else:
                progress(*said["progress"])


# ---- In the kernel ----


def given_bytes() -> bytes:
    """What the command gives this kernel; empty in any other process, and the second time."""
    number = os.environ.pop(GIVEN, "")
    if not number:
        return b""
    with os.fdopen(int(number), "rb") as stream:
        return stream.read()


def report_progress(part: str, done: int, total: int) -> None:
    """Tell the command how far the work is."""
    _report({"progress": [part, done, total]})


def report_error(error: AuditError) -> None:
    """Tell the command which error of ours ended a cell."""
    if isinstance(error, BadInput):
        _report({"faults": [[fault.place, fault.text] for fault in error.faults]})
    else:
        _report({"error": type(error).__name__, "text": str(error)})


def _report(said: dict[str, Any]) -> None:
    number = os.environ.get(REPORT, "")
    if number:
        with suppress(OSError):
            os.write(int(number), (json.dumps(said) + "\n").encode())
