"""`leaks --staged`, in real repositories and as the hook of real commits."""

import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.cache import user_cache
from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.planter import Plot, new_plot, shell

TOKEN = fake_value("staged token")


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


def _hits(plot: Plot) -> list[str]:
    """The lines of the hook in the repository; its exit code is 3 exactly if there are any."""
    environment = dict.fromkeys(os.environ) | _environment(plot)  # what else there is, is unset
    with chdir(plot.root):
        done = CliRunner(env=environment).invoke(main, ["leaks", "--staged"])
    assert TOKEN[:12] not in done.output
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
