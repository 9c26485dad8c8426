"""A repository that is not complete, or not of plain files, is never searched as if it were."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_lib.base.git import child
from audit_lib.base.git.child import program
from audit_lib.base.git.commands import GitFailed, run_git
from audit_lib.leaks.history import list_objects, repository_limits
from tests.support.planter import Plot, new_plot


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository with one pack and one loose commit."""
    made = new_plot(tmp_path / "repo")
    made.commit("a.txt", "one\n")
    made.git("gc", "-q")
    made.commit("b.txt", "two\n")
    return made


def _a_pack_without_its_index(git: Path) -> None:
    next((git / "objects" / "pack").glob("*.idx")).unlink()


def _a_linked_pack(git: Path) -> None:
    pack = next((git / "objects" / "pack").glob("*.pack"))
    shutil.move(pack, git.parent.parent / "moved.pack")
    pack.symlink_to(git.parent.parent / "moved.pack")


def _a_fifo_for_a_ref(git: Path) -> None:
    os.mkfifo(git / "refs" / "heads" / "waiting")


def _a_linked_ref_folder(git: Path) -> None:
    (git / "refs" / "remotes").symlink_to("/etc")


def _a_fifo_to_include(git: Path) -> None:
    os.mkfifo(git.parent / "settings")
    with (git / "config").open("a") as config:
        config.write("[include]\n\tpath = ../settings\n")


def _an_include_from_outside(git: Path) -> None:
    with (git / "config").open("a") as config:
        config.write('[includeIf "gitdir:**"]\n\tpath = /etc/hostname\n')


UNSOUND: list[Callable[[Path], None]] = [
    _a_pack_without_its_index,
    _a_linked_pack,
    _a_fifo_for_a_ref,
    _a_linked_ref_folder,
    _a_fifo_to_include,
    _an_include_from_outside,
]


@pytest.mark.parametrize("spoil", UNSOUND, ids=lambda spoil: spoil.__name__.strip("_"))
def test_what_is_not_plain_and_whole_is_not_read(plot: Plot, spoil: Callable[[Path], None]) -> None:
    """git is not even started: it would wait, read elsewhere, or leave objects out without a word."""
    spoil(plot.root / ".git")
    with pytest.raises(GitFailed, match=r"^\.git"):
        run_git(plot.root, "rev-parse", "HEAD")
    with pytest.raises(GitFailed, match=r"^\.git"):
        list_objects(plot.root)


def test_a_fifo_for_a_loose_object_is_not_waited_for(plot: Plot) -> None:
    """Loose objects are looked at once, before all of them are listed."""
    oid = plot.git("rev-parse", "HEAD:b.txt")
    place = plot.root / ".git" / "objects" / oid[:2] / oid[2:]
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(GitFailed, match="FIFO"):
        list_objects(plot.root)


def test_a_missing_blob_is_stated(plot: Plot) -> None:
    """An object that the history names and that is not there is counted among what was not searched."""
    oid = plot.git("rev-parse", "HEAD:b.txt")
    assert not repository_limits(plot.root)
    (plot.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert [one.reason for one in repository_limits(plot.root)] == ["lacks 1 object that its history names"]


def test_a_ref_that_leads_nowhere_is_stated(plot: Plot) -> None:
    """git warns and goes on without it; a search that believed that would call the rest everything."""
    (plot.root / ".git" / "refs" / "heads" / "broken").write_text("not an id\n")
    assert any("cannot follow" in one.reason for one in repository_limits(plot.root))


def test_grafts_do_not_cut_history(plot: Plot) -> None:
    """A graft file hides the parents of a commit from git; it is not read."""
    every = plot.git("rev-list", "HEAD").split()
    (plot.root / ".git" / "info").mkdir(exist_ok=True)
    (plot.root / ".git" / "info" / "grafts").write_text(plot.git("rev-parse", "HEAD") + "\n")
    assert run_git(plot.root, "rev-list", "HEAD").decode().split() == every


def test_a_bomb_of_trees_ends_by_the_size_of_its_answer(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trees of ten trees, ten deep, name ten thousand million files: what was cut is no answer."""
    monkeypatch.setattr(child, "MAX_OUTPUT", 1 << 20)
    oid = plot.git("hash-object", "-w", "--stdin", stdin=b"x")
    mode, kind = "100644", "blob"
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {oid}\t{number}\n" for number in range(10))
        oid, mode, kind = plot.git("mktree", stdin=lines.encode()), "040000", "tree"
    with pytest.raises(GitFailed, match="answered with more than"):
        run_git(plot.root, "ls-tree", "-r", oid)


@pytest.mark.parametrize("bound", ["SECONDS", "SILENCE_SECONDS"])
def test_a_child_that_runs_or_waits_too_long_is_ended(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog kills it and says why; the bounds are minutes, so here they are none."""
    monkeypatch.setattr(child, bound, 0)
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    watchdog = child.Watchdog(process)
    watchdog.waits()
    with process:
        assert process.wait(60) < 0
    assert "0 s" in watchdog.ended


def test_git_is_never_taken_from_a_relative_folder(
    plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PATH that begins with "." does not run the project's own git."""
    trap = plot.root / "git"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/sprung'\n")
    trap.chmod(0o755)
    monkeypatch.chdir(plot.root)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    run_git(plot.root, "rev-parse", "HEAD")
    assert not (tmp_path / "sprung").exists()
    assert Path(program("git")).is_absolute()


def test_another_users_lock_of_a_folder_holds_nobody_up(tmp_path: Path) -> None:
    """Whoever may open a shared folder can lock it for ever; our lock is a file of our own."""
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    code = (
        "from pathlib import Path; from audit_lib.report.publish.scratch import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('entered')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(handle)
    assert done.stdout == "entered\n", done.stderr
