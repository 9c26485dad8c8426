"""The small project that tests of commands share."""

from pathlib import Path

import pytest

from tests.cli.small import SmallProject


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A small project, whose commands use a key file beside it."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "home" / "key"))
    small = SmallProject(tmp_path)
    monkeypatch.chdir(small.root)
    return small
