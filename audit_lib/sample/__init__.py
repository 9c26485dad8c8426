"""Builds the sample project: a PaiiD-like application that shows every status and every check."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.ledger.keys import demo_key
from audit_lib.sample.configuration import DEPLOYS, configuration_files, deploy_list
from audit_lib.sample.env_files import IGNORED_EXAMPLE, MODES, WRITTEN, env_files, examples
from audit_lib.sample.files import IGNORED, audit_files, code_files, trigger_files
from audit_lib.sample.history import HeldVariable, midnight, timeline
from audit_lib.sample.ledger import sign_off, write_ledger
from audit_lib.sample.logs import log_files
from audit_lib.sample.repository import Commit, write_repository
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.dump import dump

AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
STAGING = "deploy/backend.staging.env"
BACKEND = "backend/.env"


def build_sample(folder: Path) -> None:
    """The sample project in a new or empty folder: the same bytes, times and commits each time.

    Raises:
        BadInput: the folder is not empty or cannot be written; git is missing.
    """
    _empty(folder)
    held = timeline()
    keeper = Keeper(demo_key())
    files = {
        ".gitignore": IGNORED.encode(),
        **code_files(),
        **examples(),
        **audit_files(),
        **trigger_files(),
        **configuration_files(),
        **env_files(held, AS_OF),
        **log_files(held),
        DEPLOYS: deploy_list(),
    }
    _write(folder, files)
    write_repository(folder, _history(held, files))
    ledger = folder / ".audit" / "ledger"
    write_ledger(ledger, keeper, held)
    project = load_project(folder, sample=True)
    sign_off(ledger, keeper, dump(choose_policy(project), project))


def _empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput.at(str(folder), "is not empty: name a new folder")
    except OSError as error:
        raise BadInput.at(str(folder), f"cannot be used ({error.strerror})") from None


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """The files, each with its mode and its fixed time of last writing."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(MODES.get(name, 0o600 if name in WRITTEN else 0o644))
        written = datetime.fromisoformat(WRITTEN.get(name, "2026-09-29T00:00:00Z")).timestamp()
        os.utime(path, (written, written))


def _history(held: tuple[HeldVariable, ...], files: Mapping[str, bytes]) -> tuple[Commit, ...]:
    """An env file that was committed and taken out again, and one that is tracked to this day."""
    then, later = midnight("2026-02-10"), midnight("2026-04-06")
    tracked = {path: content for path, content in examples().items() if path != IGNORED_EXAMPLE}
    return (
        Commit(midnight("2026-01-05"), "Begin", {**code_files(), **tracked}),
        Commit(then, "Add backend settings", {BACKEND: env_files(held, then)[BACKEND]}),
        Commit(midnight("2026-02-12"), "Ignore env files", {".gitignore": IGNORED.encode()}, (BACKEND,)),
        Commit(later, "Deploy staging", {STAGING: env_files(held, later)[STAGING]}),
        Commit(midnight("2026-06-15"), "Change the session key", {STAGING: files[STAGING]}),
        Commit(midnight("2026-09-01"), "Describe the audit", {**audit_files(), **configuration_files()}),
    )
