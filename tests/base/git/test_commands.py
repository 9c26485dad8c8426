"""git answers questions about a project and executes nothing that the project names."""

import os
import subprocess
from pathlib import Path

import pytest

from audit_lib.base.git.commands import GitFailed, git_process, ignored, is_repository, run_git, tracked


def git(folder: Path, *args: str) -> None:
    """The ordinary git, to prepare a repository."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *identity, *args], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one tracked file, one ignored and one that is both."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text(".env\nboth.env\n")
    for name in ("kept.txt", ".env", "both.env"):
        (root / name).write_text("A=1\n")
    git(root, "add", ".gitignore", "kept.txt")
    git(root, "add", "-f", "both.env")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_tracked_and_ignored_are_two_questions(project: Path) -> None:
    """A tracked file can be covered by a pattern too; check-ignore alone would not say so."""
    assert tracked(project) == {".gitignore", "both.env", "kept.txt"}
    assert ignored(project, [".env", "both.env", "kept.txt"]) == {".env", "both.env"}
    assert ignored(project, []) == set()


def test_a_stream_answers_in_order(project: Path) -> None:
    """`git_process` gives both pipes of a running plumbing command."""
    with git_process(project, "cat-file", "--batch") as process:
        out, _ = process.communicate(b"HEAD:kept.txt\nHEAD:nothing\n")
    assert b"blob 4\nA=1\n" in out
    assert out.endswith(b"HEAD:nothing missing\n")
    assert process.returncode == 0


def test_a_failure_is_an_error_without_git_s_own_words(project: Path) -> None:
    """A non-zero exit is "not known", and its message is not quoted."""
    with pytest.raises(GitFailed, match=r"^git rev-list: ended with 128$"):
        run_git(project, "rev-list", "no-such-ref")


@pytest.mark.parametrize(
    "args", [("log", "-p"), ("status",), ("cat-file", "--textconv", "HEAD:x"), ("diff-tree", "--ext-diff")]
)
def test_only_plumbing_runs(project: Path, args: tuple[str, ...]) -> None:
    """Commands that could run a configured program are refused before git starts."""
    with pytest.raises(ValueError, match="could run a program"):
        run_git(project, *args)


def test_a_hostile_configuration_executes_nothing(project: Path, tmp_path: Path) -> None:
    """fsmonitor, hooks, pager, textconv, gpg, aliases and transports of the repository stay unused."""
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{tmp_path}/sprung'\n")
    trap.chmod(0o755)
    (project / ".gitattributes").write_text("* diff=evil filter=evil\n")
    (project / ".git/hooks/post-index-change").write_text(trap.read_text())
    (project / ".git/hooks/post-index-change").chmod(0o755)
    for name in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.askPass",
        "core.gitProxy",
        "diff.evil.textconv",
        "diff.external",
        "filter.evil.smudge",
        "filter.evil.clean",
        "gpg.program",
        "alias.ls-files",
        "credential.helper",
        "uploadpack.packObjectsHook",
    ):
        git(project, "config", name, str(trap))
    git(project, "config", "log.showSignature", "true")
    git(project, "config", "remote.origin.url", f"ext::{trap}")
    git(project, "config", "remote.origin.promisor", "true")
    git(project, "config", "protocol.ext.allow", "always")
    git(project, "config", "core.worktree", "/etc")
    (tmp_path / "sprung").unlink(missing_ok=True)
    assert "kept.txt" in tracked(project)
    assert ignored(project, [".env"]) == {".env"}
    run_git(project, "rev-list", "--all", "--format=%G? %GS")
    run_git(project, "diff-tree", "--root", "-r", "-p", "--no-textconv", "HEAD")
    run_git(project, "fsck", "--no-progress", ok=(0, 1, 2))
    with pytest.raises(GitFailed):
        run_git(project, "cat-file", "blob", "0" * 39 + "1")
    assert not (tmp_path / "sprung").exists()


def test_nothing_outside_the_project_is_read(project: Path, tmp_path: Path) -> None:
    """A repository above, a link, a pointer file and alternates that lead out are all refused."""
    inner = project / "inner"
    inner.mkdir()
    cases = {name: tmp_path / name for name in ("link", "pointer", "alternates", "fifo")}
    for folder in cases.values():
        folder.mkdir()
    (cases["link"] / ".git").symlink_to(project / ".git")
    (cases["pointer"] / ".git").write_text(f"gitdir: {project}/.git\n")
    git(cases["alternates"], "init", "-q")
    (cases["alternates"] / ".git/objects/info").mkdir(exist_ok=True)
    (cases["alternates"] / ".git/objects/info/alternates").write_text(f"{project}/.git/objects\n")
    git(cases["fifo"], "init", "-q")
    (cases["fifo"] / ".git/config").unlink()
    os.mkfifo(cases["fifo"] / ".git/config")
    for folder in (inner, *cases.values()):
        assert not is_repository(folder)
        with pytest.raises(GitFailed, match=r"^(\.git|config)"):
            tracked(folder)


def test_no_value_enters_git_s_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child starts with a small environment of its own, whatever the auditor's holds."""
    monkeypatch.setenv("API_TOKEN", "x" * 20)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    with git_process(project, "cat-file", "--batch") as process:
        environment = Path(f"/proc/{process.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc")
        assert b"API_TOKEN" not in environment.read_bytes()
        process.communicate(b"")
