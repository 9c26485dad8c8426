"""Files are found and opened within the project, once, and never through a link, a FIFO or a device."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base import files
from audit_lib.base.files import NotSearched, Unreadable, log_paths, open_source, read_source, walk_files
from tests.support.hostile import deep_tree

LIMIT = 1000
FILES = ("a.log", "b.txt", "logs/a.log", "logs/a.log.1", "logs/old/b.log", "app/logs/c.log", ".hidden/d.log")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with files, and links that lead out of it, up, and nowhere."""
    outside = tmp_path / "outside"
    root = tmp_path / "project"
    for path in (outside / "x.log", outside / "logs" / "y.log", *(root / name for name in FILES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (root / "out").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "link.log").symlink_to(outside / "x.log")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    return root


def test_content_hash_and_facts_are_of_the_same_bytes(tmp_path: Path) -> None:
    """A source gives its bytes, their hash, size, time of change in UTC and mode."""
    path = tmp_path / "backend" / ".env"
    path.parent.mkdir()
    path.write_bytes(b"A=1\n")
    path.chmod(0o640)
    os.utime(path, (0, 1_000_000_000))
    source = read_source(tmp_path, "backend/.env", LIMIT)
    assert (source.content, source.sha256) == (b"A=1\n", sha256(b"A=1\n").hexdigest())
    assert source.facts.modified_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert (source.facts.size_bytes, source.facts.mode) == (4, "0640")


REFUSED: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "link out": (lambda root: (root / "x").symlink_to("/etc/hostname"), "x", "refused", "symbolic link"),
    "link to a device": (lambda root: (root / "x").symlink_to("/dev/zero"), "x", "refused", "symbolic link"),
    "link in the middle": (lambda root: None, "out/x.log", "refused", "symbolic link"),
    "link within": (lambda root: (root / "x").symlink_to("a.log"), "x", "refused", "symbolic link"),
    "FIFO": (lambda root: None, "fifo", "refused", "FIFO"),
    "directory": (lambda root: None, "logs", "refused", "directory"),
    "file for a folder": (lambda root: None, "a.log/x", "missing", "does not exist"),
    "missing": (lambda root: None, "x", "missing", "does not exist"),
    "dots": (lambda root: None, "../outside/x.log", "refused", "out of the project"),
    "absolute": (lambda root: None, "/etc/hostname", "refused", "out of the project"),
    "NUL": (lambda root: None, "a\0b", "refused", "out of the project"),
    "empty path": (lambda root: None, "", "refused", "is not a file"),
    "long name": (lambda root: None, "x" * 5000, "refused", "long a name"),
    "too large": (lambda root: (root / "x").write_bytes(b"x" * 1001), "x", "refused", "limit of 1,000 bytes"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_whatever_is_no_file_of_the_project_is_refused(project: Path, kind: str) -> None:
    """Every hostile source ends at once in a state and a reason, and nothing outside is read."""
    make, path, state, reason = REFUSED[kind]
    make(project)
    with pytest.raises(Unreadable) as refusal:
        read_source(project, path, LIMIT)
    assert refusal.value.state == state
    assert reason in refusal.value.reason


def test_a_device_is_refused_before_it_is_opened() -> None:
    """Opening one can have effects of its own."""
    with pytest.raises(Unreadable, match="device"):
        read_source(Path("/dev"), "null", LIMIT)


def test_a_link_that_takes_the_file_s_place_is_not_followed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its opening it can be replaced: the opening itself refuses."""
    looked = files._require_file

    def swap(status: os.stat_result, relative: str) -> None:
        looked(status, relative)
        (project / "a.log").unlink()
        (project / "a.log").symlink_to("/etc/hostname")

    monkeypatch.setattr(files, "_require_file", swap)
    with pytest.raises(Unreadable, match="symbolic link"):
        read_source(project, "a.log", LIMIT)


def test_a_growing_file_is_read_and_hashed_up_to_the_size_it_had(tmp_path: Path) -> None:
    """What is appended while a source is open belongs to neither; what the reader left is hashed, too."""
    path = tmp_path / "app.log"
    content = bytes(range(256)) * 1000
    path.write_bytes(content)
    with open_source(tmp_path, "app.log") as source:
        with path.open("ab") as more:
            more.write(b"two\n")
        assert source.file.read(10) == content[:10]
        assert source.finish() == sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.log", ["a.log", "link.log"]),
        ("logs/*.log*", ["logs/a.log", "logs/a.log.1"]),
        ("logs/a.log", ["logs/a.log"]),
        ("**/a.log", ["a.log", "logs/a.log"]),
        ("**/logs/**/*.log", ["app/logs/c.log", "logs/a.log", "logs/old/b.log"]),
        ("logs/[!b].log", ["logs/a.log"]),
        ("*/*.log", [".hidden/d.log", "logs/a.log", "out", "up"]),
        ("out/*.log", ["out"]),
        ("*/*/*/*/*/*/*.log", ["out", "up"]),
        ("nowhere/*.log", []),
        ("logs", []),
        (".", []),
    ],
)
def test_a_pattern_names_files_of_the_project(project: Path, pattern: str, expected: list[str]) -> None:
    """Files alone, in order; a link that is passed is named itself, and nothing behind it is listed."""
    assert log_paths(project, pattern) == expected


def test_a_deep_tree_and_a_nested_pattern_end_soon(tmp_path: Path) -> None:
    """Folders deeper than Python recurses, and many `**`: the folder where the search stops is named."""
    with deep_tree(tmp_path / "deep") as root:
        paths = log_paths(root, "**/a/**/a/**/b/**/*.log")
        left_out: list[NotSearched] = []
        walked = list(walk_files(root, left_out))
    assert paths == ["/".join("a" * 101)]
    assert (walked, len(left_out)) == ([], 1)


def test_every_file_is_walked_and_what_is_not_is_said(project: Path) -> None:
    """Links, FIFOs and another repository's objects are named; a root that is a file is the only one."""
    for path in (".git/objects/aa/bb", "sub/.git/objects/aa", ".git/HEAD"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    left_out: list[NotSearched] = []
    walked = []
    for path, size, opener in walk_files(project, left_out):
        with opener() as opened:
            walked.append((path, opened.read(), size))
    assert sorted(walked) == [(path, b"x", 1) for path in sorted([*FILES, ".git/HEAD"])]
    assert sorted(left.place for left in left_out) == [
        "fifo",
        "link.log",
        "loop",
        "out",
        "sub/.git/objects",
        "up",
    ]
    assert [path for path, _, _ in walk_files(project / "a.log", left_out)] == ["a.log"]
