"""Whatever a ledger file holds, the reader ends with entries and faults, never with an exception."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from audit_lib.ledger import append, current_key_ids, read_ledger
from audit_lib.ledger.chain import check_lines
from tests.ledger.test_ledger import KEY, canonical, days, decision

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("v", "writer", "seq", "prev", "at", "kind", "key_id", "body", "mac", "hash")


def good_lines() -> list[bytes]:
    """Three lines of a good chain."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            append(Path(folder), KEY, decision(number), days(number), "alice")
        return (Path(folder) / "alice.jsonl").read_bytes().splitlines()


GOOD = good_lines()


def read(content: bytes) -> None:
    """Read a chain of these bytes by every way in."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alice.jsonl").write_bytes(content)
        for key in (None, KEY):
            ledger = read_ledger(Path(folder), key)
            assert len(ledger.entries) + len(ledger.faults) >= content.count(b"\n")
            assert all(fault.place.startswith("ledger alice") for fault in ledger.faults)
        current_key_ids(Path(folder), {})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FIELDS), VALUES, st.integers(0, 2))
def test_any_field_in_place_of_another(field: str, value: object, line: int) -> None:
    """An entry with a field of any other kind is a fault of that entry, or of the next one's link."""
    content = json.loads(GOOD[line])
    content[field] = value
    try:
        changed = canonical(content)
    except ValueError:
        return
    if changed != GOOD[line]:
        chain = check_lines("alice", [*GOOD[:line], changed, *GOOD[line + 1 :]])
        assert chain.faults[0].place == f"ledger alice#{line + 1}"
    read(b"\n".join([*GOOD[:line], changed, *GOOD[line + 1 :], b""]))


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
        b'{"v":1,"v":1}',
        b'{"seq":NaN}',
        b'{"seq":1e999}',
        b'"\\ud800"',
        b"\xff\xfe",
        b"\0" * 100,
    ],
)
def test_known_traps(line: bytes) -> None:
    """Depth, huge numbers, a name twice, no-numbers, half characters, other encodings, zeros."""
    read(line + b"\n")
