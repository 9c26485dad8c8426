"""An application with both services in two environments, and a person who follows a runbook in it."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from tests.support.labelled import drawn

BACKEND = (
    "API_TOKEN", "TRADIER_API_KEY", "TRADIER_ACCOUNT_ID", "ALPACA_PAPER_API_KEY", "ALPACA_PAPER_SECRET_KEY",
    "DATABASE_URL", "JWT_SECRET_KEY", "ANTHROPIC_API_KEY", "GITHUB_WEBHOOK_SECRET", "REDIS_URL", "SENTRY_DSN",
)  # fmt: skip
FRONTEND = ("NEXT_PUBLIC_API_TOKEN", "NEXT_PUBLIC_BACKEND_API_BASE_URL", "NEXT_PUBLIC_ANTHROPIC_API_KEY")
SECRETS = (*BACKEND, *FRONTEND)
ENVIRONMENTS = ("staging", "production")
FORMS = {  # as in labelled.toml
    "TRADIER_API_KEY": "«alnum28»",
    "TRADIER_ACCOUNT_ID": "VA«digit8»",
    "ALPACA_PAPER_API_KEY": "PK«upper18»",
    "ALPACA_PAPER_SECRET_KEY": "«alnum40»",
    "DATABASE_URL": "postgresql://app:«alnum30»aB1-@db.paiid.internal:5432/app",
    "ANTHROPIC_API_KEY": "sk-ant-api03-«url93»AA",
    "GITHUB_WEBHOOK_SECRET": "«hex64»",
    "REDIS_URL": "rediss://app:«alnum30»aB1-@cache.paiid.internal:6379/0",
    "SENTRY_DSN": "https://«hex32»@o1.ingest.sentry.io/2",
    "BACKEND_API_BASE_URL": "https://«hex8».onrender.com",
}
CALLER = "192.0.2.44"


def sliced(secrets: Iterable[str]) -> list[Any]:
    """The secrets as parameters of a test: one of each kind always, the others in a long run."""
    always = {*SECRETS[:2], "ALPACA_PAPER_API_KEY", "DATABASE_URL", "STRICT_SECRET_VALIDATION"}
    return [pytest.param(name, marks=[pytest.mark.long] * (name not in always)) for name in secrets]


def made_value(name: str, seed: object) -> str:
    """A fake value of the form that the policy asks for."""
    return drawn(FORMS.get(name.removeprefix("NEXT_PUBLIC_"), "«url43»"), f"{name} {seed}")


def states_in(output: str) -> dict[str, str]:
    """What `--check` printed of each step, by step and place."""
    found = re.findall(r"(?m)^  (done|not done|not known) +([a-z ]+(?: \[[^\]]*\])?):", output)
    return {step: state for state, step in found}


def halves_in(output: str) -> list[str]:
    """What `--check` printed as half done."""
    return re.findall(r"(?m)^half done: (.*)$", output)


class RotatingProject:
    """The project in a folder; each method is what a person, a service or the platform does."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.since = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
        layout = 'name = "app"\nextends = "paiid"\nenvironments = ["staging", "production"]\n'
        for environment in ENVIRONMENTS:
            for service, names in (("backend", BACKEND), ("frontend", FRONTEND)):
                path, place = self.file(environment, service), f'environment = "{environment}"\n'
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{name}={self._first(name, environment)}\n" for name in names))
                path.chmod(0o600)
                place += f'service = "{service}"\n'
                loader = "python-dotenv" if service == "backend" else "next"
                layout += f'[[env]]\npath = "{path.relative_to(folder)}"\n{place}loader = "{loader}"\n'
            layout += f'[[log]]\npattern = "logs/{environment}.log"\n{place.replace("frontend", "backend")}'
        layout += '[[deploys]]\npattern = "deploys.json"\n'
        (folder / "audit.toml").write_text(layout, "utf-8")
        (folder / "logs").mkdir()
        (folder / "deploys.json").write_text("", "utf-8")
        for environment in ENVIRONMENTS:
            self.starts(environment, -24 * 5)
            self.asks(environment, -24 * 4, 200)

    def _first(self, name: str, environment: str) -> str:
        shared = "API_TOKEN" if name == "NEXT_PUBLIC_API_TOKEN" else name
        return made_value(shared, environment)

    def file(self, environment: str, service: str) -> Path:
        """The env file of a service."""
        return self.root / "deploy" / f"{service}.{environment}.env"

    def run(self, *words: object, given: str = "") -> Result:
        """A command on the project."""
        place = ("--project", str(self.root))
        return CliRunner().invoke(main, [*map(str, words), *place], input=given)

    def check(self, secret: str, *words: str) -> Result:
        """`rotate check SECRET`, as of tomorrow."""
        tomorrow = iso(datetime.now(UTC) + timedelta(days=1))
        return self.run("rotate", "check", secret, "--since", iso(self.since), "--as-of", tomorrow, *words)

    def states(self, secret: str, *words: str) -> dict[str, str]:
        """What `rotate check` says of each step, by step and place; half done parts under their own words."""
        done = self.check(secret, *words)
        assert done.exception is None or done.exit_code == 3, done.output
        return states_in(done.output)

    def half_done(self, secret: str, *words: str) -> list[str]:
        """What `rotate check` names as half done."""
        return halves_in(self.check(secret, *words).output)

    def replaces(self, name: str, environment: str, seed: object = "new", twin: str = "") -> None:
        """`rotate new --into` with a value that is entered, so that a test knows it."""
        service = "frontend" if name in FRONTEND else "backend"
        value = made_value(twin or name, f"{environment} {seed}")
        path = self.file(environment, service)
        done = self.run("rotate", "new", name, "--into", path, "--given", given=f"{value}\n")
        assert done.exit_code == 0, done.output
        assert value not in done.output

    def starts(self, environment: str, hours: float) -> None:
        """The backend's start-up validation passes, so many hours from now."""
        self._log(environment, hours, "INFO:     ✅ All required secrets validated successfully")

    def asks(self, environment: str, hours: float, status: int) -> None:
        """A caller asks, and is answered with a status."""
        reason = {200: "OK", 401: "Unauthorized"}[status]
        text = f'INFO:     {CALLER}:52341 - "GET /api/positions HTTP/1.1" {status} {reason}'
        self._log(environment, hours, text)

    def _log(self, environment: str, hours: float, text: str) -> None:
        at = datetime.now(UTC) + timedelta(hours=hours)
        with (self.root / "logs" / f"{environment}.log").open("a", encoding="utf-8") as log:
            log.write(f"{at:%Y-%m-%dT%H:%M:%S}.000000Z {text}\n")

    def deploys(self, environment: str, service: str, hours: float, status: str = "live") -> None:
        """The platform lists a deploy."""
        at = iso(datetime.now(UTC) + timedelta(hours=hours))
        entry = {"at": at, "environment": environment, "service": service, "status": status}
        with (self.root / "deploys.json").open("a", encoding="utf-8") as listed:
            listed.write(json.dumps(entry) + "\n")
