"""Files are found and opened within the project, once, and never through a link, a FIFO or a device."""

import os
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import pytest

from audit_lib.base import files
from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, log_paths, open_source, read_source, walk_files
from tests.support.hostile import deep_tree

FILES = ("a.log", "b.txt", "logs/a.log", "logs/a.log.1", "logs/old/b.log", "app/logs/c.log", ".hidden/d.log")
LINKS = {
    "out": "../outside", "up": "..", "link.log": "../outside/x.log", "loop": "loop", "host": "/etc/hostname",
    "zero": "/dev/zero", "within": "a.log",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with files, and links that lead out of it, up, within and nowhere."""
    root, outside = tmp_path / "project", tmp_path / "outside"
    for path in (outside / "x.log", outside / "logs" / "y.log", *(root / name for name in FILES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    return root


def test_a_source_is_its_bytes_when_it_was_opened(tmp_path: Path) -> None:
    """It gives its bytes, their hash, size, time of change in UTC and mode; what is appended while it is open
    belongs to it no more."""
    path, content = tmp_path / "backend" / ".env", bytes(range(256)) * 1000
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o640)
    os.utime(path, (0, 1_000_000_000))
    source = read_source(tmp_path, "backend/.env", len(content))
    assert (source.content, source.sha256) == (content, sha256(content).hexdigest())
    assert source.facts["modified_at"] == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert (source.facts["size_bytes"], source.facts["mode"]) == (len(content), "0640")
    with open_source(tmp_path, "backend/.env") as (file, _), path.open("ab") as more:
        more.write(b"two\n")
        more.flush()
        assert file.read() == content


REFUSED = {
    "refused": {
        "host": "symbolic link", "zero": "symbolic link", "out/x.log": "symbolic link",
        "within": "symbolic link", "fifo": "FIFO", "logs": "directory", "": "is not a file",
        "../outside/x.log": "out of the project", "/etc/hostname": "out of the project",
        "a\0b": "out of the project", "x" * 5000: "long a name",
        "large": "limit of 1,000 bytes", "null": "device",
    },
    "missing": {"a.log/x": "does not exist", "x": "does not exist"},
}  # fmt: skip


def test_whatever_is_no_file_of_the_project_is_refused(project: Path) -> None:
    """Every hostile source ends at once in a state and a reason; a device is refused before it is opened."""
    (project / "large").write_bytes(b"x" * 1001)
    for state, reasons in REFUSED.items():
        for path, reason in reasons.items():
            with pytest.raises(Unreadable, match=reason) as refusal:
                read_source(Path("/dev") if path == "null" else project, path, 1000)
            assert refusal.value.state == state, path


@pytest.mark.parametrize(("other", "reason"), [("host", "symbolic link"), ("fifo", "FIFO")])
def test_what_takes_the_file_s_place_is_not_read(
    project: Path, monkeypatch: pytest.MonkeyPatch, other: str, reason: str
) -> None:
    """Between the look at a file and its opening it can be replaced: what was opened is looked at again."""
    looked = files._require_file

    def swap(status: os.stat_result, relative: str) -> None:
        looked(status, relative)
        (project / other).rename(project / "a.log")

    monkeypatch.setattr(files, "_require_file", swap)
    with pytest.raises(Unreadable, match=reason):
        read_source(project, "a.log", 1000)


PATTERNS = {
    "*.log": "a.log link.log", "logs/*.log*": "logs/a.log logs/a.log.1", "logs/a.log": "logs/a.log",
    "**/a.log": "a.log logs/a.log", "**/logs/**/*.log": "app/logs/c.log logs/a.log logs/old/b.log",
    "logs/[!b].log": "logs/a.log", "*/*.log": ".hidden/d.log logs/a.log out up", "out/*.log": "out",
    "*/*/*/*/*/*/*.log": "out up", "nowhere/*.log": "", "logs": "", ".": "",
}  # fmt: skip


def test_a_pattern_names_files_of_the_project(project: Path) -> None:
    """Files alone, in order; a link that is passed is named itself, and nothing behind it is listed."""
    assert {pattern: " ".join(log_paths(project, pattern)) for pattern in PATTERNS} == PATTERNS


def test_every_file_is_walked_and_what_is_not_is_said(project: Path, tmp_path: Path) -> None:
    """Links, FIFOs and another repository's objects are named; a root that is a file is the only one."""
    for path in (".git/objects/aa/bb", "sub/.git/objects/aa", ".git/HEAD"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    left_out: list[Fault] = []
    walked = []
    for path, size, opener in chain(walk_files(project, left_out), walk_files(project / "a.log", left_out)):
        with opener() as opened:
            walked.append((path, opened.read(), size))
    assert sorted(walked) == [(path, b"x", 1) for path in sorted([*FILES, ".git/HEAD", "a.log"])]
    # What a link within the project leads to is read under its own name.
    assert {left.place for left in left_out} == {*LINKS, "fifo", "sub/.git/objects"} - {"within"}
    left_out.clear()
    with deep_tree(tmp_path / "deep") as root:
        assert log_paths(root, "**/a/**/a/**/b/**/*.log") == ["/".join("a" * 101)]
        assert list(walk_files(root, left_out)) == []
    assert len(left_out) == 1
