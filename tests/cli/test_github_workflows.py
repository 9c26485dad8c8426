"""The workflows of docs/github.md do on a fresh runner what they say, with real git and a loopback host."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fakes import fake_value
from tests.support.paths import ROOT

WEEKLY, QUARTERLY = (ROOT / f"docs/github/{name}.yml" for name in ("weekly-snapshot", "quarterly-review"))
API_KEY, SERVICES = fake_value("api key"), {"srv-back": "JWT_SECRET_KEY", "srv-front": "API_TOKEN"}
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")  # of commands that a runner hands to steps
# What an expression such as `vars.NAME` is on a runner.
CONTEXTS = {
    "github.token": "token", "secrets.AUDIT_KEY": (b"\1" * 32).hex(), "secrets.RENDER_API_KEY": API_KEY,
    "vars.RENDER_BACKEND": "srv-back", "vars.RENDER_FRONTEND": "srv-front",
}  # fmt: skip
SNAPSHOT = "Take the snapshot, with values by pipe from the host"
is_set_up = (ROOT / ".venv" / "runtime").exists() and shutil.which("jq")
needs_setup = pytest.mark.skipif(not is_set_up, reason="needs make setup, and jq")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """A workflow, its one job, and the steps of that; its `on` is the word, not YAML's truth."""
    workflow: dict[str, Any] = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    (job,) = workflow["jobs"].values()
    return workflow, job, job["steps"]


def _run(path: Path, folder: Path, host: dict[str, str], **changed: str) -> tuple[str, str]:
    """The step of a workflow that failed on a new machine, or "", and what all steps said."""
    workflow, _, steps = _read(path)
    for name in ("home", "temp", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = {name: str(folder / "temp" / name) for name in FILES}
    base = {**workflow.get("env", {}), **host, **files, "HOME": str(folder / "home")}
    base |= {"RUNNER_TEMP": str(folder / "temp"), "PATH": "/usr/bin:/bin"}
    said, bash = "", ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")

    def pairs(name: str) -> dict[str, str]:
        file = Path(files[name])
        return (
            dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines()) if file.exists() else {}
        )

    def value(expression: re.Match[str]) -> str:
        _, of_step, output = expression[1].rpartition(".outputs.")
        return (pairs("GITHUB_OUTPUT") if of_step else CONTEXTS | changed).get(output, "")

    for step in (step for step in steps if "run" in step):
        given = {
            name: re.sub(r"\$\{\{\s*(.+?)\s*\}\}", value, text) for name, text in step.get("env", {}).items()
        }
        env = base | pairs("GITHUB_ENV") | given
        ran: Any = {"cwd": folder / "work", "env": env, "capture_output": True, "text": True}
        done = subprocess.run([*bash, step["run"]], check=False, **ran)
        said += done.stdout + done.stderr
        if done.returncode:
            return step["name"], said
    return "", said


class _Host(BaseHTTPRequestHandler):
    """GitHub's and Render's APIs on loopback: who asks without the right word is refused."""

    visibility = "private"

    def do_GET(self) -> None:
        path, word = self.path.partition("?")[0], self.headers.get("Authorization", "")
        answer: object = {"visibility": _Host.visibility}
        right = "Bearer token" if path == "/repos/owner/app" else f"Bearer {API_KEY}"
        if path != "/repos/owner/app":
            name = SERVICES[path.split("/")[2]]
            answer = [{"envVar": {"key": name, "value": fake_value(name)}, "cursor": name}]
        self.send_response(200 if word == right else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer if word == right else None).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[dict[str, str]]:
    """What a runner's environment says of a host that answers until the test is over."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        names = {"GITHUB_API_URL": url, "RENDER_API": url, "GITHUB_SERVER_URL": "https://github.test"}
        yield names | {"GITHUB_REPOSITORY": "owner/app"}
        server.shutdown()


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


def _machine(folder: Path, origin: Path) -> Path:
    """A new machine on which the two checkouts are done."""
    (folder / "work").mkdir(parents=True)
    _git(folder / "work", "clone", "-q", str(origin), "app")
    (folder / "work" / "tool").symlink_to(ROOT)
    return folder


@pytest.mark.parametrize("path", [WEEKLY, QUARTERLY], ids=lambda path: path.stem)
def test_a_workflow_is_safe_to_copy(path: Path) -> None:
    """Actions are pinned, no script holds an expression, one run may push, nothing more is permitted."""
    workflow, job, steps = _read(path)
    for step in steps:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}( .*)?", step.get("uses", f"a/b@{'0' * 40}"))
        assert "${{" not in step.get("run", "")
        checkout = step.get("uses", "").startswith("actions/checkout@")
        assert not checkout or step["with"]["persist-credentials"] == "false"
    assert workflow["concurrency"] == {"group": "audit-ledger", "cancel-in-progress": "false"}
    allowed = {"contents": "write"} | ({"security-events": "write"} if path == QUARTERLY else {})
    assert (workflow["permissions"], job["permissions"]) == ({}, allowed)
    (whole,) = (step["with"] for step in steps if step.get("with", {}).get("path") == "app")
    assert whole["fetch-depth"] == "0"


@pytest.mark.parametrize(
    ("visibility", "token"), [("public", "token"), ("internal", "token"), ("private", "x")]
)
def test_a_repository_that_others_read_is_refused(
    tmp_path: Path, host: dict[str, str], monkeypatch: pytest.MonkeyPatch, visibility: str, token: str
) -> None:
    """The first step stops before anything is checked out, and without an answer, too."""
    monkeypatch.setattr(_Host, "visibility", visibility)
    failed, said = _run(WEEKLY, tmp_path, host, **{"github.token": token})
    assert failed == _read(WEEKLY)[2][0]["name"]
    assert visibility == "private" or f"this repository is {visibility}" in said


@needs_setup
@pytest.mark.long
def test_two_weeks_and_a_quarter_on_new_machines(tmp_path: Path, host: dict[str, str], origin: Path) -> None:
    """Each run begins with nothing, continues one chain and pushes; no value is pushed, said or left."""
    whole = ""
    for number, path in enumerate((WEEKLY, WEEKLY, QUARTERLY, QUARTERLY)):
        failed, said = _run(path, _machine(tmp_path / f"machine-{number}", origin), host)
        assert not failed, said
        whole += said
    kept = tmp_path / "kept"
    _git(tmp_path, "clone", "-q", "-b", "audit-ledger", str(origin), "kept")
    (chain,) = (kept / "ledger").glob("*.jsonl")
    assert (chain.name, len(chain.read_text().splitlines())) == ("weekly.jsonl", 2)
    (report,) = (kept / "reports").iterdir()
    assert {"report.html", "owner.md", "findings.sarif"} <= {path.name for path in report.iterdir()}
    assert json.loads((report / "report.json").read_text())["leaks"] == []  # nothing in the ledger is one
    seen = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "tool" not in path.parts]
    for value in (API_KEY, *map(fake_value, SERVICES.values())):
        assert not any(value.encode() in data for data in [*seen, whole.encode()])


@needs_setup
@pytest.mark.long
@pytest.mark.parametrize(("lacking", "step"), [
    ({"secrets.AUDIT_KEY": ""}, "Put the key in place"), ({"secrets.AUDIT_KEY": "no key at all"}, SNAPSHOT),
    ({"secrets.RENDER_API_KEY": "another"}, SNAPSHOT),
])  # fmt: skip
def test_a_run_that_lacks_something_pushes_nothing(
    tmp_path: Path, host: dict[str, str], origin: Path, lacking: dict[str, str], step: str
) -> None:
    """It stops at the step that needs it: no key is made up, and no snapshot lacks a place."""
    assert _run(WEEKLY, _machine(tmp_path / "machine", origin), host, **lacking)[0] == step
    assert "audit-ledger" not in _git(origin, "branch")
