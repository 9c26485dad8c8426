"""A pattern names files within the project, whatever links, depths and loops a stranger puts there."""

from pathlib import Path

import pytest

from audit_lib.base.glob_paths import log_paths
from tests.support.hostile import deep_tree

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
