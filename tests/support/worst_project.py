"""A project that breaks every rule of the guide that anything can show to be broken."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings.load import remember_sample
from tests.support.fakes import fake_value
from tests.support.sample_copy import write_sample

AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
QUESTIONS = range(139, 148)
PRODUCTION = "deploy/backend.production.json"
BACK = fake_value("came back")
HEX = "0123456789abcdef"
REDIS = f"redis://:{fake_value('redis', 40)}@cache.internal:6379/0"
NOTHING = (
    "TRADIER_API_KEY",
    "ALPACA_PAPER_API_KEY",
    "ALPACA_PAPER_SECRET_KEY",
    "DATABASE_URL",
    "JWT_SECRET_KEY",
)
# Beside the sample's files: one without values, one of wrong forms, one of placeholders.
ENV_FILES = {
    "deploy/production.backend.env": dict.fromkeys(NOTHING, ""),
    "deploy/development.backend.env": {
        "DATABASE_URL": f"mysql://app:{fake_value('mysql', 32)}@db.internal:3306/app",
        "API_TOKEN": "",
        "TRADIER_API_KEY": fake_value("tradier", 20) + "-_",
        "TRADIER_ACCOUNT_ID": "VA-" + fake_value("account", 8, "0123456789"),
        "ANTHROPIC_API_KEY": "sk-ant-" + "admin01-" + fake_value("admin", 60),
        "GITHUB_WEBHOOK_SECRET": fake_value("webhook", 12),
        "REDIS_URL": REDIS,
        "SENTRY_DSN": f"https://{fake_value('dsn', 32, HEX)}:{fake_value('old', 32, HEX)}@errors.internal/12",
    },
    "deploy/staging.backend.env": {
        "API_TOKEN": BACK,
        "REDIS_URL": REDIS,
        "DATABASE_URL": "postgresql://username:your-password@host:5432/app",
    },
}
RECOMMENDED = ("REDIS_URL", "SENTRY_DSN")
GUIDE = """
## Alpaca rotation

1. Make a new key.
2. Revoke the old key after the new one works.

## Troubleshooting

- `could not connect to server`: look at DATABASE_URL
- `pydantic.ValidationError`: a value is too short
"""


def write_worst(folder: Path) -> Path:
    """The folder, which holds the sample with the faults that the sample does not have."""
    write_sample(folder)
    held = _production(folder)
    texts = {path: _env_text(variables) for path, variables in ENV_FILES.items()}
    texts["deploy/frontend.staging.env"] = _env_text({})
    texts[PRODUCTION] = _without(folder, RECOMMENDED)
    texts["frontend/.next/static/app.js"] = f'send({{token: "{held["API_TOKEN"]}"}});\n'
    texts["docs/SECRETS.md"] = _guide(folder)
    texts["audit.toml"] = (folder / "audit.toml").read_text() + "".join(map(_env_block, ENV_FILES))
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    _commit(folder, "deploy/development.backend.env")
    _write_ledger(folder / ".audit" / "ledger")
    remember_sample(folder)
    return folder


def _production(folder: Path) -> dict[str, str]:
    entries = json.loads((folder / PRODUCTION).read_text())
    return {one["envVar"]["key"]: one["envVar"]["value"] for one in entries}


def _without(folder: Path, names: tuple[str, ...]) -> str:
    """The export of production without what the guide recommends."""
    entries = json.loads((folder / PRODUCTION).read_text())
    return json.dumps([one for one in entries if one["envVar"]["key"] not in names])


def _env_text(variables: dict[str, str]) -> str:
    return "# by hand\n" + "".join(f"{name}={value}\n" for name, value in variables.items())


def _env_block(path: str) -> str:
    environment, service, _ = Path(path).name.split(".")
    return f'\n[[env]]\npath = "{path}"\nenvironment = "{environment}"\nservice = "{service}"\n'


def _guide(folder: Path) -> str:
    """The sample's guide with a real-looking token, another least length of the key, and old advice."""
    text = (folder / "docs" / "SECRETS.md").read_text()
    text = text.replace("32 characters or more", "32+ bytes")
    return text.replace("- API_TOKEN: ", f"- API_TOKEN: example `{fake_value('example')}`, ") + GUIDE


def _commit(folder: Path, path: str) -> None:
    """What was committed in January and is still in force is overdue."""
    day = {f"GIT_{who}_DATE": "2026-01-06T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    name = ("-c", "user.name=Sam Ple", "-c", "user.email=sam@example.com")
    for arguments in (("add", "--force", path), (*name, "commit", "--quiet", "--message", "Demo", path)):
        subprocess.run(["git", "-C", folder, *arguments], check=True, env={**os.environ, **day})


def _write_ledger(ledger: Path) -> None:
    """A value that came back, and a no to each question."""
    keeper = Keeper(demo_key())
    for days, value in ((60, BACK), (40, fake_value("between")), (20, BACK)):
        place = {"environment": "staging", "service": "backend", "source": "deploy/staging.backend.env"}
        seen = {
            "secret": "API_TOKEN",
            "variable": "API_TOKEN",
            "component": "whole",
            "loader": "",
            "state": "present",
            "fingerprint": keeper.fingerprint(value),
        }
        body = {"places": [place | {"complete": True}], "secrets": [place | seen], "pairs": []}
        append(ledger, keeper.key, Draft("snapshot", body), AS_OF - timedelta(days=days), "trial")
    for number in QUESTIONS:
        body = {"rule": str(number), "by": "Bo B.", "reason": "looked", "answer": "no"}
        body["until"] = iso(AS_OF + timedelta(days=90))
        at = AS_OF - timedelta(days=9) + timedelta(minutes=number)
        append(ledger, keeper.key, Draft("attestation", body), at, "bo")
