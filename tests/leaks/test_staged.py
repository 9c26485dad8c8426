"""`leaks --staged`, in real repositories and as the hook of real commits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.cache import user_cache
from audit_lib.cli.leaks import _staged_policy
from audit_lib.settings import load_project
from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.planter import Plot, new_plot, shell

TOKEN, OLD = fake_value("staged token"), fake_value("staged old")


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository with a value in an env file that git ignores."""
    plot = new_plot(tmp_path / "shop")
    plot.commit(".gitignore", ".env\n")
    plot.file("backend/.env", f"API_TOKEN={TOKEN}\nDB_PASSWORD=abc\n")
    return plot


def _environment(plot: Plot) -> dict[str, str]:
    """That of a user of one's own, for whom the rules are compiled."""
    home = plot.root.parent / "home"
    home.mkdir(exist_ok=True)
    own = {"HOME": str(home), "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(user_cache().parent)}
    return {"PATH": os.environ["PATH"]} | own


def _audit(plot: Plot, *words: str, **more: str) -> Result:
    """A command of that user who stands in the repository, in this process."""
    environment = _environment(plot) | more
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(plot.root)
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        for name, text in environment.items():
            patch.setenv(name, text)
        done = CliRunner().invoke(main, words)
    for value in (TOKEN, OLD):
        assert value[:12] not in done.output
    return done


def _hits(plot: Plot) -> list[str]:
    """The lines of the hook; its exit code is 3 exactly if there are any."""
    done = _audit(plot, "leaks", "--staged")
    assert done.exit_code == (3 if done.stdout else 0), done.stderr
    return done.stdout.splitlines()


def test_a_staged_value_is_found_and_an_unstaged_one_is_not(plot: Plot) -> None:
    """What counts is the index, whatever the working tree holds by now."""
    plot.file("unstaged.md", f"{TOKEN}\n")
    plot.file("docs/a b é.md", f"# How to\n\ncurl -H 'Authorization: Bearer {TOKEN}'\n")
    assert _hits(plot) == []
    plot.git("add", "docs")
    plot.file("docs/a b é.md", "clean again\n")
    assert _hits(plot) == ["docs/a b é.md:3: API_TOKEN, in force in development"]


def test_the_ignored_home_of_a_value_is_silent_until_it_is_staged(plot: Plot) -> None:
    """An env file may hold its values; forced into the index it is a leak."""
    plot.git("add", "-A")
    assert _hits(plot) == []
    plot.git("add", "-f", "backend/.env")
    assert _hits(plot) == ["backend/.env:1: API_TOKEN, in force in development"]


def test_a_change_that_removes_a_value_is_silent(plot: Plot) -> None:
    """Taking a value out, or deleting its file, brings nothing into the next commit."""
    plot.commit("a.py", f"TOKEN = '{TOKEN}'\n")
    plot.commit("b.py", f"TOKEN = '{TOKEN}'\n")
    plot.file("a.py", "TOKEN = environ['TOKEN']\n")
    plot.git("add", "a.py")
    plot.git("rm", "-q", "b.py")
    assert _hits(plot) == []


def test_a_renamed_file_and_a_file_s_name_are_searched(plot: Plot) -> None:
    """A value that moves to another path is at that path in the next commit; so is one in a name."""
    plot.commit("a.py", f"\nTOKEN = '{TOKEN}'\n")
    assert _hits(plot) == []
    plot.git("mv", "a.py", "c.py")
    plot.file(f"dump-{TOKEN}.txt", "x\n")
    plot.git("add", "-A")
    assert _hits(plot) == [
        "c.py:2: API_TOKEN, in force in development",
        "dump-[secret removed].txt (its name): API_TOKEN, in force in development",
    ]


def test_binary_and_packed_content_is_searched(plot: Plot) -> None:
    """A value in a binary file, in base64 and in an archive is found."""
    plot.file("a.bin", b"\x7fELF\0\n\0" + TOKEN.encode() + b"\0\xff")
    plot.file("b.txt", shell("base64 -w 0", TOKEN))
    plot.file("large.bin", b"\0" * 9_000_000 + TOKEN.encode())
    plot.git("add", "-A")
    subprocess.run(["tar", "-czf", "x.tgz", "b.txt"], cwd=plot.root, check=True)
    plot.git("add", "x.tgz")
    assert [line.split(":")[0] for line in _hits(plot)] == ["a.bin", "b.txt", "large.bin", "x.tgz!b.txt"]


def test_a_name_that_may_be_a_piece_of_a_value_is_not_shown(plot: Plot) -> None:
    """As in a report: neither signs that were drawn nor what a known value holds, but the rule."""
    bus = f"Endpoint=sb://bus.internal/;SharedAccessKey={OLD}"
    plot.file("backend/.env", f"SERVICE_BUS='{bus}'\n")
    names = ("_1Uco" + "Pwd1WB", "SharedAccessKey", "API_TOKEN")
    plot.file("a.py", "".join(f"{name} = '{fake_value(name)}'\n" for name in names))
    plot.git("add", "a.py")
    told = [line.partition(",")[0] for line in _hits(plot)]
    assert told == ["a.py:1: assignment", "a.py:2: assignment", "a.py:3: API_TOKEN"]


def test_before_the_first_commit_all_is_staged(tmp_path: Path) -> None:
    """Without a HEAD the whole index is searched."""
    root = tmp_path / "new"
    root.mkdir()
    plot = Plot(root)
    plot.git("init", "-q")
    plot.file(".env", f"API_TOKEN={TOKEN}\n")
    plot.file("a.txt", TOKEN)
    plot.git("add", "a.txt")
    assert [line.split(":")[0] for line in _hits(plot)] == ["a.txt"]


def test_without_the_ledger_s_key_env_files_are_searched_for(plot: Plot) -> None:
    """A colleague who has no key is told so, and a value of an env file is found all the same."""
    assert _audit(plot, "snapshot", "--project", ".").exit_code == 0
    (plot.root.parent / "home" / ".config" / "audit_lib" / "key").unlink()
    plot.file("a.txt", TOKEN)
    plot.git("add", "a.txt")
    done = _audit(plot, "leaks", "--staged")
    assert (done.exit_code, done.stdout) == (3, "a.txt:1: API_TOKEN, in force in development\n")
    assert "only values of env files are searched for" in done.stderr


def test_with_nothing_to_search_by_it_says_so(plot: Plot) -> None:
    """No env file and no ledger: the commit goes on, and nothing is called clean."""
    (plot.root / "backend/.env").unlink()
    done = _audit(plot, "leaks", "--staged")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no value is known" in done.stderr


def test_no_code_is_read_to_choose_a_policy_for_no_value(plot: Plot) -> None:
    """Which variables are secrets matters where there is a value: a hook does not wait for it elsewhere."""
    assert _staged_policy(load_project(plot.root), ()) == ""
    (plot.root / "backend/.env").unlink()
    assert _staged_policy(load_project(plot.root), ()) == "generic"


def test_the_hook_stops_every_kind_of_commit(plot: Plot) -> None:
    """As git's pre-commit hook it refuses `commit`, `commit -a` and `commit PATH`, which have own indexes."""
    hook = plot.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec '{sys.executable}' -P -m audit_lib leaks --staged\n")
    hook.chmod(0o755)
    home = _environment(plot)
    plot.git("add", "-A")
    plot.git("commit", "-q", "--allow-empty", "-m", "Clean", **home)
    for words in (("-a",), ("base.txt",)):
        plot.file("base.txt", f"{TOKEN}\n")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            plot.git("commit", "-m", "Leak", *words, **home)
        assert b"base.txt:1: API_TOKEN" in refused.value.stderr
        plot.git("reset", "-q", "--hard")
    plot.file("base.txt", "harmless\n")
    plot.git("commit", "-q", "-a", "-m", "Go on", **home)


def test_an_index_elsewhere_is_not_believed(plot: Plot, tmp_path: Path) -> None:
    """An index file outside the repository is exit 2: what it stages is not known."""
    other = tmp_path / "index"
    other.write_bytes((plot.root / ".git/index").read_bytes())
    done = _audit(plot, "leaks", "--staged", GIT_INDEX_FILE=str(other))
    assert (done.exit_code, done.stderr) == (2, "GIT_INDEX_FILE: is not a file of this repository\n")


def test_the_hook_works_in_a_worktree_and_in_a_submodule(plot: Plot, tmp_path: Path) -> None:
    """Their .git is a file that leads to a repository outside, which names them: there it is asked."""
    allowed = {"GIT_ALLOW_PROTOCOL": "file"}
    tree, module = Plot(tmp_path / "tree"), Plot(plot.root / "lib")
    plot.git("worktree", "add", "-q", str(tree.root))
    plot.git("submodule", "--quiet", "add", str(plot.root), "lib", **allowed)
    for linked in (tree, module):
        linked.file("backend/.env", f"API_TOKEN={TOKEN}\n")
        hook = Path(linked.git("rev-parse", "--path-format=absolute", "--git-path", "hooks/pre-commit"))
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec '{sys.executable}' -P -m audit_lib leaks --staged\n")
        hook.chmod(0o755)
        linked.file("base.txt", f"{TOKEN}\n")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            linked.git("commit", "-a", "-m", "Leak", **_environment(linked))
        assert b"base.txt:1: API_TOKEN, in force in development" in refused.value.stderr


@pytest.mark.parametrize("repository", ["", "/worktrees/tree"])
def test_a_git_file_that_its_repository_does_not_name_leads_nowhere(
    repository: str, plot: Plot, tmp_path: Path
) -> None:
    """A folder that came with such a file cannot make the hook read a repository of somebody's own."""
    plot.git("worktree", "add", "-q", str(tmp_path / "tree"))
    stranger = Plot(tmp_path / "stranger")
    stranger.file(".git", f"gitdir: {plot.root}/.git{repository}\n")
    stranger.file("backend/.env", f"API_TOKEN={TOKEN}\n")
    done = _audit(stranger, "leaks", "--staged")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ".git: leads out of the project, and nothing is read there\n"
