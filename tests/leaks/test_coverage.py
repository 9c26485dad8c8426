"""What a search left out is named each time, and nothing that a repository does hides a value silently."""

import gzip
import os
import random
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.leaks.test_search import Search, met, search
from tests.support.fakes import fake_value
from tests.support.packed import pdf, png, zipped
from tests.support.planter import Plot, new_plot

VALUE = fake_value("file coverage")
NOISE = random.Random(7).randbytes(5000)


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    """A repository whose history holds the value."""
    made = new_plot(tmp_path / "repo")
    made.commit("secret.txt", f"one\n{VALUE}\n")
    return made


def _search(plot: Plot) -> Search:
    return search(plot.root, {"TOKEN": VALUE}, plot.root.parent)[0]


def _zip(path: Path, content: bytes, flags: int = 0) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", content)
    data = bytearray(path.read_bytes())
    # Byte 6 of a member's own header, byte 8 of its line in the directory: bit 0 says encrypted.
    data[data.index(b"PK\3\4") + 6] |= flags
    data[data.index(b"PK\1\2") + 8] |= flags
    path.write_bytes(data)


def _store(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "pack").write_text(VALUE)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


# A name, what makes it, the reason that is given for it.
LEFT_OUT: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("link", lambda path: path.symlink_to("/etc/hostname"), "is a symbolic link, which is not followed"),
    ("fifo", os.mkfifo, "FIFO"),
    ("locked.zip", lambda path: _zip(path, NOISE[:99], 1), "has a member that is encrypted"),
    ("large.zip", lambda path: _zip(path, NOISE), "has a zip larger than 4,096 bytes, which was not opened"),
    ("a.7z", partial(_write, b"7z\xbc\xaf\x27\x1c" + NOISE), "is a 7z archive, which is not opened"),
    ("a.rar", partial(_write, b"Rar!\x1a\7\1\0" + NOISE), "is a rar archive, which is not opened"),
    ("a.lz4", partial(_write, b"\x04\x22\x4d\x18" + NOISE), "is a lz4 file, which is not opened"),
    ("a.bundle", partial(_write, b"# v2 git bundle\n" + NOISE), "is a git bundle, which is not opened"),
    ("locked.pdf", partial(_write, b"%PDF-1.7 /Encrypt 1 0 R"), "is an encrypted PDF"),
    ("old.pdf", partial(_write, b"%PDF-1.7 <</LZWDecode>> stream\n"), "a stream by LZWDecode"),
    ("cut.gz", partial(_write, gzip.compress(NOISE)[:900]), "is broken or not"),
    ("vendor/lib/.git/objects", _store, "is the object store of a submodule or of another repository"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), LEFT_OUT, ids=[name for name, *_ in LEFT_OUT])
def test_what_is_left_out_is_named(
    name: str, make: Callable[[Path], object], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, devices, archives locked, large, nested or broken, others' stores: named each time."""
    monkeypatch.setattr("audit_lib.base.archives.HELD", 4096)
    root = tmp_path / "project"
    (root / name).parent.mkdir(parents=True)
    make(root / name)
    (root / "notes.txt").write_text(VALUE)
    for _ in range(2):
        found, keeper = search(root, {"TOKEN": VALUE}, tmp_path)
        told = found.coverage[found.coverage["state"] == "not searched"]
        assert any(reason in text for text in told.loc[told["place"] == name, "reason"])
        assert list(found.coverage.loc[found.coverage["place"] == ".", "state"]) == ["partly"]
        assert list(met(found, keeper, VALUE)["path"]) == ["notes.txt"]


PACKED = {
    "prefixed.zip": (lambda: b"#!/bin/sh\n" * 9 + zipped(VALUE.encode()), "plain in zip"),
    "page.pdf": (lambda: pdf(VALUE.encode()), "plain in pdf"),
    "plot.png": (lambda: png(VALUE.encode()), "plain in png"),
    "two.gz": (lambda: gzip.compress(b"first") + gzip.compress(VALUE.encode()), "plain in gzip"),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("committed", [False, True], ids=["on disk", "in git"])
def test_what_is_packed_in_a_file_is_found(name: str, committed: bool, tmp_path: Path) -> None:
    """A zip behind a program, a PDF's deflated stream, a picture's packed text, a second stream."""
    make, encoding = PACKED[name]
    plot = new_plot(tmp_path / "project")
    plot.file(name, make())
    if committed:
        plot.commit(name, make())
        (plot.root / name).unlink()
    found, keeper = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert list(met(found, keeper, VALUE)["encoding"]) == [encoding]


def _reasons(found: Search) -> str:
    return "; ".join(found.coverage.loc[found.coverage["state"] != "searched", "reason"])


def test_a_shallow_clone_is_said(plot: Plot, tmp_path: Path) -> None:
    """Commits that were never fetched are not taken for clean."""
    plot.commit("two.txt", "two")
    clone = tmp_path / "clone"
    plot.git("clone", "-q", "--depth", "1", plot.root.as_uri(), str(clone))
    assert "shallow clone" in _reasons(search(clone, {"TOKEN": VALUE}, tmp_path)[0])


def test_a_pointer_of_lfs_is_said(plot: Plot) -> None:
    """What git LFS keeps elsewhere is not searched, and the second search says so again."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    plot.commit("big.bin", pointer)
    for _ in range(2):
        assert "git LFS" in _reasons(_search(plot))


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


@pytest.mark.parametrize("trap", [_replaced, _grafted, _ignored, _odd_names, _special_files])
def test_a_trap_hides_nothing(trap: Callable[[Plot], None], plot: Plot) -> None:
    """The value is found in its commit whatever the repository replaces, grafts, ignores or calls a file."""
    trap(plot)
    places = _search(plot).sightings
    assert set(places.loc[places["place"] == "commit", "path"]) >= {"secret.txt"}


def test_a_broken_object_makes_the_search_incomplete(plot: Plot) -> None:
    """Where git fails the result is "incomplete"; the other objects are searched, now and the next time."""
    for number in range(3):
        oid = plot.git("hash-object", "-w", "--stdin", stdin=b"to be broken %d" % number)
        path = plot.root / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(zlib.compress(b"blob 99\0too short")[: 30 - number])
    for _ in range(2):
        found = _search(plot)
        git = found.coverage[found.coverage["part"] == "git objects"]
        assert (git["state"] == "incomplete").any()
        assert set(found.sightings["path"]) >= {"secret.txt"}


def test_an_archive_bomb_is_bounded_and_said(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that expands without end is searched up to the limit, and the rest is said."""
    monkeypatch.setattr("audit_lib.base.archives.EXPANDED", 32 << 20)
    packer = zlib.compressobj(wbits=31)
    plot.file("bomb.gz", packer.compress(VALUE.encode() + bytes(64 << 20)) + packer.flush())
    found = _search(plot)
    assert "bomb.gz" in set(found.sightings["path"])
    assert found.coverage["reason"].str.contains("the rest was not searched").any()


def test_a_value_in_a_path_is_not_shown(plot: Plot) -> None:
    """Paths, members of archives and messages are scrubbed, also in the coverage."""
    plot.file(f"dump-{VALUE}.gz", b"\x1f\x8b broken")
    plot.commit(f"keys/{VALUE}/a.txt", "x")
    found = _search(plot)
    shown = found.sightings.to_csv() + found.coverage.to_csv()
    assert VALUE not in shown
    assert "keys/[secret removed]/a.txt" in shown
