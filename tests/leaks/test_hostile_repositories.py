"""A repository that fights back: nothing that it does hides a value silently."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks.test_search import Search, search
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot

VALUE = fake_value("hostile")


def _replaced(plot: Plot) -> None:
    clean = plot.git("hash-object", "-w", "--stdin", stdin=b"clean\n")
    plot.git("replace", plot.git("rev-parse", "HEAD:secret.txt"), clean)
    plot.git("replace", "HEAD", "HEAD~1")


def _grafted(plot: Plot) -> None:
    plot.commit("later.txt", "later")
    (plot.root / ".git" / "info" / "grafts").write_text(plot.git("rev-parse", "HEAD") + "\n")


def _ignored(plot: Plot) -> None:
    plot.commit(".gitattributes", "* binary -diff export-ignore linguist-vendored\n")
    (plot.root / ".git" / "info" / "exclude").write_text("*\n")


def _odd_names(plot: Plot) -> None:
    for name in ("new\nline", "tab\tname", "\x1b[31mred", "-rf", "a b", "\u202egnp.exe"):
        plot.file(f"odd/{name}", "x")
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Odd")


def _special_files(plot: Plot) -> None:
    os.mkfifo(plot.root / "fifo")
    (plot.root / "etc").symlink_to("/etc")
    (plot.root / "loop").symlink_to(".")


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository whose history holds the value."""
    made = new_plot(tmp_path / "repo")
    made.commit("secret.txt", f"one\n{VALUE}\n")
    return made


def _incomplete(found: Search) -> bool:
    git = found.coverage[found.coverage["part"] == "git objects"]
    return bool((git["state"] == "incomplete").any())


@pytest.mark.parametrize("trap", [_replaced, _grafted, _ignored, _odd_names, _special_files])
def test_a_trap_hides_nothing(trap: Callable[[Plot], None], plot: Plot, tmp_path: Path) -> None:
    """The value is found in its commit whatever the repository replaces, grafts, ignores or calls a file."""
    trap(plot)
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert set(found.sightings.loc[found.sightings["place"] == "commit", "path"]) >= {"secret.txt"}


def test_a_broken_object_makes_the_search_incomplete(plot: Plot, tmp_path: Path) -> None:
    """Where git fails the result is "incomplete"; the other objects are searched, now and the next time."""
    for number in range(3):
        oid = plot.git("hash-object", "-w", "--stdin", stdin=b"to be broken %d" % number)
        path = plot.root / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(zlib.compress(b"blob 99\0too short")[: 30 - number])
    for _ in range(2):
        found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
        assert _incomplete(found)
        assert set(found.sightings["path"]) >= {"secret.txt"}


def test_an_archive_bomb_is_bounded_and_said(
    plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that expands without end is searched up to the limit, and the rest is said."""
    monkeypatch.setattr("audit_lib.base.archives.EXPANDED", 32 << 20)
    packer = zlib.compressobj(wbits=31)
    plot.file("bomb.gz", packer.compress(VALUE.encode() + bytes(64 << 20)) + packer.flush())
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert "bomb.gz" in set(found.sightings["path"])
    assert found.coverage["reason"].str.contains("the rest was not searched").any()


def test_a_value_in_a_path_is_not_shown(plot: Plot, tmp_path: Path) -> None:
    """Paths, members of archives and messages are scrubbed, also in the coverage."""
    plot.file(f"dump-{VALUE}.gz", b"\x1f\x8b broken")
    plot.commit(f"keys/{VALUE}/a.txt", "x")
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    shown = found.sightings.to_csv() + found.coverage.to_csv()
    assert VALUE not in shown
    assert "keys/[secret removed]/a.txt" in shown
