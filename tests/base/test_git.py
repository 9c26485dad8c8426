"""git answers questions about a project, executes nothing that it names, and says what is not whole."""

import os
import shutil
import subprocess
import threading
import tomllib
from pathlib import Path

import pytest

from audit_lib.base import git as reader
from audit_lib.base.git import GitFailed, GitObject, ignored, is_repository, run_git, tracked

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def git(folder: Path, *args: str, stdin: bytes = b"") -> str:
    """The ordinary git, to prepare a repository."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *identity, *args]
    return subprocess.run(command, check=True, capture_output=True, input=stdin).stdout.decode().strip()


def every_object(root: Path) -> list[GitObject]:
    """All objects of a repository, reachable or not."""
    every = run_git(root, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return list(reader.read_objects(root, every.decode("ascii").split(), []))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a pack and a loose commit; files tracked, ignored and both."""
    root = tmp_path_factory.mktemp("made") / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text(".env\nboth.env\n")
    for name in ("kept.txt", ".env", "both.env"):
        (root / name).write_text("A=1\n")
    git(root, "add", "-f", ".gitignore", "kept.txt", "both.env")
    git(root, "commit", "-q", "-m", "first")
    git(root, "gc", "-q")
    (root / "loose.txt").write_text("loose\n")
    git(root, "add", "loose.txt")
    git(root, "commit", "-q", "-m", "second")
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "project"))


def test_tracked_and_ignored_are_two_questions(project: Path) -> None:
    """A tracked file can be covered by a pattern too; check-ignore alone would not say so."""
    assert tracked(project) == {".gitignore", "both.env", "kept.txt", "loose.txt"}
    assert ignored(project, [".env", "both.env", "kept.txt"]) == {".env", "both.env"}
    service = project / "services" / "a"
    service.mkdir(parents=True)
    (service / "app.py").write_text("x\n")
    git(project, "add", "services")
    git(project, "commit", "-qm", "third")
    assert (tracked(service), ignored(service, [".env"])) == ({"app.py"}, {".env"})
    assert len(run_git(service, "rev-list", "--all").split()) == 3
    assert reader.authors(project) == {"a", "a@example.invalid"}
    assert reader.head_of(project) == git(project, "rev-parse", "HEAD")


def test_another_index_is_the_repository_s_own(project: Path, tmp_path: Path) -> None:
    """A commit of some paths has one; a file elsewhere, or a link to one, is not read."""
    (project / ".git/link").symlink_to(shutil.copy(project / ".git/index", tmp_path / "index"))
    shutil.copy(project / ".git/index", project / ".git/next-index")
    (project / "more.txt").write_text("x\n")
    git(project, "add", "more.txt")
    assert b"more.txt" not in run_git(project, "ls-files", index=Path(".git/next-index"))
    assert b"more.txt" in run_git(project, "ls-files")
    for index in (tmp_path / "index", Path(".git/link"), Path("kept.txt")):
        with pytest.raises(GitFailed, match="not a file of this repository"):
            run_git(project, "ls-files", index=index)
    assert (reader.head_of(tmp_path), is_repository(tmp_path)) == ("", False)


def test_all_lines_are_fed_and_all_output_comes(project: Path) -> None:
    """More lines than a pipe holds are each answered, in their order; a failure is said at the end."""
    asked = ["HEAD:kept.txt", "HEAD:both.env"] * 5_000
    with reader.running(project, ("cat-file", "--batch-check=%(objecttype)", "--buffer"), asked) as stream:
        assert stream.read() == b"blob\n" * len(asked)
    with pytest.raises(GitFailed), reader.running(project, ("rev-list", "no-such-ref")) as stream:
        assert stream.read() == b""
    with pytest.raises(GitFailed, match=r"^git rev-list: ended with 128$"):
        run_git(project, "rev-list", "no-such-ref")


def test_every_object_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs, trees and commits, packed or loose, empty or in windows that overlap; one that is missing."""
    (project / "large.txt").write_text("0123456789" * 1_000)
    (project / "empty.txt").write_text("")
    git(project, "add", "large.txt", "empty.txt")
    monkeypatch.setattr(reader, "LARGEST_OBJECT", 4_000)
    monkeypatch.setattr(reader, "OVERLAP", 100)
    objects = every_object(project)
    assert {each.kind for each in objects} == {"blob", "tree", "commit"}
    windows = [(each.start, len(each.content)) for each in objects if each.size == 10_000]
    assert windows == [(0, 4_000), (3_900, 4_100), (7_900, 2_100)]
    assert b"" in {each.content for each in objects}
    missing: list[str] = []
    assert list(reader.read_objects(project, ["1" * 40], missing)) == []
    assert missing == ["1" * 40]


def test_an_ordinary_repository_is_read(project: Path, tmp_path: Path) -> None:
    """What people have in their repositories, all of it at once, is no reason to know nothing."""
    for command in CASES["ordinary"]:
        subprocess.run(["sh", "-ec", command.replace(" . ", f" {project} ")], cwd=project, check=True)
        assert "kept.txt" in tracked(project), command
        assert run_git(project, "rev-list", "--all"), command
        assert [each for each in every_object(project) if each.kind == "commit"], command
    assert all("kept.txt" in tracked(one) for one in (tmp_path / "tree", project / "sub"))
    shutil.copytree(tmp_path / "tree", tmp_path / "copy")
    assert not is_repository(tmp_path / "copy")


def test_only_the_user_s_own_git_and_its_plumbing_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH that begins with "." does not run the project's own git."""
    (project / "git").write_text("#!/bin/sh\ntouch sprung\n")
    (project / "git").chmod(0o755)
    seen: list[dict[str, str]] = []
    start = subprocess.Popen
    spy = lambda *args, **named: seen.append(named["env"]) or start(*args, **named)  # noqa: E731
    monkeypatch.setattr(subprocess, "Popen", spy)
    monkeypatch.setenv("API_TOKEN", "x" * 20)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    run_git(project, "rev-parse", "HEAD")
    assert "API_TOKEN" not in seen[0]
    assert seen[0]["GIT_DIR"] != "/nowhere"
    assert not (project / "sprung").exists()
    assert Path(reader.program("git")).is_absolute()
    for line in ("log -p", "status", "cat-file --textconv HEAD:x", "diff-tree --ext-diff"):
        with pytest.raises(ValueError, match="could run a program"):
            run_git(project, *line.split())
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(GitFailed, match="install git"):
        run_git(project, "rev-parse", "HEAD")


def test_a_hostile_configuration_executes_nothing(project: Path, tmp_path: Path) -> None:
    """fsmonitor, hooks, pager, textconv, gpg, aliases and transports of the repository stay unused."""
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{tmp_path}/sprung'\n")
    trap.chmod(0o755)
    (project / ".gitattributes").write_text("* diff=evil filter=evil\n")
    shutil.copy(trap, project / ".git/hooks/post-index-change")
    programs = (
        "core.fsmonitor core.pager core.sshCommand core.askPass core.gitProxy diff.evil.textconv"
        " diff.external filter.evil.smudge filter.evil.clean gpg.program alias.ls-files credential.helper"
    )
    settings = dict.fromkeys(programs.split(), str(trap)) | {"remote.origin.url": f"ext::{trap}"}
    settings |= {"log.showSignature": "true", "remote.origin.promisor": "true"}
    settings |= {"protocol.ext.allow": "always", "core.worktree": "/etc"}
    for name, text in settings.items():
        git(project, "config", name, text)
    (tmp_path / "sprung").unlink(missing_ok=True)
    assert "kept.txt" in tracked(project)
    assert ignored(project, [".env"]) == {".env"}
    run_git(project, "rev-list", "--all", "--format=%G? %GS")
    run_git(project, "diff-tree", "--root", "-r", "-p", "--no-textconv", "HEAD")
    run_git(project, "fsck", "--no-progress", ok=(0, 1, 2))
    with pytest.raises(GitFailed):
        run_git(project, "cat-file", "blob", "0" * 39 + "1")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("command", CASES["unsound"].values(), ids=CASES["unsound"].keys())
def test_what_is_not_plain_and_whole_is_not_read(project: Path, command: str) -> None:
    """git is not even started: it would wait, read elsewhere, or leave objects out without a word."""
    subprocess.run(["sh", "-ec", command], cwd=project, check=True)
    assert not is_repository(project)
    with pytest.raises(GitFailed, match=r"^\.git"):
        tracked(project)
    with pytest.raises(GitFailed, match=r"^\.git"):
        list(reader.read_objects(project, [], []))


def test_what_git_complains_of_is_stated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git warns of a ref that leads nowhere, and goes on without it: that is no whole answer."""
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/grafts").write_text(git(project, "rev-parse", "HEAD") + "\n")
    assert len(run_git(project, "rev-list", "HEAD").split()) == 2
    (project / ".git/refs/heads/broken").write_text("not an id\n")
    with pytest.raises(GitFailed, match="incomplete"), reader.running(project, ("for-each-ref",)) as stream:
        stream.read()
    monkeypatch.setattr(reader, "SECONDS", 0)
    waiting = reader.running(project, ("cat-file", "--batch"))
    with pytest.raises(GitFailed, match="took more than 0 s"), waiting:
        _wait_for_timers()


def _wait_for_timers() -> None:
    for timer in [one for one in threading.enumerate() if isinstance(one, threading.Timer)]:
        timer.join()


def test_a_bomb_of_trees_ends(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trees of ten trees, ten deep, name ten thousand million files: what was cut is no answer."""
    monkeypatch.setattr(reader, "MAX_OUTPUT", 1 << 20)
    oid, mode, kind = git(project, "hash-object", "-w", "--stdin", stdin=b"x"), "100644", "blob"
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {oid}\t{number}\n" for number in range(10))
        oid, mode, kind = git(project, "mktree", stdin=lines.encode()), "040000", "tree"
    with pytest.raises(GitFailed, match="answered with more than"):
        run_git(project, "ls-tree", "-r", oid)
