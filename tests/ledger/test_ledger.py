"""The ledger reads whole, shows every change, and names the first broken entry."""

import hmac
import json
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.ledger import Draft, all_heads, append, current_key_ids, heads_of, read_ledger, write_entry
from audit_lib.ledger.chain import read_chain
from audit_lib.ledger.entry import GENESIS, sealed_line
from audit_lib.secrecy.keeper import Key

KEY = Key(b"1" * 32, "file")
START = datetime(2026, 7, 1, tzinfo=UTC)


def decision(number: int) -> Draft:
    """An acceptance that differs from the next."""
    return Draft(
        "acceptance",
        {"id": f"check/{number}", "by": "Ada", "reason": "known", "until": "2026-12-31T00:00:00Z"},
    )


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


def test_what_was_appended_is_read(folder: Path) -> None:
    """Entries come back in order, each under its MAC, with the head of the chain."""
    ledger = read_ledger(folder, KEY)
    assert [entry.body["id"] for entry in ledger.entries] == [f"check/{n}" for n in range(6)]
    assert (ledger.faults, len(ledger.later), ledger.macs_checked) == ((), 0, 6)
    assert ledger.heads == (("alice", f"6:{ledger.entries[-1].hash}"),)
    assert current_key_ids(folder, {}) == {KEY.key_id}


def test_no_folder_is_an_empty_ledger(tmp_path: Path) -> None:
    """A project that was never reviewed has a ledger of no entries."""
    assert read_ledger(tmp_path / "none", KEY).entries == ()


def test_later_entries_are_left_out_and_counted(folder: Path) -> None:
    """With an earlier `as_of` the ledger is what it was then, its head too."""
    ledger = read_ledger(folder, KEY, days(2))
    assert (len(ledger.entries), len(ledger.later)) == (3, 3)
    assert ledger.heads[0][1].startswith("3:")


def test_chains_are_merged_in_order_of_time(folder: Path) -> None:
    """Two writers' chains read as one history."""
    append(folder, KEY, decision(10), days(2.5), "bob")
    writers = [entry.writer for entry in read_ledger(folder, KEY).entries]
    assert writers == ["alice"] * 3 + ["bob"] + ["alice"] * 3


def edited(lines: list[bytes]) -> list[bytes]:
    """The third line with another reason."""
    return [*lines[:2], lines[2].replace(b"known", b"other"), *lines[3:]]


def swapped(lines: list[bytes]) -> list[bytes]:
    """The third and fourth line in each other's place."""
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (edited, "ledger alice#3: was edited"),
        (lambda lines: lines[:2] + lines[3:], "ledger alice#3: has the number 4"),
        (lambda lines: lines[1:], "ledger alice#1: has the number 2"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "ledger alice#4: has the number 3"),
        (lambda lines: [*lines[:3], b"{}", *lines[3:]], "ledger alice#4: "),
        (swapped, "ledger alice#3: has the number 4"),
        (lambda lines: [*lines[:5], lines[5].replace(b'"v":2', b'"v": 2')], "ledger alice#6: was edited"),
        (
            lambda lines: [*lines[:5], lines[5].replace(b'"mac":"', b'"mac":"0')[:-2] + b"}"],
            "ledger alice#6: ",
        ),
    ],
)
def test_the_first_broken_entry_is_named(folder: Path, change, broken: str) -> None:
    """An edit, a deletion, an insertion and a reorder show without the key, at the right entry."""
    rewrite(folder, change(lines_of(folder)))
    for key in (None, KEY):
        ledger = read_ledger(folder, key)
        assert str(ledger.faults[0]).startswith(broken)
        assert ledger.broken == {"alice"}


def relinked(folder: Path, reason: str) -> list[bytes]:
    """The chain with another reason throughout, every hash and link made anew, as anyone could."""
    previous = "0" * 64
    forged = []
    for line in lines_of(folder):
        content = json.loads(line)
        del content["hash"]
        content["body"]["reason"] = reason
        content["prev"] = previous
        content["hash"] = previous = sha256(canonical(content)).hexdigest()
        forged.append(canonical(content))
    return forged


def canonical(content: object) -> bytes:
    """JSON as the ledger writes it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def test_a_rewrite_of_the_whole_chain_shows_with_the_key(folder: Path) -> None:
    """Links can be made anew by anyone; MACs cannot."""
    rewrite(folder, relinked(folder, "forged"))
    assert read_ledger(folder, None).faults == ()
    ledger = read_ledger(folder, KEY)
    assert str(ledger.faults[0]) == "ledger alice#1: was not written with the key (MAC mismatch)"
    assert (ledger.entries, ledger.broken) == ((), {"alice"})


def test_a_chain_under_another_writers_name_shows(folder: Path) -> None:
    """A copied file is not a second writer's word."""
    (folder / "bob.jsonl").write_bytes((folder / "alice.jsonl").read_bytes())
    assert str(read_ledger(folder, KEY).faults[0]) == "ledger bob#1: belongs to another writer's chain"


def test_a_recorded_head_that_is_gone_shows(folder: Path) -> None:
    """A sign-off anchors every chain: cutting one below that head is a break, as removing the file is."""
    body = {"manifest_sha256": "a" * 64, "by": "Ada", "heads": all_heads(folder)}
    append(folder, KEY, Draft("signoff", body), days(9), "bob")
    assert read_ledger(folder, None).faults == ()
    rewrite(folder, lines_of(folder)[:5])
    assert (
        str(read_ledger(folder, None).faults[0])
        == "ledger bob#1: refers to entry 6 of alice, which is missing or was replaced"
    )
    (folder / "alice.jsonl").unlink()
    assert "of alice, which is missing" in str(read_ledger(folder, None).faults[0])


def test_a_torn_last_line_reads_and_is_repaired(folder: Path) -> None:
    """Every cut inside the last write leaves the entries before it; the next entry records the repair."""
    whole = (folder / "alice.jsonl").read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start + 1, len(whole), 37):
        (folder / "alice.jsonl").write_bytes(whole[:cut])
        torn = read_ledger(folder, KEY)
        assert (len(torn.entries), torn.broken) == (5, frozenset())
        assert "alice#6: is torn" in str(torn.faults[0])
        append(folder, KEY, decision(7), days(8), "alice")
        mended = read_ledger(folder, KEY)
        assert mended.faults == ()
        assert [entry.kind for entry in mended.entries][-2:] == ["repair", "acceptance"]
        assert mended.of_kind("repair")[0].body["removed_bytes"] == cut - start


@pytest.mark.parametrize(
    ("draft", "at", "writer", "fault"),
    [
        (Draft("acceptance", {"id": 1}), days(9), "alice", r"body.id must be: name"),
        (Draft("rumour", {}), days(9), "alice", r"kind must be a kind"),
        (decision(1), days(1), "alice", "ends at 2026-07-06T00:00:00Z, after 2026-07-02"),
        (decision(1), days(9), "../alice", "must have the form"),
        (decision(1), days(9), "", "must have the form"),
        (decision(1), days(9), "A" * 3, "must have the form"),
        (
            Draft("acceptance", {"id": "x", "by": "y" * 9999, "reason": "", "until": ""}),
            days(9),
            "alice",
            "body.by must be: text",
        ),
    ],
)
def test_what_does_not_belong_is_not_written(folder: Path, draft: Draft, at, writer: str, fault: str) -> None:
    """A bad body, a clock that runs behind and a bad name are refused, and the chain stays as it was."""
    before = (folder / "alice.jsonl").read_bytes()
    with pytest.raises(BadInput, match=fault):
        append(folder, KEY, draft, at, writer)
    assert (folder / "alice.jsonl").read_bytes() == before


def test_a_throw_away_key_writes_nothing(tmp_path: Path) -> None:
    """A ledger under a key that is forgotten at once could never be read."""
    with pytest.raises(BadInput, match="create one first"):
        append(tmp_path / "ledger", Key.throw_away(), decision(1), START, "alice")
    assert not (tmp_path / "ledger").exists()


def test_a_broken_last_entry_is_not_built_upon(folder: Path) -> None:
    """A whole last line that is no entry is a break, not a crash: it stays, and another writer goes on."""
    rewrite(folder, [*lines_of(folder), b"{}"])
    with pytest.raises(BadInput, match="run verify"):
        append(folder, KEY, decision(8), days(8), "alice")
    append(folder, KEY, decision(8), days(8), "bob")
    assert len(read_ledger(folder, KEY).of_kind("acceptance")) == 7


def test_links_pipes_and_folders_in_the_ledger_are_faults(folder: Path, tmp_path: Path) -> None:
    """Nothing outside is read through the audited project's ledger, and nothing hangs."""
    (tmp_path / "outside.jsonl").write_bytes((folder / "alice.jsonl").read_bytes())
    (folder / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "sub.jsonl").mkdir()
    ledger = read_ledger(folder, KEY)
    assert [fault.place for fault in ledger.faults] == ["ledger link", "ledger pipe", "ledger sub"]
    assert len(ledger.entries) == 6


NEW = Key(b"9" * 32, "file")


def bridge(folder: Path, lost: bool = False) -> Draft:
    """A change of key from KEY."""
    body = {
        "from_key_id": KEY.key_id,
        "lost": lost,
        "links": {"a" * 64: "b" * 64},
        "heads": all_heads(folder),
    }
    return Draft("key bridge", body)


def test_a_bridge_carries_earlier_chains_to_the_new_key(folder: Path) -> None:
    """What stood when the key changed is vouched for under the new key, in every chain."""
    append(folder, KEY, decision(8), days(6), "carol")
    append(folder, NEW, bridge(folder), days(7), "bob")
    ledger = read_ledger(folder, NEW)
    assert (len(ledger.entries), ledger.faults) == (8, ())
    assert current_key_ids(folder, {NEW.key_id: NEW}) == {NEW.key_id}


def test_what_is_written_under_the_old_key_after_a_bridge_is_not_vouched_for(folder: Path) -> None:
    """An old key that may have leaked cannot add to the record."""
    append(folder, NEW, bridge(folder), days(7), "bob")
    append(folder, KEY, decision(8), days(8), "alice")
    ledger = read_ledger(folder, NEW)
    assert str(ledger.faults[0]).startswith(f"ledger alice#7: is under key {KEY.key_id}, but nothing")
    assert len(ledger.of_kind("acceptance")) == 6


def test_a_forged_earlier_chain_does_not_pass_the_bridge(folder: Path) -> None:
    """The old key's MACs are no longer checked, but the bridge recorded the heads."""
    append(folder, NEW, bridge(folder), days(7), "bob")
    rewrite(folder, relinked(folder, "forged"))
    assert read_ledger(folder, NEW).of_kind("acceptance") == ()


def test_an_entry_names_its_project_and_the_other_chains(folder: Path) -> None:
    """All writers' entries name one project, and how far each other chain went."""
    append(folder, KEY, decision(8), days(8), "bob")
    *before, last = read_ledger(folder, KEY).entries
    assert {entry.project for entry in before} == {last.project}
    assert len(last.project) == 32
    assert last.heads == {"alice": f"6:{before[-1].hash}"}


def test_a_chain_that_was_removed_shows(folder: Path) -> None:
    """Without any other knowledge, since the other writer's next entry named its head."""
    append(folder, KEY, decision(8), days(8), "bob")
    (folder / "alice.jsonl").unlink()
    faults = [str(fault) for fault in read_ledger(folder, KEY).faults]
    assert faults == ["ledger bob#1: refers to entry 6 of alice, which is missing or was replaced"]


def test_entries_of_another_project_are_left_out(folder: Path, tmp_path: Path) -> None:
    """A chain copied from another project's ledger, under the same key, is a fault and counts for nothing."""
    append(tmp_path / "other", KEY, decision(8), days(8), "bob")
    (folder / "bob.jsonl").write_bytes((tmp_path / "other" / "bob.jsonl").read_bytes())
    ledger = read_ledger(folder, KEY)
    assert [str(fault) for fault in ledger.faults] == ["ledger bob#1: was written for another project"]
    assert {entry.writer for entry in ledger.entries} == {"alice"}


def test_a_known_head_says_which_project_it_is(folder: Path, tmp_path: Path) -> None:
    """Older entries of another project do not take the ledger over from what was seen before."""
    append(tmp_path / "other", KEY, decision(8), days(-8), "bob")
    (folder / "bob.jsonl").write_bytes((tmp_path / "other" / "bob.jsonl").read_bytes())
    known = [("alice", all_heads(folder)["alice"])]
    assert {entry.writer for entry in read_ledger(folder, KEY, known=known).entries} == {"alice"}


def test_a_review_before_the_first_entry_misses_none_later(folder: Path) -> None:
    """It has no head, as if the chain were not there, so that a chain which begins later changes no byte.

    A report of an earlier version has a head without an entry: nothing is lost since.
    """
    assert read_ledger(folder, KEY, days(-1)).heads == ()
    assert read_ledger(folder, KEY, known=[("alice", f"0:{'0' * 64}")]).lost == ()


def test_a_foreign_chain_is_not_vouched_for(folder: Path) -> None:
    """An entry names the heads of chains under its own key alone: the others may be removed again."""
    append(folder, NEW, decision(8), days(8), "mallory")
    append(folder, KEY, decision(9), days(9), "bob")
    assert "mallory" not in read_ledger(folder, KEY).entries[-1].heads


def first_version(lines: list[bytes]) -> list[bytes]:
    """The lines as the first version of this program wrote them."""
    made, previous = [], GENESIS
    for line in lines:
        content = json.loads(line)
        del content["hash"], content["mac"], content["project"], content["heads"]
        content |= {"v": 1, "prev": previous}
        content["mac"] = hmac.digest(KEY.derive("ledger"), canonical(content), sha256).hex()
        content["hash"] = previous = sha256(canonical(content)).hexdigest()
        made.append(canonical(content))
    return made


def test_a_ledger_of_the_first_version_goes_on(folder: Path) -> None:
    """It reads as before; the first entries after it name one project, whoever writes them."""
    rewrite(folder, first_version(lines_of(folder)))
    assert (read_ledger(folder, KEY).faults, read_ledger(folder, KEY).macs_checked) == ((), 6)
    append(folder, KEY, decision(8), days(8), "bob")
    apart = (folder / "bob.jsonl").rename(folder.parent / "bob.jsonl")
    append(folder, KEY, decision(9), days(9), "alice")
    apart.rename(folder / "bob.jsonl")
    ledger = read_ledger(folder, KEY)
    assert (ledger.faults, len({entry.project for entry in ledger.entries})) == ((), 2)


@pytest.mark.parametrize("link", [".audit", ".audit/ledger"])
def test_a_ledger_that_is_a_link_is_refused(folder: Path, tmp_path: Path, link: str) -> None:
    """A project cannot pass another one's ledger off as its own by a link."""
    place = tmp_path / "project" / ".audit" / "ledger"
    (tmp_path / "project" / link).parent.mkdir(parents=True)
    (tmp_path / "project" / link).symlink_to(folder if link.endswith("ledger") else folder.parent)
    with pytest.raises(BadInput, match="is a symbolic link"):
        read_ledger(place, KEY)
    with pytest.raises(BadInput, match="is a symbolic link"):
        append(place, KEY, decision(8), days(8), "bob")


def test_a_dangling_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Writing to a ledger creates no file outside of it."""
    (folder / ".gitignore").unlink()
    (folder / ".gitignore").symlink_to(tmp_path / "outside")
    append(folder, KEY, decision(8), days(8), "alice")
    assert not (tmp_path / "outside").exists()


THEIRS = Key(b"5" * 32, "file")


def forge(folder: Path, number: int, writer: str = "alice", at: float = 6) -> None:
    """Add an acceptance under an invented key to the end of a chain, well linked, as anyone could."""
    last = read_chain(folder / f"{writer}.jsonl").entries[-1]
    line = sealed_line(THEIRS, last, decision(number), days(at), writer, project=last.project, heads={})
    with (folder / f"{writer}.jsonl").open("ab") as chain:
        chain.write(line)


def test_nothing_is_written_behind_an_entry_that_is_not_vouched_for(folder: Path) -> None:
    """`append` names it and refuses: what it wrote would vouch for it. Another writer goes on."""
    forge(folder, 90)
    with pytest.raises(BadInput, match=f"alice#7: is under key {THEIRS.key_id}, but nothing"):
        append(folder, KEY, decision(8), days(8), "alice")
    assert len(lines_of(folder)) == 7
    append(folder, KEY, decision(8), days(8), "bob")
    ids = {entry.body["id"] for entry in read_ledger(folder, KEY).entries}
    assert ids == {*(f"check/{number}" for number in (0, 1, 2, 3, 4, 5, 8))}


@pytest.mark.parametrize("line", ["a MAC that is not the key's", "another writer's"])
def test_a_tail_of_no_own_is_refused(folder: Path, line: str) -> None:
    """A last entry under the key's id with another MAC, or of another chain, is not built upon."""
    append(folder, KEY, decision(7), days(7), "bob")
    if line == "another writer's":
        rewrite(folder, [*lines_of(folder), *lines_of(folder, "bob")])
    else:
        rewrite(folder, relinked(folder, "forged"))
    with pytest.raises(BadInput, match=r"MAC mismatch|another writer's chain"):
        append(folder, KEY, decision(8), days(8), "alice")


def test_a_later_entry_vouches_for_none_under_another_key(folder: Path) -> None:
    """What 0.2.0 wrote behind a forged entry does not make it count: only a bridge's heads do."""
    forge(folder, 90)
    last = read_chain(folder / "alice.jsonl").entries[-1]
    own = sealed_line(KEY, last, decision(8), days(8), "alice", project=last.project, heads={})
    rewrite(folder, [*lines_of(folder), own.rstrip()])
    ledger = read_ledger(folder, KEY)
    assert [entry.body["id"] for entry in ledger.entries] == [*(f"check/{n}" for n in range(6)), "check/8"]
    assert [fault.place for fault in ledger.faults] == ["ledger alice#7"]
    assert all_heads(folder, KEY)["alice"].startswith("6:")  # what a bridge may vouch for


def test_what_is_put_before_a_bridge_s_head_does_not_count(folder: Path) -> None:
    """A bridge vouches along the links alone: an entry between them is left out."""
    append(folder, NEW, bridge(folder), days(7), "bob")
    first = read_chain(folder / "alice.jsonl").entries[0]
    line = sealed_line(THEIRS, first, decision(90), days(1), "alice", project=first.project, heads={})
    before = lines_of(folder)
    rewrite(folder, [before[0], line.rstrip(), *before[1:]])
    ledger = read_ledger(folder, NEW)
    assert "check/90" not in {entry.body.get("id") for entry in ledger.entries}
    assert len(ledger.of_kind("acceptance")) == 6


def test_an_entry_that_names_another_s_place_does_not_take_it_out(folder: Path) -> None:
    """A forged entry that gives itself a sound entry's writer and number is left out alone."""
    project = read_chain(folder / "alice.jsonl").entries[0].project
    line = sealed_line(THEIRS, None, decision(90), days(1), "alice", project=project, heads={})
    rewrite(folder, [line.rstrip()], "mallory")
    assert [entry.body["id"] for entry in read_ledger(folder, KEY).entries] == [
        f"check/{n}" for n in range(6)
    ]


def test_a_chain_that_nothing_vouches_for_is_not_missed(folder: Path) -> None:
    """Its heads are neither remembered nor published, and what it says of others is no fault of theirs."""
    gone = {"alice": f"900:{'a' * 64}"}
    line = sealed_line(THEIRS, None, decision(90), days(1), "junk", project="0" * 32, heads=gone)
    rewrite(folder, [line.rstrip()], "junk")
    write_entry(folder, KEY, decision(8), days(8), "bob")
    ledger = read_ledger(folder, KEY)
    assert [writer for writer, _ in ledger.heads] == ["alice", "bob"]
    assert {fault.place for fault in ledger.faults} == {"ledger junk#1"}
    (folder / "junk.jsonl").unlink()
    after = read_ledger(folder, KEY, known=(*ledger.heads, *heads_of(folder, KEY)))
    assert (after.lost, after.faults) == ((), ())


def test_a_file_of_no_writer_is_dropped_and_said(folder: Path) -> None:
    """A chain whose file has a name that no writer can have is not read; the fault counts it."""
    for name in ("x; touch P #", "UPPER", "a b"):
        rewrite(folder, lines_of(folder), name)
    ledger = read_ledger(folder, KEY)
    assert [str(fault) for fault in ledger.faults] == [
        "ledger: has 3 files whose names are no writer's: they are not read"
    ]
    assert (len(ledger.entries), [writer for writer, _ in ledger.heads]) == (6, ["alice"])
