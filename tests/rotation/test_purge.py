"""A committed secret's life: rotated, purged by the runbook's own commands, searched for, known as gone."""

import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import Quarter, iso
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.rotating_project import RotatingProject, made_value

OLD = made_value("JWT_SECRET_KEY", "production")


def _git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@localhost")
    command = ["git", "-C", str(root), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _shell(command: str, typed: str) -> None:
    """The runbook's lines in one shell, with what somebody types."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    who = {
        f"GIT_{one}_{part}": "a@localhost" for one in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
    }
    subprocess.run(["bash", "-euc", command], input=typed, text=True, check=True, capture_output=True,
                   env={**os.environ, **who, "PATH": tools})  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> RotatingProject:
    """The application; its production file, a document and a message were committed with the value."""
    project = RotatingProject(tmp_path / "it's an app")
    root = project.root
    _git(root.parent, "init", "-q", str(root))
    (root / "notes.md").write_text(f"# How to deploy\n\nSet JWT_SECRET_KEY to {OLD}\n", "utf-8")
    _git(root, "add", "deploy/backend.production.env", "notes.md", "audit.toml")
    _git(root, "commit", "-q", "-m", "Begin")
    _git(root, "commit", "-q", "--allow-empty", "-m", f"Use {OLD}")
    (root / ".gitignore").write_text("deploy/\nlogs/\n.audit/\ndeploys.json\n", "utf-8")
    (root / "notes.md").write_text("# How to deploy\n\nSet JWT_SECRET_KEY\n", "utf-8")
    _git(root, "add", ".gitignore", "notes.md")
    _git(root, "commit", "-q", "-m", "Say no value")
    assert project.run("snapshot").exit_code == 0
    return project


def _commands(app: RotatingProject, *steps: str) -> list[str]:
    """The commands of steps, as the runbook prints them now."""
    told = app.run("runbook", "JWT_SECRET_KEY", "--compromised", "--environment", "production").output
    assert OLD not in told
    parts = [re.findall(rf"(?ms)^\d+\. {step}.*?(?=^   Verify)", told)[0] for step in steps]
    return ["\n".join(re.findall(r"(?m)^     (.*)$", part)) for part in parts]


def _purge_state(app: RotatingProject) -> str:
    return app.states("JWT_SECRET_KEY", "--compromised", "--environment", "production")["purge"]


def _life(app: RotatingProject) -> dict[str, str]:
    """The ticks of the leak in the next review."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    audit = run_audit(load_project(app.root), str(Quarter.containing(tomorrow)), iso(tomorrow))
    lives = audit.leak_lives
    mine = lives[lives["secret"].eq("JWT_SECRET_KEY")].to_dict("records")
    return {name: mine[0][name] for name in ("removed", "rotated", "revoked")} if mine else {}


def test_a_leak_ends_only_after_it_is_purged(app: RotatingProject) -> None:
    """In force, rotated, purged, searched for: the check and the review follow step by step, never ahead."""
    assert _purge_state(app) == "not done"
    purge, *others = _commands(app, "Purge the history", "Publish the purged history", "Search once more")
    # The folder's name has a space and a quotation mark.
    assert all(shlex.split(line) for text in (purge, *others) for line in text.splitlines())
    app.replaces("JWT_SECRET_KEY", "production")
    app.starts("production", 1)
    assert _purge_state(app) == "not done"
    fixed = ("record", "JWT_SECRET_KEY", "--environment", "production", "--removed")
    refused = app.run(*fixed, given=f"{OLD}\n")
    assert (refused.exit_code, "it is still in" in refused.output, OLD in refused.output) == (2, True, False)

    assert "--replace-text" in purge
    assert "--invert-paths --path=deploy/backend.production.env" in purge
    _shell(purge, f"{OLD}\n")
    assert OLD not in _git(app.root, "log", "-p", "--all")
    assert app.file("production", "backend").exists()
    assert "Set JWT_SECRET_KEY" in _git(app.root, "show", "HEAD:notes.md")
    # Nothing is found by its pattern; that is no proof yet.
    assert _purge_state(app) == "not known"

    done = app.run(*fixed, given=f"{OLD}\n")
    assert (done.exit_code, "was found nowhere" in done.output) == (0, True), done.output
    assert _purge_state(app) == "done"
    assert _life(app) == {"removed": "done", "rotated": "done", "revoked": "done"}

    (app.root / "notes.md").write_text(f"JWT_SECRET_KEY={OLD}\n", "utf-8")
    assert _purge_state(app) == "not done"
    assert _life(app)["removed"] == "not done"


def test_a_purge_before_the_rotation_is_not_believed(app: RotatingProject) -> None:
    """A value that is in force still cannot be recorded as removed, nor one that nobody ever saw."""
    fixed = ("record", "JWT_SECRET_KEY", "--environment", "production", "--removed")
    assert "has this value still: rotate it first" in app.run(*fixed, given=f"{OLD}\n").output
    assert "this one it never saw" in app.run(*fixed, given=f"{made_value('JWT_SECRET_KEY', 'x')}\n").output
