"""Publishes a folder whole or not at all."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from audit_lib.base.cache import user_cache
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.secrecy.keeper import MANIFEST

NOTEBOOK = "quarterly_review.ipynb"
ARTEFACTS = (
    NOTEBOOK, "report.html", "owner.md", "report.json", "findings.csv", "findings.sarif", "calendar.ics",
    MANIFEST,
)  # fmt: skip
SIGNED = "SIGNED.md"  # who signed a report afterwards: in no manifest, but in the ledger
LOCK_SECONDS = 60
# What other tools leave in a report that was opened with them; it goes with the old report.
_DEBRIS = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}


@contextmanager
def publishing(out: Path) -> Iterator[Path]:
    """A private folder to write into; it becomes `out` when the block ends without an error.

    On any error, and after a crash on the next run, it is removed and `out` is what it was. Raises `BadInput`
    if `out` is no place for a report (other files, not writable), `AuditError` if the disk fails."""
    out = Path(os.path.realpath(out))
    with ExitStack() as stack:
        # Keeps this user's other runs from it meanwhile, if the file system has locks.
        lock = user_cache() / "locks" / sha256(os.fsencode(out)).hexdigest()[:32]
        try:
            lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(FileLock(lock, timeout=LOCK_SECONDS).acquire())
        except Timeout:
            raise BadInput.at(f"--out {out}", "is being written by another run") from None
        except (OSError, NotImplementedError):
            pass
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            _heal(out)
            _check_replaceable(out)
            staging = Path(tempfile.mkdtemp(".unpublished", f".{out.name}.", out.parent))
        except OSError as error:
            raise BadInput.at(f"--out {out}", f"cannot be written: {error.strerror}") from None
        try:
            yield staging
            _check_replaceable(out)
            _put_in_place(staging, out)
        except OSError as error:
            if error.errno not in _DISK_FAULTS:
                raise
            raise AuditError(f"{out}: {error.strerror}; nothing was published") from None
        finally:
            _heal(out)


def _put_in_place(staging: Path, out: Path) -> None:
    """Set the old folder aside and put the new one there; `_heal` ends what a crash leaves half done."""
    umask = os.umask(0o077)
    os.umask(umask)
    staging.chmod(0o777 & ~umask)
    for path in (*staging.rglob("*"), staging):
        number = os.open(path, os.O_RDONLY)
        os.fsync(number)
        os.close(number)
    if out.exists():
        out.rename(out.with_name(f".{out.name}.previous"))
    staging.rename(out)


def _heal(out: Path) -> None:
    """Put an old report back that was set aside, unless a new one is there; remove what was not published."""
    aside = out.with_name(f".{out.name}.previous")
    if aside.exists() and not out.exists():
        aside.rename(out)
    for left in (aside, *out.parent.glob(f".{escape(out.name)}.*.unpublished")):
        shutil.rmtree(left, ignore_errors=True)


def _check_replaceable(out: Path) -> None:
    """Raise unless `out` is absent, empty, or a report with nothing in it but what its manifest lists."""
    place = f"--out {out}"
    BadInput.unless(out.name, place, "cannot be a folder for a report")
    BadInput.unless(out.is_dir() or not os.path.lexists(out), place, "is not a folder")
    present = {entry.name for entry in out.iterdir()} - _DEBRIS if out.exists() else set()
    if present and MANIFEST not in present:
        raise BadInput.at(place, "is a folder with other files, not a report: name another folder")
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # of another tool: it lists none
        present -= {name.split("/")[0] for name in json.loads((out / MANIFEST).read_text("utf-8"))["files"]}
    if strange := sorted(present - {MANIFEST, SIGNED}):
        raise BadInput(Fault(place, f"{name} is not part of the report: move it") for name in strange)
