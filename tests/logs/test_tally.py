"""What a log adds up to: every request counted, bounds of what has no time, names within their limits."""

import os
import random
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit_lib.logs import read, tally
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import OTHER_ROUTES
from audit_lib.logs.line import LINE_LIMIT
from audit_lib.logs.tally import OTHER_CLIENTS, counts_of, gather, minutes_of, read_log, tabulate
from audit_lib.logs.times import YEARLESS
from tests.support.log_lines import FORMATS, events_of, read_folder, read_line, read_text, requests_of

PIECES = [line for one in (*FORMATS.prefixes, *FORMATS.bodies, *FORMATS.messages) for line in one.examples]
REQUEST = '{} - - [{:02}/Aug/2026:{:02}:{:02}:00 +0000] "GET {} HTTP/1.1" {} 1 "-" "x"'


def _mixture(seed: int, lines: int) -> str:
    """Lines of every kind in a seeded order, a third of them requests with a time."""
    chance = random.Random(seed)
    made = []
    for number in range(lines):
        path, status = f"/r{chance.randrange(9)}", chance.choice((200, 401, 404))
        client = f"203.0.113.{chance.randrange(9)}"
        request = REQUEST.format(client, 1 + number // 200, number // 60 % 24, number % 60, path, status)
        made.append(chance.choice((request, chance.choice(PIECES), f"INFO: {chance.choice(PIECES)}")))
    return "\n".join(made) + "\n"


def test_rows_that_are_packed_add_up_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with more rows than are held at once loses none, counts none twice, and holds small numbers."""
    content = _mixture(1, 1_500)
    whole = read_text(content)
    monkeypatch.setattr(tally, "_MOST_ROWS", 20)
    packed = read_text(content)
    places = ("minute", "day", "kind", "status", "client", "method", "route")
    assert requests_of(packed, *places) == requests_of(whole, *places)
    assert packed.facts == whole.facts
    assert sum(kind.itemsize for kind in packed.requests.select_dtypes("number").dtypes) == 22
    assert events_of(packed, *tally.EVENTS) == events_of(whole, *tally.EVENTS)


def test_processes_read_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are read at once, and the frames are those of one after the other."""
    for name in "ab":
        (tmp_path / f"{name}.log").write_text(_mixture(ord(name), 2_000))
    one = read_folder(tmp_path)
    monkeypatch.setattr("audit_lib.logs.read._ALONE", 1)
    several = read_folder(tmp_path)
    for name in ("sources", "counts", "events", "minutes"):
        assert getattr(one, name).equals(getattr(several, name))


@pytest.mark.parametrize("seed", range(4))
def test_a_log_in_pieces_adds_up_to_the_same(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a log of every kind of line is cut, its sums and their order are those of the whole."""
    kinds = [line for line in PIECES if not read_line(line).lacks & YEARLESS and "Started " not in line]
    monkeypatch.setattr("tests.logs.test_tally.PIECES", kinds)
    (tmp_path / "a.log").write_text(_mixture(seed, 3_000))
    log = LogFile(tmp_path, "a.log", "a.log")
    whole = read_log(FORMATS, log)
    few = partial(ProcessPoolExecutor, 4)  # each reads many pieces
    how = {"_ALONE": 2, "_MOST_PROCESSES": 50, "read_log": None, "ProcessPoolExecutor": lambda _, *a: few(*a)}
    for name, value in how.items():
        monkeypatch.setattr(read, name, value)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(50))
    assert len(read._pieces(FORMATS, log, 50)) >= 30
    (parts,) = read.read_all(FORMATS, [log], 2)
    assert parts.dumps() == whole.dumps()
    assert parts.requests.equals(whole.requests)
    assert parts.events.equals(whole.events)


def test_a_clock_set_back_is_an_event_up_to_a_hundred_times() -> None:
    """Each line older than the one before it by over a minute is noted, and is no request."""
    sums = read_text("\n".join(REQUEST.format("203.0.113.7", 1, it % 2, 0, "/", 200) for it in range(300)))
    assert events_of(sums, "message") == ["clock set back"] * 100
    assert sum(requests_of(sums, "status").values()) == 300


@pytest.mark.parametrize("size", [LINE_LIMIT + 1, LINE_LIMIT + 2, 3 * LINE_LIMIT])
def test_a_line_beyond_the_limit_hides_nothing(size: int) -> None:
    """It is counted once as not understood; what stands before and behind it is read."""
    line = REQUEST.format("203.0.113.7", 1, 1, 1, "/", 401).encode()
    states = read_text(line + b"\n" + b"x" * size + b"\n" + line).facts.states
    assert (states["request"], states["not understood"], sum(states.values())) == (2, 1, 3)


def _scan(lines: int) -> str:
    asked = ((f"10.0.{n // 250}.{n % 250}", 1, 1, 1, f"/r{n}x", (404, 200)[n % 2]) for n in range(lines))
    return "\n".join(REQUEST.format(*each) for each in asked)


def test_beyond_the_limit_routes_are_counted_together() -> None:
    """Those that come first over all files keep their names; missing routes have a limit apart."""
    scans = {name: read_text(_scan(lines)) for name, lines in (("a", 10), ("b", 400))}
    counts = counts_of(rows := tabulate(gather(scans), 15)[0])
    assert counts.groupby("file")["count"].sum().to_dict() == {"a": 10, "b": 400}
    assert minutes_of(rows).groupby("file")["count"].sum().to_dict() == {"a": 10, "b": 400}
    others = counts[counts["route"].eq(OTHER_ROUTES)]
    assert others.groupby(["file", "status"])["count"].sum().to_dict() == {("b", 200): 185, ("b", 404): 185}


def test_beyond_the_limit_addresses_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones keep their names."""
    monkeypatch.setattr("audit_lib.logs.tally.MOST_NAMES", 10)
    counts = tabulate(gather({"a": read_text(_scan(40))}), 100)[0].groupby("client")["count"].sum().to_dict()
    assert counts.pop(OTHER_CLIENTS) == 30
    assert set(counts) == {f"10.0.0.{number}" for number in range(10)}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """It adds up to nothing."""
    sums: Any = read_log(FORMATS, LogFile(tmp_path, "gone.log", "gone.log"))
    assert (sums.state, sums.reason, len(sums.requests)) == ("missing", "does not exist", 0)
