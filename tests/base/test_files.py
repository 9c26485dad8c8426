"""Sources are opened once, within the project, and never through a link, a FIFO or a device."""

import errno
import os
import socket
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base import files
from audit_lib.base.files import NotSearched, Unreadable, log_paths, open_source, read_source, walk_files
from tests.support.hostile import deep_tree

LIMIT = 1000
FILES = ("a.log", "b.txt", "logs/a.log", "logs/a.log.1", "logs/old/b.log", "app/logs/c.log", ".hidden/d.log")


def test_content_hash_and_facts_are_of_the_same_bytes(tmp_path: Path) -> None:
    """A source gives its bytes, their hash, size, time of change in UTC and mode."""
    path = tmp_path / "backend" / ".env"
    path.parent.mkdir()
    path.write_bytes(b"A=1\n")
    path.chmod(0o640)
    os.utime(path, (0, 1_000_000_000))
    source = read_source(tmp_path, "backend/.env", LIMIT)
    assert (source.content, source.sha256) == (b"A=1\n", sha256(b"A=1\n").hexdigest())
    assert source.facts.size_bytes == 4
    assert source.facts.modified_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert source.facts.mode == "0640"


def _make(kind: str, folder: Path) -> str:  # noqa: PLR0911, PLR0912  a table of makers
    """A hostile source of one kind; its path within the project."""
    project, outside = folder / "project", folder / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / ".env").write_text("A=1\n")
    target = project / ".env"
    match kind:
        case "link out of the project":
            target.symlink_to(outside / ".env")
        case "link to /dev/zero":
            target.symlink_to("/dev/zero")
        case "link in the middle":
            (project / "backend").symlink_to(outside)
            return "backend/.env"
        case "link within the project":
            (project / "real").write_text("A=1\n")
            target.symlink_to("real")
        case "FIFO":
            os.mkfifo(target)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                here = Path.cwd()
                os.chdir(project)
                server.bind(".env")
                os.chdir(here)
        case "directory":
            target.mkdir()
        case "file for a folder":
            target.write_text("")
            return ".env/.env"
        case "dots":
            return "../outside/.env"
        case "absolute":
            return str(outside / ".env")
        case "NUL":
            return "a\0b"
        case "empty path":
            return ""
        case "long name":
            return "x" * 5000
        case "too large":
            target.write_bytes(b"x" * (LIMIT + 1))
        case "locked":
            target.write_text("A=1\n")
            target.chmod(0)
    return ".env"


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("link out of the project", "refused", "symbolic link"),
        ("link to /dev/zero", "refused", "symbolic link"),
        ("link in the middle", "refused", "symbolic link"),
        ("link within the project", "refused", "symbolic link"),
        ("FIFO", "refused", "FIFO"),
        ("socket", "refused", "socket"),
        ("directory", "refused", "directory"),
        ("file for a folder", "missing", "does not exist"),
        ("missing", "missing", "does not exist"),
        ("dots", "refused", "out of the project"),
        ("absolute", "refused", "out of the project"),
        ("NUL", "refused", "out of the project"),
        ("empty path", "refused", "is not a file"),
        ("long name", "refused", "long a name"),
        ("too large", "refused", "limit of 1,000 bytes"),
        ("locked", "unreadable", "may not be read"),
    ],
)
def test_whatever_is_no_file_of_the_project_is_refused(
    tmp_path: Path, kind: str, state: str, reason: str
) -> None:
    """Every hostile source ends at once in a state and a reason, and nothing outside is read."""
    if kind == "locked" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    relative = _make(kind, tmp_path)
    with pytest.raises(Unreadable) as refusal:
        read_source(tmp_path / "project", relative, LIMIT)
    assert refusal.value.state == state
    assert reason in refusal.value.reason


def test_a_link_that_takes_the_file_s_place_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its opening it can be replaced: the opening itself refuses."""
    (tmp_path / "outside").write_text("A=1\n")
    target = tmp_path / "project" / ".env"
    target.parent.mkdir()
    target.write_text("B=2\n")
    looked = files._require_file

    def swap(status: os.stat_result, relative: str) -> None:
        looked(status, relative)
        target.unlink()
        target.symlink_to(tmp_path / "outside")

    monkeypatch.setattr(files, "_require_file", swap)
    with pytest.raises(Unreadable, match="symbolic link"):
        read_source(target.parent, ".env", LIMIT)


def test_what_may_not_be_read_is_unreadable() -> None:
    """Missing rights are a state of their own; any other failure names its code, never its text."""
    for number, state, reason in (
        (errno.EACCES, "unreadable", "may not be read by this user"),
        (errno.EIO, "unreadable", "cannot be read (EIO)"),
    ):
        fault = files._unreadable("backend/.env", OSError(number, "text of the system"))
        assert (fault.state, fault.reason) == (state, reason)


def test_devices_are_refused() -> None:
    """A device is refused before it is opened."""
    with pytest.raises(Unreadable, match="device"):
        read_source(Path("/dev"), "null", LIMIT)


def test_a_growing_file_is_read_up_to_the_size_it_had(tmp_path: Path) -> None:
    """What is appended while a source is open belongs neither to its content nor to its hash."""
    path = tmp_path / "app.log"
    path.write_bytes(b"one\n")
    with open_source(tmp_path, "app.log") as source:
        with path.open("ab") as more:
            more.write(b"two\n")
        assert source.file.read() == b"one\n"
        assert source.finish() == sha256(b"one\n").hexdigest()


def test_the_hash_covers_what_the_reader_left(tmp_path: Path) -> None:
    """`finish` hashes the whole source also where only its head was read."""
    content = bytes(range(256)) * 1000
    (tmp_path / "app.log").write_bytes(content)
    with open_source(tmp_path, "app.log") as source:
        assert source.file.read(10) == content[:10]
        assert source.finish() == sha256(content).hexdigest()


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
    return root


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
    """Folders deeper than Python recurses, and many `**`: no error, no endless search."""
    with deep_tree(tmp_path / "deep") as root:
        found = log_paths(root, "**/a/**/a/**/b/**/*.log")
    # The folder where the search stops is named, so that what lies below is not silently left out.
    assert found == ["/".join("a" * 101)]


def test_every_file_is_walked_and_what_is_not_is_said(project: Path) -> None:
    """Files by path; a link, a FIFO and another repository's objects are named with a reason."""
    os.mkfifo(project / "fifo")
    for path in (".git/objects/aa/bb", "sub/.git/objects/aa", ".git/HEAD"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    left_out: list[NotSearched] = []
    walked = []
    for file in walk_files(project, left_out):
        with file.open() as opened:
            walked.append((file.path, opened.read()))
    assert sorted(walked) == [(path, b"x") for path in sorted([*FILES, ".git/HEAD"])]
    assert sorted(each.place for each in left_out) == [
        "fifo",
        "link.log",
        "loop",
        "out",
        "sub/.git/objects",
        "up",
    ]
    assert [file.path for file in walk_files(project / "a.log", left_out)] == ["a.log"]
