"""Leaks outside the project: what kind of place each is, for how long it is there, and how grave that is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.leaks.candidates import place_elsewhere
from audit_lib.leaks.tables import severity, written_at


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/home/x/.claude/projects/a/1.jsonl", "assistant"),
        ("work/AGENTS.md", "assistant"),
        ("work/.github/copilot-instructions.md", "assistant"),
        ("work/.cursorrules", "assistant"),
        ("x/.aider.chat.history.md", "assistant"),
        ("/home/x/.bash_history", "shell history"),
        ("/home/x/.local/share/fish/fish_history", "shell history"),
        ("PSReadLine/ConsoleHost_history.txt", "shell history"),
        (".psql_history", "shell history"),
        ("slack/general/2026-01-31.json", "chat export"),
        ("export/conversations.json", "chat export"),
        ("WhatsApp/_chat.txt", "chat export"),
        ("notes/history.py", "outside"),
        ("notes/agents.md", "outside"),
    ],
)
def test_each_file_is_of_a_kind(path: str, place: str) -> None:
    """A path says who writes the file, and so who reads it."""
    assert place_elsewhere(path) == place


def test_a_value_is_graver_the_longer_it_stays() -> None:
    """In force is graver than not known, and both rise with time; what was replaced does not."""
    days = (None, 0.0, 6.0, 7.0, 29.0, 30.0)
    assert [severity("in force", one) for one in days] == ["high"] * 3 + ["critical"] * 3
    assert [severity("not known", one) for one in days] == ["medium"] * 5 + ["high"]
    assert {severity("not in force", one) for one in days} == {"low"}


def test_a_file_that_is_gone_says_nothing(tmp_path: Path) -> None:
    """When a value was there by is known of a file on disk alone."""
    file = tmp_path / "a"
    file.write_text("x")
    assert written_at(tmp_path / "b") is None
    assert (datetime.now(UTC) - (written_at(file) or datetime.min.replace(tzinfo=UTC))).days == 0
