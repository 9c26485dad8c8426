"""Runs the steps of a GitHub workflow as a fresh runner would: bash, files of commands, nothing else kept."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

WORKFLOWS = sorted((ROOT / "docs" / "github").glob("*.yml"))
_EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


def read(path: Path) -> dict[str, Any]:
    """A workflow; its `on` is the word, not YAML's truth."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    return loaded


def steps(path: Path) -> list[dict[str, Any]]:
    """The steps of its one job."""
    (job,) = read(path)["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


@dataclass
class Runner:
    """One run on a new machine: `home` and `temp` are empty, `work` holds what its checkouts bring."""

    folder: Path
    contexts: dict[str, str]  # what an expression such as `vars.NAME` is; "" if it is not there
    environment: dict[str, str]  # beside that of the workflow, which it replaces
    said: dict[str, str] = field(default_factory=dict)  # by the name of a step

    def run(self, path: Path) -> str:
        """The name of the step that failed, or ""."""
        base = {**read(path).get("env", {}), **self.environment, "HOME": str(self.folder / "home")}
        base |= {"RUNNER_TEMP": str(self.folder / "temp"), "PATH": "/usr/bin:/bin"}
        for name in ("home", "temp", "work"):
            (self.folder / name).mkdir(exist_ok=True)
        for step in steps(path):
            if "run" in step and not self._step(step, base):
                return str(step["name"])
        return ""

    def file(self, name: str) -> Path:
        """A file of commands that the runner hands to steps."""
        return self.folder / "temp" / name

    def _step(self, step: dict[str, Any], base: dict[str, str]) -> bool:
        own = {name: _EXPRESSION.sub(self._value, text) for name, text in step.get("env", {}).items()}
        files = {
            name: str(self.file(name)) for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        script = self.file("step.sh")
        script.write_text(step["run"], "utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder / "work",
            env={**base, **self._pairs("GITHUB_ENV"), **files, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        self.said[step["name"]] = done.stdout + done.stderr
        return done.returncode == 0

    def _value(self, expression: re.Match[str]) -> str:
        _, of_step, output = expression[1].rpartition(".outputs.")
        return (self._pairs("GITHUB_OUTPUT") if of_step else self.contexts).get(output, "")

    def _pairs(self, name: str) -> dict[str, str]:
        file = self.file(name)
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines)
