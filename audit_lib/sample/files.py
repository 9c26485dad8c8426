"""The sample's files: those of `project/`, and what people keep beside them: env files and a script."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from audit_lib.sample.story import FILES, HeldVariable, drawn

DEPLOYS = "evidence/deploys-backend.json"
# What came into git with the audit; the list of deploys is exported for each review.
DESCRIBED = ("audit", "render.yaml", "docker/", "compose.yaml")
_READ: tuple[str, ...] = (
    "API_TOKEN",
    "JWT_SECRET_KEY",
    "DATABASE_URL",
    "TRADIER_ACCOUNT_ID",
    "TRADIER_API_KEY",
)
_READ += ("ALPACA_PAPER_API_KEY", "ALPACA_PAPER_SECRET_KEY")
_OPTIONAL = ("ANTHROPIC_API_KEY", "GITHUB_WEBHOOK_SECRET", "STRICT_SECRET_VALIDATION", "BILLING_API_SECRET")


def env_files(held: Sequence[HeldVariable], instant: datetime) -> dict[str, bytes]:
    """Each env file as it is at an instant, with what people write into it; one is the platform's export."""
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
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    files["render.yaml"] = files["render.yaml"].replace(b"{value}", drawn("text in a blueprint", 43).encode())
    lines = [f'{name} = os.environ["{name}"]\n' for name in _READ]
    lines += [f'{name} = os.getenv("{name}", "")\n' for name in _OPTIONAL]
    return {**files, "backend/app/main.py": "".join(("import os\n\n", *lines)).encode()}


def script(held: Sequence[HeldVariable], instant: datetime) -> dict[str, bytes]:
    """A test of staging with its session key, which is production's, too."""
    keys = [variable.at(instant) for variable in held if variable.name == "JWT_SECRET_KEY"]
    text = f"#!/bin/sh\nexport JWT_SECRET_KEY={keys[1].text if keys[1] else ''}\n"
    return {"scripts/smoke_test.sh": f"{text}python -m backend.app.smoke_test --host staging\n".encode()}
