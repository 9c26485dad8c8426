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


@pytest.fixture(scope="module", autouse=True)
def more_when_long(long_run: bool) -> None:
    """Ten times as many examples in the long run."""
    settings.register_profile("long", max_examples=1000 if long_run else 100, deadline=None)
    settings.load_profile("long")


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    """Bytes of any kind are read or said."""
    read(content)


@given(st.lists(VALUES, max_size=3))
def test_any_json(values: list[object]) -> None:
    """JSON of any kind is read or said."""
    read(b"".join(json.dumps(value).encode() + b"\n" for value in values))


@settings(suppress_health_check=[HealthCheck.too_slow])
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


@given(st.integers(0, len(GOOD[1]) - 1), st.integers(1, 255))
def test_any_changed_byte_is_seen(place: int, change: int) -> None:
    """One byte of an entry cannot be changed without a fault at that entry."""
    changed = bytearray(GOOD[1])
    changed[place] ^= change
    lines = [GOOD[0], bytes(changed), GOOD[2]]
    assert check_lines("alice", lines).faults[0].place == "ledger alice#2"
    read(b"\n".join([*lines, b""]))


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


def test_a_dangling_link_makes_no_file_outside(tmp_path: Path) -> None:
    """A .gitignore of the ledger that is a link to nowhere is left as it is, and not written through."""
    folder, outside = tmp_path / "ledger", tmp_path / "outside"
    folder.mkdir()
    (folder / ".gitignore").symlink_to(outside)
    append(folder, KEY, decision(0), days(0), "alice")
    assert not outside.exists()
