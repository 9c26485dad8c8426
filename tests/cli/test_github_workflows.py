"""The workflows of docs/github.md do on a fresh runner what they say, with real git and a loopback host."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fakes import fake_value
from tests.support.paths import ROOT

WEEKLY, QUARTERLY = (ROOT / f"docs/github/{name}.yml" for name in ("weekly-snapshot", "quarterly-review"))
API_KEY, SERVICES = fake_value("api key"), {"srv-back": "JWT_SECRET_KEY", "srv-front": "API_TOKEN"}
FILES = (
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
)  # files of commands that a runner hands to steps
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
needs_setup = pytest.mark.skipif(
    not (ROOT / ".venv" / "runtime").exists() or not shutil.which("jq"), reason="needs make setup, and jq"
)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """A workflow, its one job, and the steps of that; its `on` is the word, not YAML's truth."""
    workflow: dict[str, Any] = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    (job,) = workflow["jobs"].values()
    return workflow, job, job["steps"]


@dataclass
class Runner:
    """One run on a new machine: `home` and `temp` are empty, `work` holds what its checkouts bring."""

    folder: Path
    contexts: dict[str, str]  # what an expression such as `vars.NAME` is; "" if it is not there
    environment: dict[str, str]  # beside that of the workflow, which it replaces
    said: dict[str, str] = field(default_factory=dict)  # by the name of a step

    def run(self, path: Path) -> str:
        """The name of the step that failed, or ""."""
        workflow, _, steps = _read(path)
        base = {**workflow.get("env", {}), **self.environment, "HOME": str(self.folder / "home")}
        base |= {"RUNNER_TEMP": str(self.folder / "temp"), "PATH": "/usr/bin:/bin"}
        for name in ("home", "temp", "work"):
            (self.folder / name).mkdir(exist_ok=True)
        failed = (step["name"] for step in steps if "run" in step and not self._run_step(step, base))
        return str(next(failed, ""))

    def _run_step(self, step: dict[str, Any], base: dict[str, str]) -> bool:
        own = {name: EXPRESSION.sub(self._value, text) for name, text in step.get("env", {}).items()}
        script = self.folder / "temp" / "step.sh"
        script.write_text(step["run"], "utf-8")
        files = {name: str(self.folder / "temp" / name) for name in FILES}
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
        file = self.folder / "temp" / name
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines)


class _Host(BaseHTTPRequestHandler):
    """GitHub's and Render's APIs on loopback: who asks without the right word is refused."""

    visibility = "private"

    def do_GET(self) -> None:
        path, word = self.path.partition("?")[0], self.headers.get("Authorization", "")
        right = "Bearer token" if path == "/repos/owner/app" else f"Bearer {API_KEY}"
        self.send_response(200 if word == right else 401)
        self.end_headers()
        answer: object = {"visibility": _Host.visibility}
        if path != "/repos/owner/app":
            name = SERVICES[path.split("/")[2]]
            answer = [{"envVar": {"key": name, "value": fake_value(name)}, "cursor": name}]
        self.wfile.write(json.dumps(answer if word == right else None).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[dict[str, str]]:
    """What a runner's environment says of a host that answers until the test is over."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    names = {"GITHUB_API_URL": url, "RENDER_API": url, "GITHUB_SERVER_URL": "https://github.test"}
    yield names | {"GITHUB_REPOSITORY": "owner/app"}
    server.shutdown()
    server.server_close()


def _git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The application's bare repository: code that reads two secrets, and a policy."""
    app, bare = tmp_path / "source", tmp_path / "origin.git"
    app.mkdir()
    (app / "main.py").write_text('import os\nos.environ["JWT_SECRET_KEY"]\nos.environ["API_TOKEN"]\n')
    (app / "audit.toml").write_text('extends = "paiid"\n')
    for line in ("init -q -b main", "add -A", "commit -qm Begin"):
        _git(app, *line.split())
    _git(tmp_path, "clone", "-q", "--bare", str(app), str(bare))
    return bare


def _runner(folder: Path, host: dict[str, str], origin: Path, **changed: str) -> Runner:
    """A new machine on which the two checkouts are done."""
    work = folder / "work"
    work.mkdir(parents=True)
    _git(work, "clone", "-q", str(origin), "app")
    (work / "tool").symlink_to(ROOT)
    secrets = {"secrets.AUDIT_KEY": (b"\1" * 32).hex(), "secrets.RENDER_API_KEY": API_KEY}
    services = {"vars.RENDER_BACKEND": "srv-back", "vars.RENDER_FRONTEND": "srv-front"}
    return Runner(folder, {"github.token": "token"} | secrets | services | changed, host)


@pytest.mark.parametrize("path", [WEEKLY, QUARTERLY], ids=lambda path: path.stem)
def test_a_workflow_is_safe_to_copy(path: Path) -> None:
    """Actions are pinned by commit, no expression is pasted into a script, one run at a time may push, and no
    more is permitted than the steps need. Up to the ledger both do the same, and there is no other."""
    assert sorted((ROOT / "docs" / "github").glob("*.yml")) == [QUARTERLY, WEEKLY]
    (workflow, job, steps), pinned = _read(path), re.compile(r"[\w./-]+@[0-9a-f]{40}( .*)?")
    for step in steps:
        assert pinned.fullmatch(step.get("uses", f"a/b@{'0' * 40}"))
        assert "${{" not in step.get("run", "")
        checkout = step.get("uses", "").startswith("actions/checkout@")
        assert not checkout or step["with"]["persist-credentials"] == "false"
    assert workflow["concurrency"] == {"group": "audit-ledger", "cancel-in-progress": "false"}
    allowed = {"contents": "write"} | ({"security-events": "write"} if path == QUARTERLY else {})
    assert (workflow["permissions"], job["permissions"]) == ({}, allowed)
    (whole,) = (step["with"] for step in steps if step.get("with", {}).get("path") == "app")
    assert whole["fetch-depth"] == "0"
    assert steps[:7] == _read(WEEKLY)[2][:7]
    assert steps[6]["name"] == "Fetch the ledger"


@pytest.mark.parametrize(
    ("visibility", "token"), [("public", "token"), ("internal", "token"), ("private", "x")]
)
def test_a_repository_that_others_read_is_refused(
    tmp_path: Path, host: dict[str, str], monkeypatch: pytest.MonkeyPatch, visibility: str, token: str
) -> None:
    """The first step stops before anything is checked out, and without an answer, too."""
    monkeypatch.setattr(_Host, "visibility", visibility)
    first = _read(WEEKLY)[2][0]["name"]
    runner = Runner(tmp_path, {"github.token": token}, host)
    assert runner.run(WEEKLY) == first
    assert visibility == "private" or f"this repository is {visibility}" in runner.said[first]


@needs_setup
@pytest.mark.long
def test_two_weeks_and_a_quarter_on_new_machines(tmp_path: Path, host: dict[str, str], origin: Path) -> None:
    """Each run begins with nothing, continues one chain, and pushes; the review is published beside it, takes
    nothing in the ledger for a leak, and no value is in what was pushed, said or left on the machines."""
    said = b""
    for number, path in enumerate((WEEKLY, WEEKLY, QUARTERLY, QUARTERLY)):
        runner = _runner(tmp_path / f"machine-{number}", host, origin)
        failed = runner.run(path)
        assert not failed, runner.said[failed]
        said += "".join(runner.said.values()).encode()
    kept = tmp_path / "kept"
    _git(tmp_path, "clone", "-q", "-b", "audit-ledger", str(origin), "kept")
    (chain,) = (kept / "ledger").glob("*.jsonl")
    assert (chain.name, len(chain.read_text().splitlines())) == ("weekly.jsonl", 2)
    (report,) = (kept / "reports").iterdir()
    assert {"report.html", "owner.md", "findings.sarif"} <= {path.name for path in report.iterdir()}
    assert json.loads((report / "report.json").read_text())["leaks"] == []
    seen = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "tool" not in path.parts]
    for value in (API_KEY, *map(fake_value, SERVICES.values())):
        assert not any(value.encode() in data for data in [*seen, said])


SNAPSHOT = "Take the snapshot, with values by pipe from the host"


@needs_setup
@pytest.mark.long
@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"secrets.AUDIT_KEY": ""}, "Put the key in place"),
        ({"secrets.AUDIT_KEY": "no key at all"}, SNAPSHOT),
        ({"secrets.RENDER_API_KEY": "another"}, SNAPSHOT),
    ],
    ids=["no key", "no key's text", "refused by the host"],
)
def test_a_run_that_lacks_something_pushes_nothing(
    tmp_path: Path, host: dict[str, str], origin: Path, changed: dict[str, str], step: str
) -> None:
    """It stops at the step that needs it: no key is made up, and no snapshot lacks a place."""
    runner = _runner(tmp_path / "machine", host, origin, **changed)
    assert runner.run(WEEKLY) == step
    assert "audit-ledger" not in _git(origin, "branch")
