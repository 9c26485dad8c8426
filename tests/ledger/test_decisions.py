"""Decisions by name: one kind of entry, and what ledgers before 0.3.0 recorded of each kind."""

from datetime import UTC, datetime
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.chain import decisions
from audit_lib.ledger.timeline import tenures
from audit_lib.rotation.rotations import revocations
from audit_lib.secrecy.keeper import Keeper, Key

KEY = Key(b"1" * 32, "file")
EARLIER = Path(__file__).parent / "from_0_2"  # written by 0.2.1, the key changed once in it
MARCH, JUNE, DECEMBER = (datetime(2026, *day, 23, 59, 59, tzinfo=UTC) for day in ((3, 1), (6, 30), (12, 31)))


def test_a_decision_is_read_as_it_was_made(tmp_path: Path) -> None:
    """Subject, verdict, who, why and until when come back; an assignment also has owner and ticket."""
    body = {"subject": "a:B", "verdict": "assign", "by": "Ann", "reason": "", "until": iso(MARCH)}
    append(tmp_path, KEY, Draft("decision", body | {"owner": "Bob", "ticket": "OPS-2"}), MARCH, "ann")
    (one,) = decisions(read_ledger(tmp_path, KEY))
    assert (one.subject, one.verdict, one.by, one.until, one.at) == ("a:B", "assign", "Ann", MARCH, MARCH)
    assert (one.owner, one.ticket, one.place) == ("Bob", "OPS-2", "ledger ann#1")
    assert decisions(read_ledger(tmp_path, KEY), "accept") == ()


def test_a_ledger_of_the_version_before_is_read_whole() -> None:
    """Every entry under its MAC or the bridge; each earlier kind of decision is one of today's."""
    ledger = read_ledger(EARLIER, KEY)
    assert (ledger.faults, ledger.lost, len(ledger.entries)) == ((), (), 12)
    assert [(one.subject, one.verdict, one.by, one.reason, one.until) for one in decisions(ledger)] == [
        ("weak-value:A:production/backend", "accept", "Ann", "known", DECEMBER),
        ("x:B:production/backend", "assign", "Ann", "", MARCH),
        ("x:B:production/backend", "close", "Bob", "commit 1a", None),
        ("142", "attest", "Ann", "looked", JUNE),
        ("146", "deny", "Ann", "not so", JUNE),
    ]
    assert ["proof: refused;" in one.said for one in revocations(ledger)] == [True]


def test_its_timeline_goes_on_across_the_change_of_key() -> None:
    """The first value was in force from the first snapshot, under the old key, until its rotation."""
    first, second = tenures(read_ledger(EARLIER, KEY))
    assert first.fingerprint == Keeper(KEY).fingerprint("first of 0.2.1")
    assert (first.first.place, first.gone and first.gone.place) == ("ledger weekly#1", "ledger bob#2")
    assert second.claim is not None
    assert (second.claim.place, second.claim.body["by"]) == ("ledger bob#2", "Ann")
