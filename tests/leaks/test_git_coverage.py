"""What a repository does not hold is said: no search of it is complete."""

import subprocess
from pathlib import Path

import pytest

from tests.leaks.test_search import Search, search
from tests.support.fakes import fake_value


def _git(root: Path, *args: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", str(root), *identity, *args], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of one file."""
    root = tmp_path / "repo"
    root.mkdir()
    _git(root, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (root / "a.txt").write_text(text, "utf-8")
        _git(root, "add", "-A")
        _git(root, "commit", "-q", "-m", text)
    return root


def _reasons(found: Search) -> str:
    rest = found.coverage[found.coverage["state"] != "searched"]
    return "; ".join(rest["reason"])


def _searched(root: Path, tmp_path: Path) -> Search:
    return search(root, {"API_TOKEN": fake_value("coverage")}, tmp_path)[0]


def test_a_shallow_clone_is_said(repository: Path, tmp_path: Path) -> None:
    """Commits that were never fetched are not taken for clean."""
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(clone))
    assert "shallow clone" in _reasons(_searched(clone, tmp_path))


def test_a_pointer_of_lfs_is_said(repository: Path, tmp_path: Path) -> None:
    """What git LFS keeps elsewhere is not searched, and the second search says so again."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    (repository / "big.bin").write_text(pointer, "utf-8")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "big")
    for _ in range(2):
        assert "git LFS" in _reasons(_searched(repository, tmp_path))
