"""An answer is said again only while nothing that it follows from has changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audit_lib.base import cache_folder
from audit_lib.leaks import last_answer as module
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.leaks.git_objects import begin_listing
from audit_lib.leaks.last_answer import LastAnswer, last_answer
from audit_lib.leaks.whole_search import is_lasting
from audit_lib.secrecy.keeper import Key
from audit_lib.settings import load_project
from tests.support.planter import Plot, new_plot

KEY = Key(b"k" * 32, "file")
ANSWER = {"lines": [], "text": "said", "code": 3}


def _asked(root: Path, cache: Path, key: Key = KEY, question: str = "json") -> LastAnswer:
    return last_answer(cache, key, load_project(root), begin_listing(root), {"layout": question})


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A project with a history, a branch, a log and an env file."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("README.md", "first\n")
    plot.git("branch", "side")
    plot.file("logs/app.log", "INFO start\n")
    plot.file(".env", "PORT=8000\n")
    return plot


def _edit(plot: Plot) -> None:
    plot.file("README.md", "fIrst\n")


def _amend(plot: Plot) -> None:
    plot.git("commit", "-q", "--amend", "-m", "Other")


CHANGES: dict[str, Callable[[Plot], object]] = {
    "a file of the same size": _edit,
    "an env file": lambda plot: plot.file(".env", "PORT=8001\n"),
    "a compiled file": lambda plot: plot.file("app/__pycache__/settings.cpython-311.pyc", "x"),
    "a new file": lambda plot: plot.file("new.txt", ""),
    "a file that is gone": lambda plot: (plot.root / "logs/app.log").unlink(),
    "a new link": lambda plot: (plot.root / "link").symlink_to("README.md"),
    "a commit": lambda plot: plot.commit("b.txt", "b\n"),
    "a commit in place of another": _amend,
    "a ref that is gone": lambda plot: plot.git("branch", "-q", "-D", "side"),
    "an object that nothing names": lambda plot: plot.git("hash-object", "-w", "--stdin", stdin=b"loose\n"),
    "what is staged": lambda plot: plot.git("rm", "-q", "--cached", "README.md"),
    "the layout": lambda plot: plot.file("audit.toml", 'name = "shop"\n'),
    "objects that are only promised": lambda plot: plot.file(".git/objects/pack/a.promisor", ""),
    "a history that git cannot read": lambda plot: plot.file(".git/objects/info/alternates", "/elsewhere\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_asks_anew(change: str, plot: Plot, tmp_path: Path) -> None:
    """An unchanged project gets its answer again; after a change there is none."""
    cache = tmp_path / "cache"
    _asked(plot.root, cache).keep(ANSWER)
    assert _asked(plot.root, cache).recall() == ANSWER
    CHANGES[change](plot)
    assert _asked(plot.root, cache).recall() is None


def test_another_question_key_or_program_asks_anew(
    plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, key, code and engines of the program are part of what an answer follows from."""
    _asked(plot.root, tmp_path).keep(ANSWER)
    assert _asked(plot.root, tmp_path, question="table").recall() is None
    assert _asked(plot.root, tmp_path, key=Key(b"x" * 32, "file")).recall() is None
    for owner, name, value in (
        (cache_folder, "_program", lambda: b"other code"),
        (module, "_version", str.upper),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            assert _asked(plot.root, tmp_path).recall() is None
    assert _asked(plot.root, tmp_path).recall() == ANSWER


@pytest.mark.parametrize("origin", ["demo", "throw-away"])
def test_under_a_key_that_does_not_last_nothing_is_kept(origin: str, plot: Plot, tmp_path: Path) -> None:
    """A key that all know, or that dies with the process, protects nothing."""
    cache = tmp_path / "cache"
    key = Key(b"k" * 32, origin)
    _asked(plot.root, cache, key).keep(ANSWER)
    assert _asked(plot.root, cache, key).recall() is None
    assert not cache.exists()


def test_an_edited_answer_is_none(plot: Plot, tmp_path: Path) -> None:
    """A file in the cache that was changed is not believed."""
    cache = tmp_path / "cache"
    _asked(plot.root, cache).keep(ANSWER)
    [kept] = cache.iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"said", b"none"))
    assert _asked(plot.root, cache).recall() is None


def test_a_log_outside_is_never_taken_for_unchanged(plot: Plot, tmp_path: Path) -> None:
    """Where logs outside the project may be read, no state of the project says that they are the same."""
    project = replace(load_project(plot.root), log_folders=("/var/log/shop",))
    last = last_answer(tmp_path / "cache", KEY, project, begin_listing(plot.root), {})
    last.keep(ANSWER)
    assert last.recall() is None


@pytest.mark.parametrize(
    ("state", "reason", "lasting"),
    [
        ("searched", "", True),
        ("not searched", "is a symbolic link, which is not followed", True),
        ("incomplete", "git cat-file: ended with 128", False),
        ("not searched", "cannot be read (OSError)", False),
    ],
)
def test_what_failed_is_tried_again(state: str, reason: str, lasting: bool) -> None:
    """What could not be read this time may be readable the next time, though nothing has changed."""
    row = {"part": "files", "place": ".", "state": state, "count": 1, "reason": reason}
    assert is_lasting(LeakCoverage.of([row])) is lasting
