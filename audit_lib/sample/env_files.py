"""The env files of the sample as text, with the faults that people make in them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from audit_lib.sample.history import FILES, HeldVariable
from audit_lib.sample.values import hexadecimal

MODES = {"backend/.env": 0o644}  # all others: 0600
WRITTEN = {
    "backend/.env": "2026-09-10T09:12:00Z",
    "backend/.env.bak": "2026-06-20T16:40:00Z",
    "frontend/.env.local": "2026-02-03T10:00:00Z",
    "deploy/backend.staging.env": "2026-06-15T08:30:00Z",
    "deploy/backend.production.json": "2026-08-13T14:05:00Z",
    "deploy/frontend.production.env": "2026-05-20T11:00:00Z",
}
BACKUP_AT = datetime.fromisoformat(WRITTEN["backend/.env.bak"])


def env_files(held: Iterable[HeldVariable], instant: datetime) -> dict[str, bytes]:
    """Each env file as it stands at an instant, and the backup that somebody left."""
    texts = {
        path: _text(held, path, instant) for path in FILES.values() if path != "deploy/frontend.staging.env"
    }
    texts["backend/.env"] = _with_faults(texts["backend/.env"])
    # Next reads a value up to the first `#`.
    texts["frontend/.env.local"] = texts["frontend/.env.local"].rstrip("\n") + "#production\n"
    texts["backend/.env.bak"] = _text(held, "backend/.env", BACKUP_AT)
    texts["deploy/backend.staging.env"] = texts["deploy/backend.staging.env"].replace("\n", "\r\n")
    return {path: text.encode() for path, text in texts.items()}


IGNORED_EXAMPLE = "frontend/.env.local.example"  # git ignores it, so that no clone has it


def examples() -> dict[str, bytes]:
    """The example files; one of them shows a value that somebody uses."""
    backend = {
        "API_TOKEN": "your-key-here",
        "TRADIER_API_KEY": "",
        "TRADIER_ACCOUNT_ID": "",
        "ALPACA_PAPER_API_KEY": "",
        "ALPACA_PAPER_SECRET_KEY": "",
        "DATABASE_URL": "postgresql://username:your-password-here@host:5432/app",
        "JWT_SECRET_KEY": "",
        "GITHUB_WEBHOOK_SECRET": hexadecimal("example webhook").text,
        "REPORT_FOLDER": "",  # nothing reads it, and no rule is about it
    }
    frontend = {"NEXT_PUBLIC_API_TOKEN": "your-key-here", "NEXT_PUBLIC_BACKEND_API_BASE_URL": ""}
    return {
        "backend/.env.example": _lines("Copy to .env and fill in.", backend).encode(),
        IGNORED_EXAMPLE: _lines("Copy to .env.local and fill in.", frontend).encode(),
    }


def _text(held: Iterable[HeldVariable], path: str, instant: datetime) -> str:
    here = [(one.name, one.at(instant)) for one in held if one.source == path]
    values = {name: value.text for name, value in here if value is not None}
    if path.endswith(".json"):  # as the platform's API gives them
        entries = [{"envVar": {"key": name, "value": value}} for name, value in values.items()]
        return json.dumps(entries, indent=2) + "\n"
    return _lines("Kept by hand.", values)


def _lines(comment: str, values: Mapping[str, str]) -> str:
    return f"# {comment}\n\n" + "".join(f"{name}={value}\n" for name, value in values.items())


def _with_faults(text: str) -> str:
    """Quotes, a name set twice, and a line that is none."""
    first, rest = text.split("TRADIER_API_KEY=", 1)
    value, rest = rest.split("\n", 1)
    token = next(line for line in first.splitlines() if line.startswith("API_TOKEN="))
    return f'{first}export TRADIER_API_KEY="{value}"\n{token}\nremember to rotate these\n{rest}'
