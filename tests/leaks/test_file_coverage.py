"""What the search of the files leaves out is named with its reason, each time, and never counts as clean."""

import gzip
import os
import random
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.leaks.test_search import met, search
from tests.support.fakes import fake_value
from tests.support.packed import pdf, png, zipped
from tests.support.planter import new_plot

VALUE = fake_value("file coverage")
NOISE = random.Random(7).randbytes(5000)


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


def _begins_with(magic: bytes, path: Path) -> None:
    path.write_bytes(magic + NOISE)


# A name, what makes it, the reason that is given for it.
LEFT_OUT: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("link", lambda path: path.symlink_to("/etc/hostname"), "is a symbolic link, which is not followed"),
    ("fifo", os.mkfifo, "FIFO"),
    ("locked.zip", lambda path: _zip(path, NOISE[:99], 1), "has a member that is encrypted"),
    ("large.zip", lambda path: _zip(path, NOISE), "has a zip larger than 4,096 bytes, which was not opened"),
    *(
        (f"a.{ending}", partial(_begins_with, magic), f"is a {kind}, which is not opened")
        for ending, magic, kind in (
            ("7z", b"7z\xbc\xaf\x27\x1c", "7z archive"),
            ("rar", b"Rar!\x1a\7\1\0", "rar archive"),
            ("lz4", b"\x04\x22\x4d\x18", "lz4 file"),
            ("bundle", b"# v2 git bundle\n", "git bundle"),
        )
    ),
    ("locked.pdf", lambda path: path.write_bytes(b"%PDF-1.7 /Encrypt 1 0 R"), "is an encrypted PDF"),
    ("old.pdf", lambda path: path.write_bytes(b"%PDF-1.7 <</LZWDecode>> stream\n"), "a stream by LZWDecode"),
    ("cut.gz", lambda path: path.write_bytes(gzip.compress(NOISE)[:900]), "is broken or not"),
    ("vendor/lib/.git/objects", _store, "is the object store of a submodule or of another repository"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), LEFT_OUT, ids=[name for name, *_ in LEFT_OUT])
def test_what_is_left_out_is_named(
    name: str,
    make: Callable[[Path], object],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
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
    if committed:
        plot.commit(name, make())
        (plot.root / name).unlink()
    else:
        plot.file(name, make())
    found, keeper = search(plot.root, {"TOKEN": VALUE}, tmp_path)
    assert list(met(found, keeper, VALUE)["encoding"]) == [encoding]
