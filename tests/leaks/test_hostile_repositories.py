"""A repository that fights back: nothing of it is executed, and nothing it does hides a value silently."""

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks.test_search import Search, search
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot

VALUE = fake_value("hostile")


def _config(plot: Plot, text: str) -> None:
    with (plot.root / ".git" / "config").open("a") as config:
        config.write(text)


def _trap(plot: Plot) -> Path:
    """A program that leaves a trace when it runs."""
    trap = plot.root.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{plot.root.parent / 'sprung'}'\ncat \"$@\" 2>/dev/null\n")
    trap.chmod(0o755)
    return trap


def _textconv(plot: Plot) -> None:
    plot.commit(".gitattributes", "* diff=evil filter=evil merge=evil -text\n")
    trap = _trap(plot)
    _config(plot, f'[diff "evil"]\n textconv = {trap}\n command = {trap}\n[diff]\n external = {trap}\n')
    _config(plot, f'[filter "evil"]\n smudge = {trap}\n clean = {trap}\n required = true\n')


def _gpg(plot: Plot) -> None:
    _config(
        plot, f"[gpg]\n program = {_trap(plot)}\n[log]\n showSignature = true\n[commit]\n gpgSign = true\n"
    )
    commit = plot.git("cat-file", "commit", "HEAD")
    signed = commit.replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\n", 1
    )
    oid = plot.git(
        "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=f"{signed}\n".encode()
    )
    plot.git("update-ref", "refs/heads/signed", oid)


def _fsmonitor(plot: Plot) -> None:
    _config(
        plot, f"[core]\n fsmonitor = {_trap(plot)}\n pager = {_trap(plot)}\n sshCommand = {_trap(plot)}\n"
    )


def _hooks(plot: Plot) -> None:
    hooks = plot.root / ".git" / "evil-hooks"
    hooks.mkdir()
    for name in (
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ):
        shutil.copy(_trap(plot), hooks / name)
        shutil.copy(_trap(plot), plot.root / ".git" / "hooks" / name)
    _config(plot, f"[core]\n hooksPath = {hooks}\n")


def _include(plot: Plot) -> None:
    (plot.root / "evil.config").write_text(
        f"[core]\n fsmonitor = {_trap(plot)}\n[log]\n showSignature = true\n"
    )
    _config(plot, '[include]\n path = ../evil.config\n[includeIf "gitdir:**"]\n path = ../evil.config\n')


def _aliases(plot: Plot) -> None:
    for name in ("cat-file", "rev-list", "diff-tree", "ls-files", "ls-tree", "rev-parse", "for-each-ref"):
        _config(plot, f"[alias]\n {name} = !{_trap(plot)}\n")


def _worktree_elsewhere(plot: Plot) -> None:
    _config(plot, "[core]\n worktree = /\n")


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


TRAPS: dict[str, Callable[[Plot], None]] = {
    "textconv, external diff and filters": _textconv,
    "gpg.program with a signed commit": _gpg,
    "core.fsmonitor, pager, sshCommand": _fsmonitor,
    "hooks and core.hooksPath": _hooks,
    "include.path and includeIf": _include,
    "aliases of plumbing": _aliases,
    "core.worktree elsewhere": _worktree_elsewhere,
    "replace refs": _replaced,
    "grafts": _grafted,
    "attributes and excludes": _ignored,
    "odd file names": _odd_names,
    "FIFO and links": _special_files,
}


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository whose history holds the value."""
    made = new_plot(tmp_path / "repo")
    made.commit("secret.txt", f"one\n{VALUE}\n")
    return made


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_neither_runs_nor_hides(trap: str, plot: Plot, tmp_path: Path) -> None:
    """The value is found in its commit whatever the repository configures, and no program of it runs."""
    TRAPS[trap](plot)
    (tmp_path / "sprung").unlink(missing_ok=True)
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    places = found.sightings[found.sightings["place"] == "commit"]
    assert set(places["path"]) >= {"secret.txt"}
    assert not (tmp_path / "sprung").exists()


def _incomplete(found: Search) -> bool:
    git = found.coverage[found.coverage["part"] == "git objects"]
    return bool((git["state"] == "incomplete").any())


def _left_out(found: Search) -> str:
    return " ".join(found.coverage.loc[found.coverage["state"] != "searched", "reason"])


def test_alternates_are_not_followed_and_said(plot: Plot, tmp_path: Path) -> None:
    """Another repository's objects are not read through alternates; the search is then incomplete."""
    other = new_plot(tmp_path / "other")
    other.commit("theirs.txt", VALUE)
    info = plot.root / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{other.root}/.git/objects\n")
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert _incomplete(found)
    assert "theirs.txt" not in set(found.sightings["path"])


def test_a_missing_blob_of_a_partial_clone_is_not_fetched(plot: Plot, tmp_path: Path) -> None:
    """Nothing is asked of a promisor remote, not even where its address is a program; the gap is said."""
    oid = plot.git("rev-parse", "HEAD:secret.txt")
    (plot.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    _config(
        plot,
        f'[extensions]\n partialClone = evil\n[remote "evil"]\n url = ext::{_trap(plot)}\n promisor = true\n',
    )
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert not (tmp_path / "sprung").exists()
    assert "that its history names" in _left_out(found)


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


def test_a_shallow_clone_is_said(plot: Plot, tmp_path: Path) -> None:
    """What a shallow clone leaves out is no clean history."""
    plot.commit("later.txt", "later")
    plot.git("clone", "-q", "--depth=1", f"file://{plot.root}", str(tmp_path / "shallow"))
    found, _ = search(tmp_path / "shallow", {"TOKEN": VALUE}, tmp_path)
    assert "shallow clone" in _left_out(found)


def test_submodules_and_lfs_pointers_are_said(plot: Plot, tmp_path: Path) -> None:
    """A submodule's history and a content in git LFS are elsewhere, and the coverage names them."""
    plot.git("update-index", "--add", "--cacheinfo", f"160000,{plot.git('rev-parse', 'HEAD')},vendor/sub")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 5\n"
    plot.commit("big.bin", pointer)
    left_out = _left_out(search(plot.root, {"TOKEN": VALUE}, tmp_path)[0])
    assert "is a submodule" in left_out
    assert "git LFS" in left_out


def test_an_archive_bomb_is_bounded_and_said(
    plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that expands without end is searched up to the limit, and the rest is said."""
    monkeypatch.setattr("audit_lib.base.archives.EXPANDED", 32 << 20)
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(VALUE.encode() + bytes(64 << 20)) + packer.flush()
    plot.file("bomb.gz", bomb)
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert "bomb.gz" in set(found.sightings["path"])
    assert "the rest was not searched" in _left_out(found)


def test_an_unreadable_repository_is_incomplete(tmp_path: Path) -> None:
    """A .git that is no repository is no clean history."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    found, _ = search(tmp_path / "repo", {"TOKEN": VALUE}, tmp_path)
    assert _incomplete(found)


def test_a_value_in_a_path_is_not_shown(plot: Plot, tmp_path: Path) -> None:
    """Paths, members of archives and messages are scrubbed, also in the coverage."""
    plot.file(f"dump-{VALUE}.gz", b"\x1f\x8b broken")
    plot.commit(f"keys/{VALUE}/a.txt", "x")
    found, _ = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    shown = found.sightings.to_csv() + found.coverage.to_csv()
    assert VALUE not in shown
    assert "keys/[secret removed]/a.txt" in shown
