"""A repository that is not complete, or not of plain files, is never searched as if it were."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_lib.base import git
from audit_lib.base.git import GitFailed, read_objects, run_git, running
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


UNSOUND: list[Callable[[Path], None]] = [
    _a_pack_without_its_index,
    _a_linked_pack,
    _a_fifo_for_a_ref,
    _a_linked_ref_folder,
]


@pytest.mark.parametrize("spoil", UNSOUND, ids=lambda spoil: spoil.__name__.strip("_"))
def test_what_is_not_plain_and_whole_is_not_read(plot: Plot, spoil: Callable[[Path], None]) -> None:
    """git is not even started: it would wait, read elsewhere, or leave objects out without a word."""
    spoil(plot.root / ".git")
    with pytest.raises(GitFailed, match=r"^\.git"):
        run_git(plot.root, "rev-parse", "HEAD")
    with pytest.raises(GitFailed, match=r"^\.git"):
        list(read_objects(plot.root))


def test_a_fifo_for_a_loose_object_is_not_waited_for(plot: Plot) -> None:
    """Loose objects are looked at once, before all of them are listed."""
    oid = plot.git("rev-parse", "HEAD:b.txt")
    place = plot.root / ".git" / "objects" / oid[:2] / oid[2:]
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(GitFailed, match="FIFO"):
        list(read_objects(plot.root))


def test_a_ref_that_leads_nowhere_is_stated(plot: Plot) -> None:
    """git warns and goes on without it; what it complains of is no whole answer."""
    (plot.root / ".git" / "refs" / "heads" / "broken").write_text("not an id\n")
    with pytest.raises(GitFailed, match="incomplete"), running(plot.root, ("for-each-ref",)) as stream:
        stream.read()


def test_grafts_do_not_cut_history(plot: Plot) -> None:
    """A graft file hides the parents of a commit from git; it is not read."""
    every = plot.git("rev-list", "HEAD").split()
    (plot.root / ".git" / "info").mkdir(exist_ok=True)
    (plot.root / ".git" / "info" / "grafts").write_text(plot.git("rev-parse", "HEAD") + "\n")
    assert run_git(plot.root, "rev-list", "HEAD").decode().split() == every


def test_a_bomb_of_trees_ends_by_the_size_of_its_answer(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trees of ten trees, ten deep, name ten thousand million files: what was cut is no answer."""
    monkeypatch.setattr(git, "MAX_OUTPUT", 1 << 20)
    oid = plot.git("hash-object", "-w", "--stdin", stdin=b"x")
    mode, kind = "100644", "blob"
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {oid}\t{number}\n" for number in range(10))
        oid, mode, kind = plot.git("mktree", stdin=lines.encode()), "040000", "tree"
    with pytest.raises(GitFailed, match="answered with more than"):
        run_git(plot.root, "ls-tree", "-r", oid)


def test_a_child_that_runs_too_long_is_ended(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer kills it and the error says why."""
    monkeypatch.setattr(git, "ANSWER_SECONDS", 0)
    with pytest.raises(GitFailed, match="took more than 0 s"):
        run_git(plot.root, "cat-file", "--batch", input=b"")


def test_another_users_lock_of_a_folder_holds_nobody_up(tmp_path: Path) -> None:
    """Whoever may open a shared folder can lock it for ever; our lock is a file of our own."""
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    code = (
        "from pathlib import Path; from audit_lib.report.folder import locked\n"
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
