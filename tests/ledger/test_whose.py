"""Whose secret a string is, by ledger and key alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.ledger import Draft, Ledger, all_heads, append, read_ledger
from audit_lib.ledger.timeline import whose
from audit_lib.secrecy.keeper import Key
from tests.ledger.test_timeline import DAY, KEY, rotated, seen

OLD, NEW = "old-value-of-the-test-0001", "new-value-of-the-test-0002"
TWIN = "twin-value-of-the-test-0003"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger: API_TOKEN was rotated on day 9; TWIN stands under two names."""
    seen(tmp_path, 0, {"API_TOKEN": OLD, "ONE": TWIN, "OTHER": TWIN, "DATABASE_URL": "pass:word@1"})
    rotated(tmp_path, 9, "API_TOKEN", NEW)
    seen(tmp_path, 14, {"API_TOKEN": NEW, "ONE": TWIN, "OTHER": TWIN, "DATABASE_URL": "pass:word@1"})
    return tmp_path


def told(folder: Path, text: str) -> str:
    """The answer as one text."""
    return "\n".join(whose(text, read_ledger(folder, KEY), KEY))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NEW, "API_TOKEN, production/backend: in force at the last snapshot, 2026-01-15T00:00:00Z"),
        (f"  {NEW}\n", "in force at the last snapshot"),
        (f'API_TOKEN="{NEW}"', "in force at the last snapshot"),
        (f"Authorization: Bearer {NEW}", "in force at the last snapshot"),
        (OLD, "retired by ledger alice#1, between 2026-01-01T00:00:00Z and 2026-01-10T00:00:00Z"),
        (TWIN, "OTHER, production/backend: in force"),
        ("postgresql://app:pass%3Aword%401@db:5432/app", "DATABASE_URL, production/backend: in force"),
        ("nothing-that-is-known-here", "not seen since the first snapshot of 2026-01-01T00:00:00Z"),
    ],
)
def test_a_string_is_known_again(folder: Path, text: str, expected: str) -> None:
    """In force, retired by an entry, equal to another name, within a URL, or not seen."""
    assert expected in told(folder, text)


def test_snapshots_under_an_earlier_key_are_not_compared(folder: Path) -> None:
    """After a change of key the answer says of which snapshots it knows nothing, not that none saw it."""
    new = Key(b"9" * 32, "file")
    body = {"from_key_id": KEY.key_id, "lost": False, "links": {}, "heads": all_heads(folder, KEY)}
    append(folder, new, Draft("key bridge", body), DAY + timedelta(days=20), "weekly")
    seen(folder, 21, {"API_TOKEN": NEW}, key=new)
    (text,) = whose(OLD, read_ledger(folder, new), new)
    assert text.startswith("not known: ")
    period = "of 2026-01-01T00:00:00Z to 2026-01-15T00:00:00Z, cannot be compared"
    assert f"2 snapshots under key {KEY.key_id}, {period}" in text
    assert "since the first snapshot of 2026-01-01" not in text


def test_without_a_ledger_nothing_is_claimed() -> None:
    """Where there is nothing to compare with, the answer is unknown."""
    for key in (KEY, Key.throw_away()):
        assert whose(NEW, Ledger(), key)[0].startswith("not known")
