"""What a log adds up to: the same however it is split, every request counted, names within their limits."""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logs import read_files, stream
from audit_lib.logs.frames import LogSums, frames_of
from audit_lib.logs.line import LINE_LIMIT
from audit_lib.logs.log_files import LogFile
from audit_lib.logs.pairs import BEGINS
from audit_lib.logs.project_logs import read_logs
from audit_lib.logs.read_files import processes, split
from audit_lib.logs.stream import Plan, sum_lines
from audit_lib.logs.sums import OTHER_CLIENTS, Period, Sums, join
from audit_lib.settings import LogSource, Project
from tests.support.log_lines import FORMATS, events_of, read_log, requests_of

ROW = {"source": "a.log", "environment": "", "service": ""}
PIECES = [
    *(line for block in FORMATS.prefixes for line in block.examples),
    *(line for block in (*FORMATS.bodies, *FORMATS.messages) for line in block.examples),
]
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


def _shown(sums: Sums) -> dict[str, Any]:
    """The sums with names in place of numbers."""
    places = ("line", "at", "not_before", "not_after", "day", "status")
    events = events_of(sums, *places, "kind", "message", "client", "method", "route", "subject")
    requests = requests_of(sums, "slot", "kind", "status", "client", "method", "route")
    facts = (sums.states, sums.days, sums.timed, sums.first, sums.last, sums.lacks, sums.shapes, sums.unread)
    return {"requests": requests, "events": sorted(events), "facts": facts}


@pytest.mark.parametrize("seed", range(3))
def test_a_log_adds_up_to_the_same_however_it_is_split(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates, bounds, records and steps of the clock are carried over every place where a piece ends."""
    content = _mixture(seed, 1_500)
    whole = read_log(content)
    monkeypatch.setattr(stream, "_MOST_ROWS", 2)
    pieces = list(sum_lines(content.encode().splitlines(keepends=True), FORMATS, Plan(ZoneInfo("UTC"))))
    assert len(pieces) > 100
    assert _shown(join(pieces, Period())) == _shown(whole)


def test_processes_read_the_parts_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is large enough is read by several, and the sums are those of one."""
    content = "".join(
        line for line in _mixture(7, 4_000).splitlines(keepends=True) if not BEGINS.search(line.encode())
    )
    (tmp_path / "a.log").write_text(content)
    monkeypatch.setattr(read_files, "PART", 40_000)
    file, plan = LogFile(tmp_path, "a.log", "a.log"), Plan(ZoneInfo("UTC"))
    parts = split(file, len(content.encode()), FORMATS, plan)
    assert len(parts) > 3
    with processes(FORMATS, 1 << 30) as run:
        read = list(run([(plan, part) for part in parts]))
    assert _shown(join([part.sums for part in read], Period())) == _shown(read_log(content))


def test_a_file_without_times_is_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no record has a time, no part could know of which day it is."""
    (tmp_path / "a.log").write_text('INFO:     1.1.1.1:1 - "GET / HTTP/1.1" 401 Unauthorized\n' * 5_000)
    monkeypatch.setattr(read_files, "PART", 40_000)
    file = LogFile(tmp_path, "a.log", "a.log")
    size = (tmp_path / "a.log").stat().st_size
    assert len(split(file, size, FORMATS, Plan(ZoneInfo("UTC")))) == 1


def test_untimed_lines_lie_between_their_neighbours() -> None:
    """An event without a time has the times before and behind it as bounds, in their order."""
    refused = 'INFO:     1.1.1.1:1 - "GET / HTTP/1.1" 401 Unauthorized'
    times = [f"2026-08-01T10:0{minute}:00Z INFO: x" for minute in (5, 9, 8)]
    lines = [refused, times[0], refused, times[1], refused, times[2], refused]
    sums = read_log("\n".join(lines))
    bounds = [
        tuple((at - sums.first) // 60_000_000 if at > 0 else None for at in (low, high))
        for low, high in events_of(sums, "not_before", "not_after")
    ]
    assert sorted(bounds, key=str) == sorted([(None, 0), (0, 4), (3, 4), (3, None)], key=str)


def test_a_clock_set_back_is_an_event_up_to_a_hundred_times() -> None:
    """Each line older than the one before it by over a minute is noted, and is no request."""
    lines = [REQUEST.format("203.0.113.7", 1, hour % 2, 0, "/", 200) for hour in range(300)]
    sums = read_log("\n".join(lines))
    assert Counter(events_of(sums, "message")) == {"clock set back": 100}
    assert sum(requests_of(sums, "status").values()) == 300


def test_a_period_selects_by_time_and_untimed_lines_by_the_time_before() -> None:
    """Lines of other days are counted by state alone; what stands before the first time belongs to all."""
    untimed = 'INFO:     1.1.1.1:1 - "GET / HTTP/1.1" 401 Unauthorized'
    lines = [
        untimed,
        *(line for day in (1, 2, 3) for line in (REQUEST.format("::1", day, 1, 1, "/", 403), untimed)),
    ]
    first = 1_785_542_400_000_000 + 86_400_000_000  # 2 August
    sums = read_log("\n".join(lines), period=Period(first, first + 86_400_000_000))
    assert requests_of(sums, "status") == {401: 2, 403: 1}
    assert (sums.lines, sums.in_period) == (7, 2)


@pytest.mark.parametrize("size", [LINE_LIMIT + 1, LINE_LIMIT + 2, 3 * LINE_LIMIT, 10_000_000])
def test_a_line_beyond_the_limit_hides_nothing(size: int) -> None:
    """It is counted once as not understood; what stands before and behind it is read."""
    line = REQUEST.format("203.0.113.7", 1, 1, 1, "/", 401).encode()
    sums = read_log(line + b"\n" + b"x" * size + b"\n" + line)
    assert (sums.states["request"], sums.states["not understood"], sums.lines) == (2, 1, 3)


def _scan(lines: int) -> str:
    requests = (f"/r{number}x" for number in range(lines))
    statuses = (404, 200)
    return "\n".join(
        REQUEST.format(f"10.0.{number // 250}.{number % 250}", 1, 1, 1, path, statuses[number % 2])
        for number, path in enumerate(requests)
    )


@pytest.mark.parametrize("pieces", [1, 50])
def test_beyond_the_limit_routes_and_addresses_are_counted_together(
    pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come first keep their names, however the log is split; missing routes have a limit apart."""
    monkeypatch.setattr(stream, "_MOST_ROWS", 400 // pieces)
    parts = sum_lines(_scan(400).encode().splitlines(keepends=True), FORMATS, Plan(ZoneInfo("UTC")))
    sums = join(parts, Period(), most=10)
    routes, clients = requests_of(sums, "route", "status"), requests_of(sums, "client")
    assert routes.pop((OTHER_ROUTES, 404)) == routes.pop((OTHER_ROUTES, 200)) == 190
    assert set(routes) == {(f"/r{number}x", (404, 200)[number % 2]) for number in range(20)}
    assert clients.pop(OTHER_CLIENTS) == 390
    assert set(clients) == {f"10.0.0.{number}" for number in range(10)}


def test_the_frames_of_several_files_share_the_limit() -> None:
    """What is folded is a row of its file, and no request is lost."""
    sums = [read_log(_scan(10)), read_log(_scan(40))]
    logs = [LogSums(ROW | {"source": name}, each) for name, each in zip("ab", sums, strict=True)]
    frames = frames_of([], logs, most=15)
    assert frames.counts.groupby("file")["count"].sum().to_dict() == {"a": 10, "b": 40}
    assert frames.minutes.groupby("file")["count"].sum().to_dict() == {"a": 10, "b": 40}
    others = frames.counts[frames.counts["route"].eq(OTHER_ROUTES)]
    assert others.groupby("file")["count"].sum().to_dict() == {"b": 10}


def test_days_are_counted_by_service(tmp_path: Path) -> None:
    """Each day that a file has a line of is a row, of whatever quarter: a service's gaps show."""
    for name in ("a.log", "b.log"):
        day = 1 if name == "a.log" else 3
        lines = [REQUEST.format("::1", day + more, 1, 1, "/", 200) for more in (0, 0, 1)]
        (tmp_path / name).write_text("\n".join(lines))
        os.utime(tmp_path / name, (1_785_600_000,) * 2)
    sources = (LogSource("a.log", "web", "staging"), LogSource("b.log", "api", "production"))
    days = read_logs(Project("p", tmp_path, log_sources=sources), None).days
    assert days[["service", "environment", "day", "lines"]].to_numpy().tolist() == [
        ["web", "staging", "2026-08-01", 2],
        ["web", "staging", "2026-08-02", 1],
        ["api", "production", "2026-08-03", 2],
        ["api", "production", "2026-08-04", 1],
    ]
