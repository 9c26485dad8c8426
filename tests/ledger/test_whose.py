"""Whose secret a string is, by ledger and key alone."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.ledger import Draft, Ledger, all_heads, append, read_ledger
from audit_lib.ledger.timeline import whose
from audit_lib.secrecy.keeper import Key
from tests.ledger.test_timeline import DAY, KEY, rotated, seen

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
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


@pytest.mark.parametrize(("text", "expected"), CASES["answers"])
def test_a_string_is_known_again(folder: Path, text: str, expected: str) -> None:
    """In force, retired by an entry, equal to another name, within a URL, or not seen."""
    assert expected in told(folder, text.format(old=OLD, new=NEW, twin=TWIN))


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
