"""An application with both services in two environments, and a person who follows a runbook in it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from tests.support.labelled import drawn
from tests.support.paths import rows_beside

_DATA = rows_beside(__file__)
BACKEND, FRONTEND, FORMS = _DATA["backend"], _DATA["frontend"], _DATA["forms"]
SECRETS = (*BACKEND, *FRONTEND)
ENVIRONMENTS = ("staging", "production")


def sliced(secrets: Iterable[str]) -> list[Any]:
    """The secrets as parameters of a test: one of each kind always, the others in a long run."""
    always = {*SECRETS[:2], "ALPACA_PAPER_API_KEY", "DATABASE_URL", "STRICT_SECRET_VALIDATION"}
    return [pytest.param(name, marks=[pytest.mark.long] * (name not in always)) for name in secrets]


def made_value(name: str, seed: object) -> str:
    """A fake value of the form that the policy asks for."""
    return drawn(FORMS.get(name.removeprefix("NEXT_PUBLIC_"), "«url43»"), f"{name} {seed}")


class RotatingProject:
    """The project in a folder, and commands on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
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
        (folder / "audit.toml").write_text(layout, "utf-8")

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
