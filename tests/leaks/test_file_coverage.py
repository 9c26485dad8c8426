"""What the search of the files leaves out is named with its reason, each time, and never counts as clean."""

import gzip
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks.test_search import met, search
from tests.support.fakes import fake_value

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


# A name, what makes it, the reason that is given for it.
LEFT_OUT: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("link", lambda path: path.symlink_to("/etc/hostname"), "is a symbolic link, which is not followed"),
    ("fifo", os.mkfifo, "is a FIFO, a socket or a device"),
    ("locked.zip", lambda path: _zip(path, NOISE[:99], 1), "has a member that is encrypted"),
    ("large.zip", lambda path: _zip(path, NOISE), "has a zip larger than 4,096 bytes, which was not opened"),
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.parametrize(("kind", "reason"), [("file", "cannot be read"), ("folder", "cannot be listed")])
def test_what_is_unreadable_is_named(kind: str, reason: str, tmp_path: Path) -> None:
    """A file or folder that the reviewer may not open is named."""
    root = tmp_path / "project"
    root.mkdir()
    shut = root / "shut"
    shut.mkdir() if kind == "folder" else shut.write_text(VALUE)
    shut.chmod(0)
    told = search(root, {"TOKEN": VALUE}, tmp_path)[0].coverage
    assert any(reason in text for text in told.loc[told["place"].str.startswith("shut"), "reason"])
