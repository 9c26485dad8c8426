"""Commits that brought a value into an env file."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.history import env_history
from audit_lib.settings import EnvSource, Project
from tests.support.fakes import fake_value

START = datetime(2026, 1, 1, tzinfo=UTC)
KEEPER = Keeper(Key(b"1" * 32, "demo"))
A, B = fake_value("history a"), fake_value("history b")


class Repository:
    """A git repository with one env file, committed at given days."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *args: str, day: float = 0) -> str:
        """Run git with a fixed identity and date."""
        at = (START + timedelta(days=day)).isoformat()
        names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), "GIT_COMMITTER_DATE": at}
        command = ["git", "-C", self.root, *args]
        return subprocess.check_output(command, env=environment | names, stderr=-3, text=True).strip()

    def commit(self, day: float, text: str | None) -> str:
        """Commit the env file with this text, or without the file."""
        path = self.root / "backend" / ".env"
        path.parent.mkdir(exist_ok=True)
        (self.root / "note").write_text(str(day))
        path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"day {day}", day=day)
        return self.git("rev-parse", "HEAD")

    def history(self) -> list[tuple[str, str, float]]:
        """Name, component and day of each commit."""
        source = EnvSource("production", "backend", "backend/.env")
        rows = env_history(Project("test", self.root, env_sources=(source,)), KEEPER).itertuples()
        return [(row.name, row.component, (row.committed_at - START) / timedelta(days=1)) for row in rows]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    return Repository(tmp_path)


def test_a_commit_brings_what_no_parent_has(repository: Repository) -> None:
    """Each new value once, with the day of its commit; one that comes back is brought again."""
    for day, value in ((1, A), (2, A), (3, B), (4, None), (5, A)):
        repository.commit(day, None if value is None else f"TOKEN={value}\n")
    assert repository.history() == [("TOKEN", "whole", 1), ("TOKEN", "whole", 3), ("TOKEN", "whole", 5)]


def test_a_merge_brings_nothing_that_a_parent_has(repository: Repository) -> None:
    """A value is brought by the commit that made it, once, also on another branch, and by a merge its own."""
    repository.commit(1, f"TOKEN={A}\n")
    repository.git("checkout", "-q", "-b", "other")
    repository.commit(2, f"TOKEN={B}\n")
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "other", day=3)
    assert repository.history() == [("TOKEN", "whole", 1), ("TOKEN", "whole", 2)]


def test_without_a_repository_or_a_commit_there_is_no_history(tmp_path: Path, repository: Repository) -> None:
    """No git, an empty repository: an empty frame."""
    assert repository.history() == []
    bare = Project("test", tmp_path / "none", env_sources=(EnvSource("production", "backend", ".env"),))
    assert env_history(bare, KEEPER).empty
