"""Too many routes: those that are kept are the same for every reader, split, order and number of workers."""

import io
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.log_kinds import OTHER_ROUTES, REQUEST_KINDS
from audit_lib.logs.cluster import read_range
from audit_lib.logs.count_lines import Period
from audit_lib.logs.fields import clean_route, collapse, name_route
from audit_lib.logs.file_counts import LogSums
from audit_lib.logs.formats import load_formats
from audit_lib.logs.group_limit import MOST_GROUPS, NAME_COST
from audit_lib.logs.kernel.chunks import ChunkRead
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import Folding, folded, hashes, other_requests
from tests.logs.kernel.test_fast_reader import _days, _mixture
from tests.support.sums import told

FORMATS, UTC = load_formats(), ZoneInfo("UTC")
STATUSES = (200, 204, 302, 400, 401, 403, 404, 404, 404, 405, 429, 500)


def _plan(routes: int, **more: Any) -> Plan:
    return Plan(FORMATS, UTC, routes=routes, **more)


def _naive(content: bytes, plan: Plan) -> LogSums:
    return read_naively(io.BytesIO(content), plan)


def _fast(content: bytes, plan: Plan) -> LogSums:
    return reduce_chunks(read_chunks(io.BytesIO(content), plan), plan)


def _scan(seed: int, count: int, *, routes: int = 60) -> bytes:
    """Requests with and without a time, to routes in several spellings, and messages that name a path."""
    chance = random.Random(seed)
    lines = []
    for _ in range(count):
        number = chance.randrange(routes)
        route = chance.choice((f"/r{number}x", f"/%72{number}x", f"/r{number}x?q=1", f"/ü{number}x", "*"))
        request = f'10.0.0.{chance.randrange(3)}:1 - "GET {route} HTTP/1.1" {chance.choice(STATUSES)}'
        at = f"2026-08-{1 + chance.randrange(3):02}T10:{chance.randrange(60):02}:00Z "
        message = chance.choice(
            (f"user x not found: /m{number}x", f"Failed login attempt for: {number}@a.de")
        )
        lines.append(chance.choice(("", at, at)) + f"INFO:     {chance.choice((request, request, message))}")
    return "\n".join(lines).encode()


def _routes(sums: LogSums, *, missed: bool) -> set[str]:
    """The routes of requests that were answered 404 and its like, or of all others."""
    groups = sums.groups
    pairs = zip(groups["status"].tolist(), groups["route"].tolist(), strict=True)
    return {
        sums.names[route]
        for status, route in pairs
        if (400 <= status < 500 and status not in REQUEST_KINDS) == missed
    } - {""}


def _seeds(quick: int, all_: int) -> list[object]:
    return [*range(quick), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(quick, all_))]


@pytest.mark.parametrize("seed", _seeds(2, 8))
def test_both_readers_fold_the_same_for_every_split(seed: int) -> None:
    """Few routes are kept: both readers, in any chunks and threads, give the same sums."""
    chance = random.Random(seed)
    content = _scan(seed, 300)
    for routes in (0, 1, 3, chance.randrange(4, 40)):
        expected = told(_naive(content, _plan(routes)))
        assert any(OTHER_ROUTES in row for row in expected["groups"])
        for size in (1, 97, chance.randrange(200, 5000), 1 << 20):
            plan = _plan(routes, chunk=size, threads=1 + size % 3)
            assert told(_fast(content, plan)) == expected, (routes, size)


@pytest.mark.parametrize("seed", _seeds(1, 4))
def test_ranges_fold_the_same(seed: int, tmp_path: Path) -> None:
    """A file read in ranges, as workers of a cluster read it, gives the same sums."""
    content = _scan(seed, 700)
    path = tmp_path / "a.log"
    path.write_bytes(content)
    for routes in (0, 2, 11, 80, 110, 165):
        plan = _plan(routes)
        expected = told(_naive(content, plan))
        for size in (501, 4096, 1 << 20):
            starts = range(0, len(content), size)
            reads = [read_range(str(path), start, start + size, plan) for start in starts]
            assert told(reduce_chunks(reads, plan)) == expected, (routes, size)


def test_what_a_range_sends_is_folded(tmp_path: Path) -> None:
    """Of thousands of routes a range sends the strings of those that may be kept, and rows for no others."""
    path = tmp_path / "a.log"
    path.write_bytes(_scanner(5000))
    read = read_range(str(path), 0, path.stat().st_size, _plan(10))
    assert len(read.worker.tables.strings.arena) < 1000
    assert len(read.worker.tables.groups.rows) == 10 + 28 * 3  # the others by day and client


def test_mixtures_fold_the_same() -> None:
    """Lines of every kind, damaged too, of one month: the same sums by both readers."""
    period = _days("2026-08-01", "2026-09-01")
    for seed in range(3):
        content = _mixture(seed, 600)
        for chosen in (Period(), period):
            expected = told(_naive(content, _plan(4, period=chosen)))
            for size in (97, 10_007):
                assert told(_fast(content, _plan(4, period=chosen, chunk=size))) == expected


def test_the_routes_with_the_least_hashes_are_kept() -> None:
    """Of each budget the K routes whose BLAKE2b digests are least; the sums of the others are one row."""
    content = _scan(1, 400)
    whole, few = _naive(content, _plan(1000)), _naive(content, _plan(5))
    for missed in (False, True):
        routes = _routes(whole, missed=missed)
        digests = {name: blake2b(name.encode(), digest_size=8).digest()[::-1] for name in routes}
        assert _routes(few, missed=missed) == {*sorted(routes, key=digests.__getitem__)[:5], OTHER_ROUTES}
    for column in ("count", "untimed"):
        assert few.groups[column].sum() == whole.groups[column].sum()
    assert few.moments["count"].sum() == whole.moments["count"].sum()
    assert told(few)["events"] == told(whole)["events"]


def test_a_route_may_be_kept_in_one_budget_and_not_in_the_other() -> None:
    """What a scanner leaves does not push out routes that are answered, and the same route may be in both."""
    answered = [f"/a{number}x" for number in range(20)]
    lines = [f'INFO:     10.0.0.1:1 - "GET {route} HTTP/1.1" 200 OK' for route in answered]
    lines += [line.replace("200 OK", "404 Not Found") for line in lines]
    lines += [f'INFO:     10.0.0.2:1 - "GET /s{number}x HTTP/1.1" 404 Not Found' for number in range(500)]
    content = "\n".join(lines).encode()
    sums = _fast(content, _plan(20, chunk=700))
    assert _routes(sums, missed=False) == set(answered)
    missed = _routes(sums, missed=True)
    assert len(missed) == 21
    assert len(missed & set(answered)) < 20
    assert other_requests([sums]) == 500


def test_below_the_budget_nothing_changes() -> None:
    """With exactly as many routes as are kept no row is folded, and the very same sums come back."""
    content = _scan(5, 300)
    whole = _naive(content, _plan(10_000))
    most = max(len(_routes(whole, missed=missed)) for missed in (False, True))
    assert folded([whole], most)[0] is whole
    assert told(_fast(content, _plan(most, chunk=300))) == told(whole)
    assert other_requests([whole]) == 0
    assert other_requests([_naive(content, _plan(most - 1))]) > 0


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_folding_does_not_matter(seed: int) -> None:
    """Files folded one by one, in any order, or all at once: the same rows in the end."""
    chance = random.Random(seed)
    files = [_naive(_scan(seed * 10 + number, 80), _plan(10_000)) for number in range(6)]
    expected = Counter(map(str, map(told, folded(files, 7))))
    for _ in range(4):
        chance.shuffle(files)
        folding = Folding(7)
        for sums in files:
            folding.add(folded([sums], 7)[0])
        assert Counter(map(str, map(told, folding.all()))) == expected
    kept = set().union(*(_routes(sums, missed=True) for sums in folding.all()))
    assert len(kept) == 8


def test_a_route_is_named_as_before() -> None:
    """The short way to a route's name gives what the long one gives, for whatever bytes a path has."""
    chance = random.Random(3)
    alphabet = b"abz019AF-_.,:+@%4241?#;/ \"'<>{}~\x00\x7f\x80\xc3\xbc"
    for _ in range(20_000):
        path = collapse(b"/" + bytes(chance.choices(alphabet, k=chance.randrange(60))))
        assert name_route(path) == clean_route(path)


def test_hashes_are_fixed() -> None:
    """The hash of a name is the same in every process and on every machine."""
    assert hashes([b"/a", b"/api/auth/login"]).tolist() == [
        int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
        for name in (b"/a", b"/api/auth/login")
    ]


def _scanner(count: int) -> bytes:
    """A scanner's requests, each to a route of its own, over four weeks."""
    return b"".join(_scanner_lines(count))


def _scanner_lines(count: int) -> Iterator[bytes]:
    line = b'203.0.113.%d - - [%02d/Aug/2026:10:%02d:00 +0000] "GET /s%d/p%xx%dq.php HTTP/1.1" 404 153\n'
    for n in range(count):
        yield line % (7 + n % 3, 1 + 28 * n // count, n % 60, n % 10, n % 1_000_003, n // 1_000_003)


def test_a_scanner_is_counted_whole() -> None:
    """300,000 routes of which 1,000 are kept: every request is counted, nearly all under one name."""
    content = _scanner(300_000)
    sums = _fast(content, _plan(1000))
    assert (sums.lines, sums.read, sums.groups["count"].sum()) == (300_000, 300_000, 300_000)
    assert len(_routes(sums, missed=True)) == 1001
    assert other_requests([sums]) == 299_000
    assert len(sums.names) < 1100


def test_the_tables_of_workers_stay_small() -> None:
    """However many routes differ, a worker holds those of the budget and of a chunk or two at most."""
    plan = _plan(1000, chunk=100_000)
    held = []

    def watched() -> Iterator[ChunkRead]:
        for read in read_chunks(io.BytesIO(_scanner(100_000)), plan):
            held.append(int(read.worker.tables.strings.size[0]))
            yield read

    reduce_chunks(watched(), plan)
    assert len(held) > 80
    assert max(held) < 1500 + 2 * 100_000 // 80


# A process of its own, since what one measures of its children begins with its own memory.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)
print(done.stdout.count(b"\\n"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.long
def test_millions_of_routes_take_little_memory(tmp_path: Path) -> None:
    """`failures` by route over 3 million routes stays below 400 MiB, the whole process measured."""
    path = tmp_path / "scan.log"
    with path.open("wb") as file:
        file.writelines(_scanner_lines(3_000_000))
    command = ["failures", str(path), "--by", "day,kind,status,client,route", "--format", "csv"]
    whole = [sys.executable, "-c", MEASURED, sys.executable, "-m", "audit_lib", *command]
    rows, kib = map(int, subprocess.run(whole, capture_output=True, check=True).stdout.split())
    kept = MOST_GROUPS // 2 // (1 + NAME_COST)  # with routes half as many groups, each with a name of its own
    assert rows == 1 + kept + 28 * 3  # the others by day and client
    assert kib < 400 << 10
