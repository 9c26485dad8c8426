"""Builds the sample project: a PaiiD-like application of a small company, with one fault of each kind."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.ledger.keys import demo_key
from audit_lib.sample.ledger import sign_off, write_ledger
from audit_lib.sample.logs import log_files
from audit_lib.sample.repository import Commit, write_repository
from audit_lib.sample.story import AS_OF, FILES, HeldVariable, drawn, midnight, timeline
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.load import dump

BACKEND = "backend/.env"
DEPLOYS = "evidence/deploys-backend.json"
# What came into git with the audit; the list of deploys is exported for each review.
DESCRIBED = ("audit", "render.yaml", "docker/", "compose.yaml")
_READ = (
    "API_TOKEN",
    "JWT_SECRET_KEY",
    "DATABASE_URL",
    "TRADIER_ACCOUNT_ID",
    "TRADIER_API_KEY",
    "ALPACA_PAPER_API_KEY",
    "ALPACA_PAPER_SECRET_KEY",
)
_OPTIONAL = ("ANTHROPIC_API_KEY", "GITHUB_WEBHOOK_SECRET", "STRICT_SECRET_VALIDATION", "BILLING_API_SECRET")
WRITTEN = {  # when env files were written last: for their owner alone, but one
    BACKEND: "2026-09-10T09:12:00Z",
    "deploy/backend.staging.env": "2026-09-01T08:30:00Z",
    "deploy/backend.production.json": "2026-08-24T14:05:00Z",
    "deploy/frontend.production.env": "2026-07-08T11:00:00Z",
}


def build_sample(folder: Path) -> None:
    """The sample project in a new or empty folder: the same bytes, times and commits each time.

    Raises:
        BadInput: the folder is not empty or cannot be written; git is missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput.at(str(folder), "is not empty: name a new folder")
    except OSError as error:
        raise BadInput.at(str(folder), f"cannot be used ({error.strerror})") from None
    held, keeper, ledger = timeline(), Keeper(demo_key()), folder / ".audit" / "ledger"
    _write(folder, {**project_files(), **script(held, AS_OF), **env_files(held, AS_OF), **log_files(held)})
    write_repository(folder, _history(held))
    write_ledger(ledger, keeper, held)
    project = load_project(folder, sample=True)
    sign_off(ledger, keeper, dump(choose_policy(project), project))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600 if name in WRITTEN and name != BACKEND else 0o644)
        written = datetime.fromisoformat(WRITTEN.get(name, "2026-09-29T00:00:00Z")).timestamp()
        os.utime(path, (written, written))


def _history(held: tuple[HeldVariable, ...]) -> tuple[Commit, ...]:
    """An env file that was committed and taken out again, and a script with a value to this day."""
    files, committed, later = project_files(), midnight("2026-02-10"), midnight("2026-06-15")
    begun = {name: files[name] for name in files if not name.startswith((*DESCRIBED, DEPLOYS, ".gitignore"))}
    described = {name: files[name] for name in files if name.startswith(DESCRIBED)}
    return (
        Commit(midnight("2026-01-05"), "Begin", begun),
        Commit(committed, "Add backend settings", {BACKEND: env_files(held, committed)[BACKEND]}),
        Commit(midnight("2026-02-12"), "Ignore env files", {".gitignore": files[".gitignore"]}, (BACKEND,)),
        Commit(later, "Test staging after each deploy", script(held, later)),
        Commit(midnight("2026-09-01"), "Describe the audit", described),
    )


# ---- What the files hold ----


def env_files(held: Sequence[HeldVariable], instant: datetime) -> dict[str, bytes]:
    """The bytes of each env file at an instant, by its path within the project.

    Variables stand in the order of `held`, without those that are not there at the instant. One file is the
    platform's export in JSON. The backend's ends with a sentence that people left in it, as they do: a line
    that is not understood.
    """
    texts = {}
    for path in FILES.values():
        here = [(variable.name, variable.at(instant)) for variable in held if variable.source == path]
        values = {name: value.text for name, value in here if value is not None}
        texts[path] = "# Kept by hand.\n\n" + "".join(f"{name}={value}\n" for name, value in values.items())
        if path.endswith(".json"):
            entries = [{"envVar": {"key": name, "value": value}} for name, value in values.items()]
            texts[path] = json.dumps(entries, indent=2) + "\n"
    texts["backend/.env"] += "remember to rotate these\n"
    return {path: text.encode() for path, text in texts.items()}


def project_files() -> dict[str, bytes]:
    """The application's files, its platform's and its auditor's, by path within the project.

    They are the same at each instant. The blueprint has a value in clear, which the review finds.
    """
    root = Path(__file__).with_name("project")
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    files["render.yaml"] = files["render.yaml"].replace(b"{value}", drawn("text in a blueprint", 43).encode())
    lines = [f'{name} = os.environ["{name}"]\n' for name in _READ]
    lines += [f'{name} = os.getenv("{name}", "")\n' for name in _OPTIONAL]
    return {**files, "backend/app/main.py": "".join(("import os\n\n", *lines)).encode()}


def script(held: Sequence[HeldVariable], instant: datetime) -> dict[str, bytes]:
    """A test of staging with its session key, which is production's, too."""
    keys = [variable.at(instant) for variable in held if variable.name == "JWT_SECRET_KEY"]
    text = f"#!/bin/sh\nexport JWT_SECRET_KEY={keys[1].text if keys[1] else ''}\n"
    return {"scripts/smoke_test.sh": f"{text}python -m backend.app.smoke_test --host staging\n".encode()}
