"""Commits that brought a value into an env file, with what their parents show."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env_history import env_history
from audit_lib.settings import EnvSource, Project
from tests.support.fakes import fake_value
from tests.support.histories import freshness, inventory_row

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
        done = subprocess.run(
            ["git", *args], cwd=self.root, env=environment | names, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, day: float, text: str | None) -> str:
        """Commit the env file with this text, or without the file."""
        path = self.root / "backend" / ".env"
        path.parent.mkdir(exist_ok=True)
        (self.root / "note").write_text(str(day))
        path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"day {day}", day=day)
        return self.git("rev-parse", "HEAD")

    def history(self) -> list[tuple[str, str, float, float | None, bool, bool]]:
        """Name, component, day of the commit and of its parents, on HEAD, at HEAD."""
        project = Project(
            "test", self.root, env_sources=(EnvSource("production", "backend", "backend/.env"),)
        )
        rows = env_history(project, KEEPER).itertuples()
        return [
            (row.name, row.component, days(row.committed_at), days(row.parents_at), row.on_head, row.at_head)
            for row in rows
        ]


def days(instant: object) -> float | None:
    """Days since the start; None of a null."""
    return None if pd.isna(instant) else (instant - START) / timedelta(days=1)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    return Repository(tmp_path)


def test_a_commit_that_changes_a_value_is_bounded_by_its_parent(repository: Repository) -> None:
    """The true parent's date counts, also where the parent did not touch the file; the first has none."""
    repository.commit(1, f"TOKEN={A}\n")
    repository.commit(5, f"TOKEN={A}\n")
    repository.commit(9, f"TOKEN={B}\n")
    assert repository.history() == [
        ("TOKEN", "whole", 1, None, True, False),
        ("TOKEN", "whole", 9, 5, True, True),
    ]


def test_a_version_whose_value_is_not_known_shows_no_other(repository: Repository) -> None:
    """Loaders read the quoted value differently: it may have been the later one."""
    repository.commit(1, f"TOKEN='{B}'\n")
    repository.commit(9, f"TOKEN={B}\n")
    assert repository.history() == [("TOKEN", "whole", 9, None, True, True)]


def test_a_variable_that_was_not_there_before_is_new(repository: Repository) -> None:
    """Absence in a version that was read whole bounds; in one with a line not understood it does not."""
    repository.commit(1, "OTHER=1\n")
    repository.commit(2, f"OTHER=1\nTOKEN={A}\n")
    repository.commit(3, f"OTHER=1\nTOKEN={A}\nwhat is this\n")
    repository.commit(4, f"OTHER=1\nTOKEN={A}\nwhat is this\nMORE={B}\n")
    assert repository.history() == [
        ("MORE", "whole", 4, None, True, True),
        ("OTHER", "whole", 1, None, True, True),
        ("TOKEN", "whole", 2, 1, True, True),
    ]


def test_another_host_is_no_new_password(repository: Repository) -> None:
    """The whole URL is new, its password is not (docs/rules.md#rule-70)."""
    repository.commit(1, f"DATABASE_URL=postgresql://app:{A}@one/db\n")
    repository.commit(2, f"DATABASE_URL=postgresql://app:{A}@two/db\n")
    assert [(row[1], row[2]) for row in repository.history()] == [("password", 1), ("whole", 1), ("whole", 2)]


def test_other_branches_count_as_sightings(repository: Repository) -> None:
    """A value that only another branch holds is not on HEAD."""
    repository.commit(1, f"TOKEN={A}\n")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(2, f"TOKEN={B}\n")
    repository.git("checkout", "-q", "main")
    assert [(row[2], row[4], row[5]) for row in repository.history()] == [(1, True, True), (2, False, False)]


def test_a_merge_brings_nothing_that_a_parent_has(repository: Repository) -> None:
    """A value is brought by the commit that made it, once, and a merge's own value by the merge."""
    repository.commit(1, f"TOKEN={A}\n")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(2, f"TOKEN={B}\n")
    repository.git("checkout", "-q", "main")
    (repository.root / "more").write_text("x")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "main goes on", day=3)
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side", day=4)
    assert [(row[2], row[3]) for row in repository.history()] == [(1, None), (2, 1)]


def test_a_removed_file_and_a_shallow_clone_prove_no_before(repository: Repository, tmp_path: Path) -> None:
    """Where no version is at hand below a commit, nothing bounds from below."""
    repository.commit(1, f"TOKEN={A}\n")
    repository.commit(2, None)
    repository.commit(3, f"TOKEN={B}\n")
    repository.commit(4, f"TOKEN={A}\n")
    assert [(row[2], row[3]) for row in repository.history()] == [(1, None), (3, None), (4, 3)]
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.root}", str(clone))
    shallow = Repository.__new__(Repository)
    shallow.root = clone
    assert [(row[2], row[3]) for row in shallow.history()] == [(4, None)]


def test_without_a_repository_or_a_commit_there_is_no_history(tmp_path: Path, repository: Repository) -> None:
    """No git, an empty repository: an empty frame."""
    assert repository.history() == []
    other = Repository.__new__(Repository)
    other.root = tmp_path / "none"
    other.root.mkdir()
    assert other.history() == []


def test_no_value_is_kept(repository: Repository) -> None:
    """Historic values leave only fingerprints behind."""
    repository.commit(1, f"TOKEN={fake_value('only here')}\n")
    assert repository.history()
    assert len(KEEPER) == 0


@pytest.mark.parametrize("how", ["rebase", "squash"])
def test_a_rewritten_history_bounds_nothing_from_below(repository: Repository, how: str) -> None:
    """A value 206 days old, whose commit was rebased or squashed onto one of the day before, is not fresh."""
    repository.commit(1, f"TOKEN={B}\n")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(5, f"TOKEN={A}\n")
    repository.git("checkout", "-q", "main")
    (repository.root / "more").write_text("x")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "main goes on", day=210)
    if how == "rebase":
        repository.git("rebase", "-q", "main", "side", day=211)
    else:
        repository.git("merge", "-q", "--squash", "side", day=211)
        repository.git("commit", "-q", "-m", "squashed", day=211)
    item = inventory_row(("TOKEN", "production", "backend"), KEEPER.fingerprint(A), "backend/.env")
    project = Project(
        "test", repository.root, env_sources=(EnvSource("production", "backend", "backend/.env"),)
    )
    brought = env_history(project, KEEPER).to_dict("records")
    history = [
        {**row, "parents_at": None if pd.isna(row["parents_at"]) else row["parents_at"]} for row in brought
    ]
    table, _ = freshness([item], [], as_of=START + timedelta(days=212), history=history)
    assert table.iloc[0].status != "fresh"
    assert pd.isna(table.iloc[0].lo_at)
