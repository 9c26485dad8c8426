"""The key is found, made once, and kept to its owner."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.ledger import Draft, append, heads_of, read_ledger, write_entry
from audit_lib.ledger.keys import demo_key, keys_at_hand, load_key, make_key
from audit_lib.secrecy.keeper import Key

NOW = datetime(2026, 9, 30, tzinfo=UTC)
REPAIR = Draft("repair", {"removed_bytes": 1, "removed_sha256": "0" * 64})


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose key file does not exist yet."""
    return {"AUDIT_KEY_FILE": str(tmp_path / "home" / "key")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_a_key_is_made_once_for_its_owner_alone(project: Path, environ: dict[str, str]) -> None:
    """With neither ledger nor key a first review runs under a key of its own and writes none. The file that
    is made is 0600, outside of the project; making it again gives the same key."""
    first, second = (load_key(project / ".audit/ledger", environ) for _ in range(2))
    assert (first.origin, first.key_id == second.key_id, keys_at_hand(environ)) == ("throw-away", False, {})
    with pytest.raises(BadInput, match="is inside the audited project"):
        make_key(project / ".audit/ledger", project.parent, environ)
    made = make_key(project / ".audit/ledger", project, environ)
    assert Path(environ["AUDIT_KEY_FILE"]).stat().st_mode & 0o777 == 0o600
    assert make_key(project / ".audit/ledger", project, environ) == made
    assert load_key(project / ".audit/ledger", environ) == made
    assert made.material.hex() not in repr(made)


def test_a_ledger_never_chooses_another_key(project: Path, environ: dict[str, str]) -> None:
    """Whoever commits an entry under the public key, or one that changes the key, which counts only under a
    key at hand, does not make a reviewer change to it; it is a fault of its own."""
    mine = make_key(project / "ledger", project, environ)
    append(project / "ledger", mine, REPAIR, NOW, "alice")
    append(project / "ledger", demo_key(), REPAIR, NOW, "sample")
    assert load_key(project / "ledger", environ) == mine
    body = {"from_key_id": mine.key_id, "lost": False, "links": {}, "heads": {}}
    append(project / "ledger", Key(b"9" * 32, "file"), Draft("key bridge", body), NOW, "mallory")
    assert load_key(project / "ledger", environ) == mine
    read = read_ledger(project / "ledger", mine)
    assert [entry.writer for entry in read.entries] == ["alice"]
    assert {fault.place for fault in read.faults} == {"ledger mallory#1", "ledger sample#1"}


def test_a_ledger_written_here_is_reviewed_under_its_key(project: Path, environ: dict[str, str]) -> None:
    """Deleting the chain and naming another key instead neither refuses the review nor changes its key."""
    mine = make_key(project / "ledger", project, environ)
    write_entry(project / "ledger", mine, REPAIR, NOW, "alice")
    (project / "ledger" / "alice.jsonl").unlink()
    append(project / "ledger", Key(b"9" * 32, "file"), REPAIR, NOW, "mallory")
    assert load_key(project / "ledger", environ) == mine
    lost = read_ledger(project / "ledger", mine, known=heads_of(project / "ledger", mine)).lost
    words = "ledger alice: had an entry 1 when it was last seen, which is gone or was replaced"
    assert [str(fault) for fault in lost] == [words]


NO_KEYS = (b"", b"not hexadecimal", b"00" * 31, b"00" * 33, b"\xff" * 64, b"zz" * 32)


@pytest.mark.parametrize(("content", "mode", "fault"), [
    *((b"00" * 32, mode, rf"mode {mode:04o}\): chmod 600") for mode in (0o640, 0o604, 0o660, 0o644)),
    *((content, 0o600, "is not a key of this tool") for content in NO_KEYS),
])  # fmt: skip
def test_a_file_that_others_read_or_that_is_no_key_is_refused(
    project: Path, environ: dict[str, str], content: bytes, mode: int, fault: str
) -> None:
    """The fault names the file, its mode with what mends it, and never what it holds."""
    path = Path(environ["AUDIT_KEY_FILE"])
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(BadInput, match=fault):
        load_key(project / "ledger", environ)
