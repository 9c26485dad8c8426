"""Writers at the same time, kills in the middle of a write, a full disk: nothing acknowledged is lost."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
from click.testing import CliRunner

from audit_lib.cli.decisions import verify
from audit_lib.ledger import append, read_ledger
from tests.ledger.test_ledger import KEY, START, days, decision, ids

HEAD = """
import os, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from audit_lib.base.errors import BadInput
from audit_lib.secrecy.keeper import Key
from audit_lib.ledger import Draft, append

folder = Path(sys.argv[1])

def write(folder, writer, id_):
    body = {"id": id_, "by": "x", "reason": "y", "until": "2026-12-31T00:00:00Z"}
    at = datetime(2026, 7, 1, tzinfo=UTC)
    append(folder, Key(b"1" * 32, "file"), Draft("acceptance", body), at, writer)
    print(id_, flush=True)
"""
WRITER = """
for number in range(int(sys.argv[4])):
    write(folder, sys.argv[2], f"{sys.argv[3]}/{number}")
"""
# One process for each cut, forked: it writes so many bytes of its third line, then kills itself.
CUT = """
whole_write = os.write
for cut in map(int, sys.argv[2:]):
    child = os.fork()
    if not child:
        write(folder / f"at{cut}", "ci", "x/0")
        write(folder / f"at{cut}", "ci", "x/1")
        def partly(handle, data):
            whole_write(handle, bytes(data)[:cut])
            os.kill(os.getpid(), signal.SIGKILL)
        os.write = partly
        write(folder / f"at{cut}", "ci", "x/2")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = (folder / "ci.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    write(folder, "ci", "x")
except BadInput as error:
    print(error)
"""


def start(script: str, folder: Path, *args: object) -> Callable[[], tuple[list[str], int]]:
    """Begins a process, forked from this one, that appends entries and prints each as soon as it is on the
    disk; the function that is returned waits for its end, and gives what it printed and its exit code."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        sys.argv, sys.stdout = ["-c", str(folder), *map(str, args)], os.fdopen(write, "w", 1)
        with suppress(BaseException):
            exec(HEAD + script, {})
            os._exit(0)
        os._exit(1)
    os.close(write)

    def end() -> tuple[list[str], int]:
        with os.fdopen(read) as said:
            return said.read().split(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return end


@pytest.mark.parametrize("writers", [("ci", "ci"), ("alice", "bob")])
def test_two_writers_lose_nothing(tmp_path: Path, writers: tuple[str, str], long_run: bool) -> None:
    """In one chain or in two, every entry of both processes is there once, and `verify` passes."""
    count = 500 if long_run else 40
    both = [start(WRITER, tmp_path, writer, name, count) for writer, name in zip(writers, "ab", strict=True)]
    acknowledged = [line for end in both for line in end()[0]]
    assert sorted(ids(tmp_path)) == sorted(acknowledged)
    assert (len(acknowledged), read_ledger(tmp_path, KEY).faults) == (2 * count, ())
    assert CliRunner().invoke(verify, [str(tmp_path)]).exit_code == 0


def test_writers_that_begin_at_once_begin_one_ledger(tmp_path: Path) -> None:
    """Who writes first names the project; the first entries of all others are of the same."""
    writers = ("alice", "bob", "carol", "dave")
    for turn in range(10):
        folder, gate = tmp_path / str(turn), Barrier(len(writers))

        def begin(writer: str, folder: Path = folder, gate: Barrier = gate) -> None:
            gate.wait()
            append(folder, KEY, decision(1), days(1), writer)

        with ThreadPoolExecutor(len(writers)) as pool:
            list(pool.map(begin, writers))
        assert (read_ledger(folder, KEY).faults, len(ids(folder))) == ((), len(writers))


def test_a_kill_in_the_middle_of_a_write_leaves_a_ledger_that_reads(tmp_path: Path, long_run: bool) -> None:
    """Cut at any byte, what was acknowledged stands, the torn rest is said, and the next entry repairs it."""
    append(tmp_path / "length", KEY, decision(1), START, "ci")
    length = len((tmp_path / "length" / "ci.jsonl").read_bytes())
    cuts = range(1, length - 10, 1 if long_run else length // 20)
    assert start(CUT, tmp_path, *cuts)() == (["x/0", "x/1"] * len(cuts), 0)
    for cut in cuts:
        torn = read_ledger(tmp_path / f"at{cut}", KEY)
        (fault,) = torn.faults
        found = (len(torn.entries), torn.broken, fault.place, fault.text[:8])
        assert found == (2, frozenset(), "ledger ci#3", "is torn:")
        append(tmp_path / f"at{cut}", KEY, decision(1), days(1), "ci")
        repaired = read_ledger(tmp_path / f"at{cut}", KEY)
        assert (repaired.entries[2].kind, repaired.faults) == ("repair", ())
        assert repaired.entries[2].body["removed_bytes"] == cut


def test_a_full_disk_leaves_the_chain_as_it_was(tmp_path: Path) -> None:
    """A write that finds no room is taken back, and one line says so."""
    append(tmp_path, KEY, decision(1), START, "ci")
    before = (tmp_path / "ci.jsonl").read_bytes()
    assert " ".join(start(FULL, tmp_path)()[0]).startswith("ledger ci: cannot be written (")
    assert (tmp_path / "ci.jsonl").read_bytes() == before
