"""The ledger reads whole, shows every change, and names the first broken entry."""

import json
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.ledger import Draft, all_heads, append, chain, heads_of, read_ledger, write_entry
from audit_lib.ledger.chain import Entry, current_key_ids, read_chain, sealed_line
from audit_lib.secrecy.keeper import Key
from tests.support.paths import ROOT, rows_beside

CASES = rows_beside(__file__)
KEY, NEW, THEIRS = (Key(sign * 32, "file") for sign in (b"1", b"9", b"5"))
START = datetime(2026, 7, 1, tzinfo=UTC)
CANONICAL: Any = {"sort_keys": True, "separators": (",", ":")}  # JSON as the ledger writes it


def decision(number: int) -> Draft:
    """An acceptance that differs from the next."""
    body = {"id": f"check/{number}", "by": "Ada", "reason": "known", "until": "2026-12-31T00:00:00Z"}
    return Draft("acceptance", body)


def days(number: float) -> datetime:
    """An instant that many days after the start."""
    return START + timedelta(days=number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of six entries of one writer, one a day."""
    for number in range(6):
        append(tmp_path / "ledger", KEY, decision(number), days(number), "alice")
    return tmp_path / "ledger"


def lines_of(folder: Path, writer: str = "alice") -> list[bytes]:
    """The lines of one chain, without their newlines."""
    return (folder / f"{writer}.jsonl").read_bytes().splitlines()


def rewrite(folder: Path, lines: list[bytes], writer: str = "alice") -> None:
    """Put these lines in the chain's place."""
    (folder / f"{writer}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def ids(folder: Path, key: Key = KEY) -> list[str]:
    """The ids of the acceptances that count."""
    return [entry.body["id"] for entry in read_ledger(folder, key).of_kind("acceptance")]


def test_what_was_appended_is_read(folder: Path) -> None:
    """Entries come back in order, each under its MAC, with the head of the chain; later ones are counted."""
    ledger = read_ledger(folder, KEY)
    assert ids(folder) == [f"check/{number}" for number in range(6)]
    assert (ledger.faults, ledger.later, ledger.macs_checked) == ((), (), 6)
    assert ledger.heads == (("alice", f"6:{ledger.entries[-1].hash}"),)
    assert current_key_ids(folder, {}) == {KEY.key_id}
    bound = f"{chain.LARGEST_CHAIN >> 20} MiB a chain, {chain.LONGEST_LINE >> 20} MiB an entry"
    assert f"| {bound} |" in (ROOT / "docs/bounds.md").read_text("utf-8")
    early = read_ledger(folder, KEY, days(2))
    assert (len(early.entries), len(early.later), early.heads[0][1][:2]) == (3, 3, "3:")


@pytest.mark.parametrize(("order", "broken"), CASES["broken"])
def test_the_first_broken_entry_is_named(folder: Path, order: str, broken: str) -> None:
    """An edit, a deletion, an insertion and a reorder show without the key, at the right entry."""
    lines = dict(zip("012345", lines_of(folder), strict=True)) | {"n": b"{}"}
    lines["x"], lines["y"] = lines["2"].replace(b"known", b"other"), lines["5"].replace(b'"v":2', b'"v": 2')
    lines["z"] = lines["5"].replace(b'"mac":"', b'"mac":"0')[:-2] + b"}"
    rewrite(folder, [lines[sign] for sign in order])
    for key in (None, KEY):
        ledger = read_ledger(folder, key)
        assert str(ledger.faults[0]).startswith(broken)
        assert ledger.broken == {"alice"}


def test_a_rewrite_of_the_whole_chain_shows_with_the_key(folder: Path) -> None:
    """Links can be made anew by anyone; MACs cannot."""
    previous, forged = "0" * 64, []
    for line in lines_of(folder):
        content = json.loads(line)
        del content["hash"]
        content["body"]["reason"], content["prev"] = "forged", previous
        content["hash"] = previous = sha256(json.dumps(content, **CANONICAL).encode()).hexdigest()
        forged.append(json.dumps(content, **CANONICAL).encode())
    rewrite(folder, forged)
    assert read_ledger(folder, None).faults == ()
    ledger = read_ledger(folder, KEY)
    assert str(ledger.faults[0]) == "ledger alice#1: was not written with the key (MAC mismatch)"
    assert (ledger.entries, ledger.broken) == ((), {"alice"})
    with pytest.raises(BadInput, match="MAC mismatch"):
        append(folder, KEY, decision(8), days(8), "alice")


def test_a_recorded_head_that_is_gone_shows(folder: Path) -> None:
    """A sign-off anchors every chain: cutting one below that head is a break, as removing the file is."""
    body = {"manifest_sha256": "a" * 64, "by": "Ada", "heads": all_heads(folder)}
    append(folder, KEY, Draft("signoff", body), days(9), "bob")
    assert read_ledger(folder, None).faults == ()
    rewrite(folder, lines_of(folder)[:5])
    for _ in range(2):
        (fault,) = read_ledger(folder, None).faults
        assert str(fault) == "ledger bob#1: refers to entry 6 of alice, which is missing or was replaced"
        (folder / "alice.jsonl").unlink(missing_ok=True)


def test_an_entry_of_version_1_is_read_and_followed(tmp_path: Path) -> None:
    """It names no project and no other chain; all that follow are of the project that its hash names."""
    facts = {"writer": "alice", "seq": 1, "at": START, "kind": "acceptance", "key_id": KEY.key_id}
    first = Entry(v=1, body=dict(decision(1).body), **facts)  # type: ignore[arg-type]
    line = first.model_copy(update={"mac": first.mac_under(KEY)}).line()
    assert b"project" not in line
    rewrite(tmp_path, [line])
    append(tmp_path, KEY, decision(2), days(1), "alice")
    append(tmp_path, KEY, decision(3), days(2), "bob")
    ledger = read_ledger(tmp_path, KEY)
    assert (ledger.faults, ids(tmp_path)) == ((), ["check/1", "check/2", "check/3"])
    assert {entry.project for entry in ledger.entries[1:]} == {ledger.entries[0].hash[:32]}


def test_what_does_not_belong_is_not_written(folder: Path) -> None:
    """A clock that runs behind, a bad name and a key of one run are refused; the chain stays as it was."""
    before = (folder / "alice.jsonl").read_bytes()
    for key, at, writer, fault in (
        (KEY, days(1), "alice", "ends at 2026-07-06T00:00:00Z, after 2026-07-02"),
        (KEY, days(9), "../alice", "must have the form"),
        (KEY, days(9), "", "must have the form"),
        (Key.throw_away(), days(9), "alice", "create one first"),
    ):
        with pytest.raises(BadInput, match=fault):
            append(folder, key, decision(1), at, writer)
    assert (folder / "alice.jsonl").read_bytes() == before


def test_links_pipes_and_folders_in_the_ledger_are_faults(folder: Path, tmp_path: Path) -> None:
    """Nothing outside is read through the audited project's ledger, and nothing hangs."""
    (tmp_path / "outside.jsonl").write_bytes((folder / "alice.jsonl").read_bytes())
    (folder / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "sub.jsonl").mkdir()
    rewrite(folder, lines_of(folder), "x; touch P #")
    ledger = read_ledger(folder, KEY)
    assert [fault.place for fault in ledger.faults] == ["ledger link", "ledger pipe", "ledger sub", "ledger"]
    assert "1 file whose names are no writer's" in str(ledger.faults[-1])
    assert len(ledger.entries) == 6


@pytest.mark.parametrize("link", [".audit", ".audit/ledger"])
def test_a_ledger_that_is_a_link_is_refused(folder: Path, tmp_path: Path, link: str) -> None:
    """A project cannot pass another one's ledger off as its own by a link."""
    place = tmp_path / "project" / ".audit" / "ledger"
    (tmp_path / "project" / link).parent.mkdir(parents=True)
    (tmp_path / "project" / link).symlink_to(folder if link.endswith("ledger") else folder.parent)
    for act in (lambda: read_ledger(place, KEY), lambda: append(place, KEY, decision(8), days(8), "bob")):
        with pytest.raises(BadInput, match="is a symbolic link"):
            act()


def test_a_bridge_carries_earlier_chains_to_the_new_key(folder: Path) -> None:
    """What was there when the key changed is vouched for, along the links alone; what came after is not."""
    append(folder, KEY, decision(8), days(6), "carol")
    links, heads = {"a" * 64: "b" * 64}, all_heads(folder)
    body = {"from_key_id": KEY.key_id, "lost": False, "links": links, "heads": heads}
    append(folder, NEW, Draft("key bridge", body), days(7), "bob")
    assert (len(read_ledger(folder, NEW).entries), read_ledger(folder, NEW).faults) == (8, ())
    assert current_key_ids(folder, {NEW.key_id: NEW}) == {NEW.key_id}
    append(folder, KEY, decision(9), days(8), "alice")
    assert "is under key" in str(read_ledger(folder, NEW).faults[0])
    first = read_chain(folder / "alice.jsonl").entries[0]
    line = sealed_line(THEIRS, first, decision(90), days(1), "alice", project=first.project, heads={})
    before = lines_of(folder)
    rewrite(folder, [before[0], line.rstrip(), *before[1:]])
    assert sorted(ids(folder, NEW)) == [f"check/{number}" for number in (0, 1, 2, 3, 4, 5, 8)]


def test_entries_of_another_project_are_left_out(folder: Path, tmp_path: Path) -> None:
    """A chain copied from another project's ledger under the same key is a fault, whichever is older. The
    first entry names the project: by what it says, in whatever order."""
    drafts = (Draft("x", {"a": 1, "b": 2}), Draft("x", {"b": 2, "a": 1}))
    first = [append(tmp_path / f"{n}", KEY, draft, START, "alice") for n, draft in enumerate(drafts)]
    assert first[0].project == first[1].project
    for day, known in ((8, []), (-8, [("alice", all_heads(folder)["alice"])])):
        append(tmp_path / f"other {day}", KEY, decision(8), days(day), "bob")
        (folder / "bob.jsonl").write_bytes((tmp_path / f"other {day}" / "bob.jsonl").read_bytes())
        ledger = read_ledger(folder, KEY, known=known)
        assert [str(fault) for fault in ledger.faults] == ["ledger bob#1: was written for another project"]
        assert {entry.writer for entry in ledger.entries} == {"alice"}


def test_nothing_is_written_behind_an_entry_that_is_not_vouched_for(folder: Path) -> None:
    """`append` names it and refuses: what it wrote would vouch for it. Another writer goes on."""
    last = read_chain(folder / "alice.jsonl").entries[-1]
    line = sealed_line(THEIRS, last, decision(90), days(6), "alice", project=last.project, heads={})
    rewrite(folder, [*lines_of(folder), line.rstrip()])
    with pytest.raises(BadInput, match=f"alice#7: is under key {THEIRS.key_id}, but nothing"):
        append(folder, KEY, decision(8), days(8), "alice")
    append(folder, KEY, decision(8), days(8), "bob")
    assert set(ids(folder)) == {f"check/{number}" for number in (0, 1, 2, 3, 4, 5, 8)}
    # What 0.2.0 wrote behind it does not make it count either.
    last = read_chain(folder / "alice.jsonl").entries[-1]
    own = sealed_line(KEY, last, decision(9), days(9), "alice", project=last.project, heads={})
    rewrite(folder, [*lines_of(folder), own.rstrip()])
    assert "check/90" not in ids(folder)
    assert all_heads(folder, KEY)["alice"].startswith("6:")  # what a bridge may vouch for


def test_a_chain_that_nothing_vouches_for_is_not_missed(folder: Path) -> None:
    """Its heads are neither remembered nor published, and what it says of others is no fault of theirs."""
    gone = {"alice": f"900:{'a' * 64}"}
    line = sealed_line(THEIRS, None, decision(90), days(1), "junk", project="0" * 32, heads=gone)
    rewrite(folder, [line.rstrip()], "junk")
    write_entry(folder, KEY, decision(8), days(8), "bob")
    ledger = read_ledger(folder, KEY)
    assert ledger.entries[-1].heads.keys() == {"alice"}
    assert [writer for writer, _ in ledger.heads] == ["alice", "bob"]
    assert {fault.place for fault in ledger.faults} == {"ledger junk#1"}
    (folder / "junk.jsonl").unlink()
    after = read_ledger(folder, KEY, known=(*ledger.heads, *heads_of(folder, KEY)))
    assert (after.lost, after.faults) == ((), ())
    (folder / "alice.jsonl").unlink()
    assert [fault.place for fault in read_ledger(folder, KEY, known=ledger.heads).lost] == ["ledger alice"]
