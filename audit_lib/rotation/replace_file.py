"""Replaces a file in one step: whoever reads it, and after a crash, finds the old content or the new."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.base.files import sync_folder

SUFFIX = ".audit-lib-new"


def replace_file(path: Path, expected: bytes, content: bytes) -> None:
    """The file has the new content, its mode and, as far as the system allows, its owner.

    No copy of the old content is made. The new one is written to `NAME.audit-lib-new` beside it first, for
    its owner alone, and is removed if anything fails; what an earlier crash left there is overwritten.

    `BadInput` if the file holds other bytes than expected by now, or cannot be written.
    """
    beside = path.with_name(path.name + SUFFIX)
    try:
        facts = path.stat()
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            _write(handle, content, facts)
            if path.read_bytes() != expected:
                raise BadInput.at(path.name, "was changed meanwhile: nothing was written")
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise BadInput.at(path.name, f"cannot be written ({error.strerror})") from None


def _write(handle: int, content: bytes, facts: os.stat_result) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        if hasattr(os, "fchmod"):
            with suppress(PermissionError):
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
        file.flush()
        os.fsync(file.fileno())
