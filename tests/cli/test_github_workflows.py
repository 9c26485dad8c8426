"""The workflows of docs/github.md do on a fresh runner what they say, with real git and a loopback host."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audit_lib.secrecy.keeper import Key
from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.workflow import WORKFLOWS, Runner, read, steps

WEEKLY, QUARTERLY = (
    ROOT / "docs" / "github" / f"{name}.yml" for name in ("weekly-snapshot", "quarterly-review")
)
API_KEY = fake_value("api key")


class Host:
    """GitHub's and Render's APIs on loopback: who asks without the right word is refused."""

    def __init__(self) -> None:
        self.visibility = "private"
        self.values = {
            "srv-back": {"JWT_SECRET_KEY": fake_value("jwt")},
            "srv-front": {"API_TOKEN": fake_value("t")},
        }
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = host.answer(self.path.partition("?")[0], self.headers.get("Authorization", ""))
                self.send_response(200 if answer is not None else 401)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def named(self) -> dict[str, str]:
        """What a runner's environment says of it."""
        apis = {"GITHUB_API_URL": self.url, "RENDER_API": self.url}
        return {**apis, "GITHUB_REPOSITORY": "owner/app", "GITHUB_SERVER_URL": "https://github.test"}

    def answer(self, path: str, authorization: str) -> object:
        """What the host says, as JSON; None if it refuses."""
        if path == "/repos/owner/app":
            return {"visibility": self.visibility} if authorization == "Bearer token" else None
        if authorization != f"Bearer {API_KEY}":
            return None
        pairs = self.values[path.split("/")[2]].items()
        return [{"envVar": {"key": key, "value": value}, "cursor": key} for key, value in pairs]


@pytest.fixture
def host() -> Iterator[Host]:
    """A host that answers until the test is over."""
    made = Host()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


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
    _git(app, "init", "-q", "-b", "main")
    _git(app, "add", "-A")
    _git(app, "commit", "-qm", "Begin")
    _git(tmp_path, "clone", "-q", "--bare", str(app), str(bare))
    return bare


def _runner(folder: Path, host: Host, origin: Path, **changed: str) -> Runner:
    """A new machine on which the two checkouts are done."""
    work = folder / "work"
    work.mkdir(parents=True)
    _git(work, "clone", "-q", str(origin), "app")
    (work / "tool").symlink_to(ROOT)
    key = Key(b"\1" * 32, "file")
    contexts = {
        "github.token": "token",
        "secrets.AUDIT_KEY": key.material.hex(),
        "secrets.RENDER_API_KEY": API_KEY,
        "vars.RENDER_BACKEND": "srv-back",
        "vars.RENDER_FRONTEND": "srv-front",
    }
    return Runner(folder, contexts | changed, host.named())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_safe_to_copy(path: Path) -> None:
    """Actions are pinned by commit, no expression is pasted into a script, one run at a time may push, and no
    more is permitted than the steps need."""
    workflow = read(path)
    for step in steps(path):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"a/b@{'0' * 40}").split(" ")[0])
        assert "${{" not in step.get("run", "")
        checkout = step.get("uses", "").startswith("actions/checkout@")
        assert not checkout or step["with"]["persist-credentials"] == "false"
    assert workflow["concurrency"] == {"group": "audit-ledger", "cancel-in-progress": "false"}
    allowed = {"contents": "write"} | ({"security-events": "write"} if path == QUARTERLY else {})
    (job,) = workflow["jobs"].values()
    assert (workflow["permissions"], job["permissions"]) == ({}, allowed)
    assert (
        next(step for step in steps(path) if step.get("with", {}).get("path") == "app")["with"]["fetch-depth"]
        == "0"
    )


def test_both_workflows_set_up_alike() -> None:
    """Up to the ledger they are the same steps."""
    alike = [steps(path)[:7] for path in (WEEKLY, QUARTERLY)]
    assert alike[0] == alike[1]
    assert alike[0][-1]["name"] == "Fetch the ledger"


@pytest.mark.parametrize("visibility", ["public", "internal"])
def test_a_repository_that_others_read_is_refused(tmp_path: Path, host: Host, visibility: str) -> None:
    """The first step stops before anything is checked out, and without an answer, too."""
    host.visibility = visibility
    first = steps(WEEKLY)[0]["name"]
    runner = Runner(tmp_path, {"github.token": "token"}, host.named())
    assert runner.run(WEEKLY) == first
    assert f"this repository is {visibility}" in runner.said[first]
    host.visibility = "private"
    runner.contexts["github.token"] = "other"
    assert runner.run(WEEKLY) == first


needs_setup = pytest.mark.skipif(
    not (ROOT / ".venv" / "runtime").exists() or not shutil.which("jq"), reason="needs make setup, and jq"
)


@needs_setup
@pytest.mark.long
def test_two_weeks_and_a_quarter_on_new_machines(tmp_path: Path, host: Host, origin: Path) -> None:
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
    assert len((kept / "ledger" / "weekly.jsonl").read_text().splitlines()) == 2
    assert [path.name for path in (kept / "ledger").glob("*.jsonl")] == ["weekly.jsonl"]
    (report,) = (kept / "reports").iterdir()
    assert {"report.html", "evidence.zip", "findings.sarif"} <= {path.name for path in report.iterdir()}
    assert json.loads((report / "report.json").read_text())["leaks"] == []
    seen = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "tool" not in path.parts]
    for value in (API_KEY, *(one for values in host.values.values() for one in values.values())):
        assert not any(value.encode() in data for data in [*seen, said])


@needs_setup
@pytest.mark.long
@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"secrets.AUDIT_KEY": ""}, "Put the key in place"),
        ({"secrets.AUDIT_KEY": "no key at all"}, "Take the snapshot, with values by pipe from the host"),
        ({"secrets.RENDER_API_KEY": "another"}, "Take the snapshot, with values by pipe from the host"),
    ],
    ids=["no key", "no key's text", "refused by the host"],
)
def test_a_run_that_lacks_something_pushes_nothing(
    tmp_path: Path, host: Host, origin: Path, changed: dict[str, str], step: str
) -> None:
    """It stops at the step that needs it: no key is made up, and no snapshot lacks a place."""
    runner = _runner(tmp_path / "machine", host, origin, **changed)
    assert runner.run(WEEKLY) == step
    assert "audit-ledger" not in _git(origin, "branch")
