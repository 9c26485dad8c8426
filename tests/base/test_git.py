"""git answers questions about a project, executes nothing that it names, and says what is not whole."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_lib.base import git as module
from audit_lib.base.git import (
    GitFailed,
    GitObject,
    ignored,
    is_repository,
    program,
    read_objects,
    run_git,
    running,
    tracked,
)


def git(folder: Path, *args: str, stdin: bytes = b"") -> str:
    """The ordinary git, to prepare a repository."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *identity, *args]
    return subprocess.run(command, check=True, capture_output=True, input=stdin).stdout.decode().strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a pack and a loose commit; files tracked, ignored and both."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text(".env\nboth.env\n")
    for name in ("kept.txt", ".env", "both.env"):
        (root / name).write_text("A=1\n")
    git(root, "add", ".gitignore", "kept.txt")
    git(root, "add", "-f", "both.env")
    git(root, "commit", "-q", "-m", "first")
    git(root, "gc", "-q")
    (root / "loose.txt").write_text("loose\n")
    git(root, "add", "loose.txt")
    git(root, "commit", "-q", "-m", "second")
    return root


def every_object(root: Path) -> list[GitObject]:
    """All objects of a repository, reachable or not."""
    every = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return list(read_objects(root, run_git(root, *every).decode("ascii").split(), []))


def test_tracked_and_ignored_are_two_questions(project: Path) -> None:
    """A tracked file can be covered by a pattern too; check-ignore alone would not say so."""
    assert tracked(project) == {".gitignore", "both.env", "kept.txt", "loose.txt"}
    assert ignored(project, [".env", "both.env", "kept.txt"]) == {".env", "both.env"}


def test_all_lines_are_fed_and_all_output_comes(project: Path) -> None:
    """More lines than a pipe holds are each answered, in their order; a failure is said at the end."""
    asked = ["HEAD:kept.txt", "HEAD:both.env"] * 5_000
    with running(project, ("cat-file", "--batch-check=%(objecttype)", "--buffer"), asked) as stream:
        assert stream.read() == b"blob\n" * len(asked)
    with pytest.raises(GitFailed), running(project, ("rev-list", "no-such-ref")) as stream:
        assert stream.read() == b""
    with pytest.raises(GitFailed, match=r"^git rev-list: ended with 128$"):
        run_git(project, "rev-list", "no-such-ref")


def test_every_object_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs, trees and commits, packed or loose, empty or in windows that overlap; one that is missing."""
    (project / "large.txt").write_text("0123456789" * 1_000)
    (project / "empty.txt").write_text("")
    git(project, "add", "large.txt", "empty.txt")
    monkeypatch.setattr(module, "LARGEST_OBJECT", 4_000)
    monkeypatch.setattr(module, "OVERLAP", 100)
    objects = every_object(project)
    assert {each.kind for each in objects} == {"blob", "tree", "commit"}
    windows = [(each.start, len(each.content)) for each in objects if each.size == 10_000]
    assert windows == [(0, 4_000), (3_900, 4_100), (7_900, 2_100)]
    assert b"" in {each.content for each in objects}
    missing: list[str] = []
    assert list(read_objects(project, ["1" * 40], missing)) == []
    assert missing == ["1" * 40]


ORDINARY: dict[str, Callable[[Path], object]] = {
    "an include": lambda root: git(root, "config", "include.path", "~/.gitconfig-work"),
    "an include by place": lambda root: git(root, "config", "includeIf.gitdir:/.path", "/etc/gitconfig"),
    "a linked hook": lambda root: (root / ".git/hooks/pre-commit").symlink_to("/usr/bin/true"),
    "a link in its folder": lambda root: (root / ".git/link").symlink_to("/etc/hostname"),
    "a FIFO in its folder": lambda root: os.mkfifo(root / ".git/fsmonitor--daemon.ipc"),
    "a worktree beside it": lambda root: git(root, "worktree", "add", "-q", f"{root.parent}/tree", "HEAD~0"),
    "a submodule": lambda root: git(
        root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(root), "sub"
    ),
    "packed refs": lambda root: git(root, "pack-refs", "--all"),
}


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY.keys())
def test_an_ordinary_repository_is_read(project: Path, make: Callable[[Path], object]) -> None:
    """What people have in their repositories is no reason to know nothing."""
    make(project)
    assert "kept.txt" in tracked(project)
    assert run_git(project, "rev-list", "--all")
    assert [each for each in every_object(project) if each.kind == "commit"]


def test_a_service_of_a_monorepo_has_its_history(project: Path) -> None:
    """A project may be a folder of a repository: its own paths, and everybody's history."""
    service = project / "services" / "a"
    service.mkdir(parents=True)
    (service / "app.py").write_text("x\n")
    git(project, "add", "services")
    git(project, "commit", "-qm", "third")
    assert tracked(service) == {"app.py"}
    assert ignored(service, [".env"]) == {".env"}
    assert len(run_git(service, "rev-list", "--all").split()) == 3


def test_a_worktree_is_followed_if_its_repository_names_it(project: Path, tmp_path: Path) -> None:
    """A linked worktree has its history; a copy of it, which no repository knows, has none."""
    root = tmp_path / "worktree"
    git(project, "worktree", "add", "-q", str(root))
    assert "kept.txt" in tracked(root)
    shutil.copytree(root, tmp_path / "copy")
    assert not is_repository(tmp_path / "copy")


def test_git_is_never_taken_from_a_relative_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH that begins with "." does not run the project's own git."""
    (project / "git").write_text("#!/bin/sh\ntouch sprung\n")
    (project / "git").chmod(0o755)
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    run_git(project, "rev-parse", "HEAD")
    assert not (project / "sprung").exists()
    assert Path(program("git")).is_absolute()


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
    programs = (
        "core.fsmonitor core.pager core.sshCommand core.askPass core.gitProxy diff.evil.textconv"
        " diff.external filter.evil.smudge filter.evil.clean gpg.program alias.ls-files credential.helper"
    )
    settings = dict.fromkeys(programs.split(), str(trap)) | {
        "log.showSignature": "true",
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "protocol.ext.allow": "always",
        "core.worktree": "/etc",
    }
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


def test_nothing_outside_the_project_is_read(project: Path, tmp_path: Path) -> None:
    """A link, a pointer file, alternates and a FIFO for a configuration are all refused."""
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
    for folder in cases.values():
        assert not is_repository(folder)
        with pytest.raises(GitFailed, match=r"^\.git"):
            tracked(folder)


def test_no_value_enters_git_s_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child starts with a small environment of its own, whatever the auditor's holds."""
    seen: list[dict[str, str]] = []
    start = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **named: seen.append(named["env"]) or start(*args, **named)
    )
    monkeypatch.setenv("API_TOKEN", "x" * 20)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    tracked(project)
    assert "API_TOKEN" not in seen[0]
    assert seen[0]["GIT_DIR"] != "/nowhere"


def _link_a_pack(folder: Path) -> None:
    pack = next((folder / "objects" / "pack").glob("*.pack"))
    shutil.move(pack, folder.parent.parent / "moved.pack")
    pack.symlink_to(folder.parent.parent / "moved.pack")


def _make_a_loose_object_a_fifo(folder: Path) -> None:
    place = next(path for path in (folder / "objects").glob("??/*"))
    place.unlink()
    os.mkfifo(place)


UNSOUND: dict[str, Callable[[Path], object]] = {
    "a pack without its index": lambda folder: next((folder / "objects/pack").glob("*.idx")).unlink(),
    "a linked pack": _link_a_pack,
    "a FIFO for an object": _make_a_loose_object_a_fifo,
    "a FIFO for a ref": lambda folder: os.mkfifo(folder / "refs" / "heads" / "waiting"),
    "a linked folder of refs": lambda folder: (folder / "refs" / "remotes").symlink_to("/etc"),
}


@pytest.mark.parametrize("spoil", UNSOUND.values(), ids=UNSOUND.keys())
def test_what_is_not_plain_and_whole_is_not_read(project: Path, spoil: Callable[[Path], object]) -> None:
    """git is not even started: it would wait, read elsewhere, or leave objects out without a word."""
    spoil(project / ".git")
    with pytest.raises(GitFailed, match=r"^\.git"):
        run_git(project, "rev-parse", "HEAD")
    with pytest.raises(GitFailed, match=r"^\.git"):
        list(read_objects(project, [], []))


def test_a_ref_that_leads_nowhere_is_stated(project: Path) -> None:
    """git warns and goes on without it; what it complains of is no whole answer."""
    (project / ".git" / "refs" / "heads" / "broken").write_text("not an id\n")
    with pytest.raises(GitFailed, match="incomplete"), running(project, ("for-each-ref",)) as stream:
        stream.read()


def test_grafts_do_not_cut_history(project: Path) -> None:
    """A graft file hides the parents of a commit from git; it is not read."""
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "grafts").write_text(git(project, "rev-parse", "HEAD") + "\n")
    assert len(run_git(project, "rev-list", "HEAD").split()) == 2


def test_a_bomb_of_trees_ends_by_the_size_of_its_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten trees of ten trees, ten deep, name ten thousand million files: what was cut is no answer."""
    monkeypatch.setattr(module, "MAX_OUTPUT", 1 << 20)
    oid = git(project, "hash-object", "-w", "--stdin", stdin=b"x")
    mode, kind = "100644", "blob"
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {oid}\t{number}\n" for number in range(10))
        oid, mode, kind = git(project, "mktree", stdin=lines.encode()), "040000", "tree"
    with pytest.raises(GitFailed, match="answered with more than"):
        run_git(project, "ls-tree", "-r", oid)


def test_a_child_that_runs_too_long_is_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer kills it and the error says why."""
    monkeypatch.setattr(module, "SECONDS", 0)
    with pytest.raises(GitFailed, match="took more than 0 s"):
        run_git(project, "cat-file", "--batch", stdin=b"")
