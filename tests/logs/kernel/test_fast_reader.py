"""The fast reader equals the naive one: on every kind of line, in every order, for every split."""

import io
import os
import random
import subprocess
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs import read_file as log_reader
from audit_lib.logs.count_lines import Period
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel import worker
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_file import NAIVE_ALONE, read_log, read_naively
from audit_lib.logs.read_line import read_line
from audit_lib.logs.read_options import Plan, Wanted
from audit_lib.logs.units import YEARLESS, ZONELESS, micros_of
from tests.bench.mixed_logs import mixed_text
from tests.support.paths import SHARED
from tests.support.sums import told

REAL = SHARED / "data" / "logs"
FORMATS = load_formats()
UTC = ZoneInfo("UTC")


def _days(first: str, end: str) -> Period:
    """From the begin of one day or instant until before another."""
    return Period(*(micros_of(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in (first, end)))


def _fast(content: bytes, chunk: int = 1 << 20, threads: int = 2, **plan: Any) -> dict[str, Any]:
    own = Plan(FORMATS, **{"zone": UTC, **plan}, chunk=chunk, threads=threads)
    return told(reduce_chunks(read_chunks(io.BytesIO(content), own), own))


def _naive(content: bytes, **plan: Any) -> dict[str, Any]:
    return told(read_naively(io.BytesIO(content), Plan(FORMATS, **{"zone": UTC, **plan})))


def _examples() -> list[bytes]:
    """Every example and counter-example that the kernel is given, bare and behind prefixes."""
    blocks = (*FORMATS.prefixes, *FORMATS.bodies, *FORMATS.messages, FORMATS.json)
    lines = [line.encode() for block in blocks for line in (*block.examples, *block.counter_examples)]
    heads = (b"", b"2026-08-02T10:00:00.5Z ", b"2026-08-03 10:00:00,123 - app - INFO - ", b"INFO:     ")
    return [head + line for line in lines for head in heads if not NAIVE_ALONE.search(line)]


JSON = [
    b"{}",
    b'{"a":1}',
    b'{"message":"INFO: 1.1.1.1:1 - \\"GET /a HTTP/1.1\\" 401 x","timestamp":"2026-08-04T00:00:00Z"}',
    b'{ "message" : "x\\ty" , "level" : "info" }',
    b'{"message":"two\\nlines","level":"info"}',
    b'{"message":"\\u26a0 Failed login attempt for: a@example.com"}',
    b'{"message":"Failed login attempt for: \xc3\xa9@example.com"}',
    b'{"message":"Failed login attempt for: \xfe@example.com"}',
    b'{"status":401,"client":"1.1.1.1","path":"/' + b"\xfe" * 14 + b'1"}',
    b'{"status":401,"path":"/x?token=1","client":"1.1.1.1:5"}',
    b'{"status":"403","path":"/x/1","client":"[::1]:5","method":"post","time":"2026-08-05 00:00:00"}',
    b'{"status":401.0,"path":"/x"}',
    b'{"status":4e2,"path":"/x"}',
    b'{"status":-401,"path":"/x"}',
    b'{"status":0401,"path":"/x"}',
    b'{"status":401,"status":200,"path":"/x"}',
    b'{"status":null,"statusCode":401,"path":"/x"}',
    b'{"statusCode":401,"status":200,"path":"/x"}',
    b'{"status":401,"path":"relative"}',
    b'{"status":401,"path":""}',
    b'{"status":401,"method":"GET"}',
    b'{"status":401,"method":"G3T","path":"/"}',
    b'{"labels":{"statusCode":"401","path":"/y","method":"GET"},"timestamp":"2026-08-04T00:00:00Z"}',
    b'{"labels":{"statusCode":"401","path":"/y"},"status":200}',
    b'{"labels":[{"name":"statusCode","value":"401"},{"name":"path","value":"/y"}]}',
    b'{"labels":{"a":{"b":1}},"message":"INFO: x"}',
    b'{"labels":{},"message":"INFO: x",}',
    b'{"a":tru}',
    b'{"a":true,"b":false,"c":null,"d":"e"}',
    b'{"a" 1}',
    b'{"a":1 "b":2}',
    b'{"a":"b\\"}',
    b'{"message":"x input_value=3","level":"error"}',
    b'{"message":"Traceback (most recent call last)","level":"error"}',
    b'{"message":"[DB] Connection or initialization failed","level":"error"}',
    b'{"time":1764000000,"status":401,"path":"/"}',
    b'{"time":"2026-08-04T00:00:00Z\\/","status":401,"path":"/"}',
    b'{"time":"2026-08-04","status":401,"path":"/"}',
    b'{"message":7,"timestamp":"2026-08-04T00:00:00Z"}',
    b'{"message":"","timestamp":"2026-08-04T00:00:00Z"}',
    b'{"message":"a","msg":"INFO: b"} ',
    b'[{"a":1}]',
]
ODD = [
    b"",
    b" \t\x0b\x0c",
    b"\x00",
    b"\x01",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbfINFO:     x",
    b"\x1b[31m",
    b'\x1b[32mINFO\x1b[0m:     1.1.1.1:1 - "GET /\x1b[1ma HTTP/1.1" 401\x1b[0m',
    b"\x1b[\x003\x001m\x1b[9",
    b'\x00\x00INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 4\x0003 Forbidden\r\r',
    b'INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401\rINFO:',
    b'1.1.1.1 - - [01/Aug/2026:10:00:00 +0000] "GET /a HTTP/1.1" 401 5 "-" "a\rb"',
    b"INFO: Failed login attempt for: a\rb@example.com",
    b'INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401\r',
    b'INFO:     1.1.1.1:1 - "GET http://x/y HTTP/1.1" 401',
    b'INFO:     1.1.1.1:1 - "GET * HTTP/1.1" 401',
    b'INFO:     1.1.1.1:1 - "GET  HTTP/1.1" 401',
    b'INFO:     :1 - "GET /a/12/deadbeef01/someone@example.com/a%40b HTTP/1.1" 429',
    b'INFO:     [::1]:1 - "GET /' + b"a/" * 30 + b' HTTP/1.1" 401',
    b'INFO:     1.1.1.1:1 - "GET /' + b"a" * 5000 + b' HTTP/1.1" 401',
    b"INFO:     " + b"9" * 5000 + b':1 - "GET / HTTP/1.1" 401',
    b'INFO:     1.1.1.1:1 - "' + b"G" * 5000 + b' / HTTP/1.1" 401',
    b"[client " + b"1" * 5000 + b"] user x not found: /",
    b"Failed login attempt for: " + b"a" * 5000,
    b"ERROR:    Traceback (most recent call last):",
    b"ERROR:    Exception in ASGI application",
    b"psycopg2.OperationalError: connection refused",
    b"sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) x",
    b"[DB] Connection or initialization failed: x",
    b"pydantic_core._pydantic_core.ValidationError: 1 validation error",
    b"  x [type=y, input_value='z', input_type=str]",
    b"x input_value",
    b"x" * 200,
    b"x" * 200_000,
    b"2026-02-30 10:00:00,000 - app - INFO - no such day",
    b"2026-08-07 10:00:00,1234567891 - app - INFO - ten digits",
    b"2026-08-07 10:00:00.1234567 +02:00 x",
    b"2026-08-07T10:00:00-0530 x",
    b"2026/08/07T10:00:00 +01 x",
    b"2026-08/07T10:00:00 x",
    b"Sat Jan  3 00:00:00 2026",
    b'[Sat Jan  3 00:00:00.5 2026] [error] user x: authentication failure for "/a"',
    b'1.1.1.1 - - [03/Feb/2026:10:00:00] "GET / HTTP/1.1" 401 1',
    b'1.1.1.1 - - [31/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 1',
    b'1.1.1.1 - - [03/Feb/2026:10:00:00.5 -0100] "GET /?API_key=x HTTP/1.1" 200 1',
    b'1.1.1.1 - - [03/Feb/2026:10:00:00 -0100] "GET /?a=1&session_Token=x HTTP/1.1" 200 1',
    b'1.1.1.1 - - [03/Feb/2026:10:00:00 -0100] "GET /?oauth=x&tokens=1&\xc3\xa9key=2 HTTP/1.1" 200 1',
    b"WARNING:  x",
    b"x" * 100 + b"\x1b[0m" + b"x" * 100,
    b"[client None] [client 1.1.1.1] user x not found: /",
    b"CRITICALS: x",
    b"CRITICAL: Application startup failed. Exiting.",
]


def _mixture(seed: int, count: int) -> bytes:
    """Lines of every kind in a seeded order, some of them damaged."""
    chance = random.Random(seed)
    lines = [*_examples(), *JSON, *ODD]
    picked = []
    for line in chance.choices(lines, k=count):
        if line and chance.random() < 0.2:
            at = chance.randrange(len(line))
            line = line[:at] + bytes([chance.randrange(256)]) * chance.randrange(3) + line[at + 1 :]  # noqa: PLW2901
        picked.append(line)
    return b"\n".join(picked)


@pytest.mark.parametrize("lines", [_examples(), JSON, ODD], ids=["examples", "json", "odd"])
def test_each_line_reads_the_same(lines: list[bytes]) -> None:
    """Each single line, between one with a time and one without, gives the same sums."""
    around = b"2026-08-01T10:00:00Z x", b'INFO:     2.2.2.2:1 - "GET /z HTTP/1.1" 401'
    contents = [b"\n".join([around[0], line, around[1], line]) for line in lines]
    # A few at once, since a reading has its own cost; which of them differs is found afterwards.
    some = [contents[start : start + 16] for start in range(0, len(contents), 16)]
    wrong = [each for part in some if not _same(b"\n".join(part)) for each in part]
    assert [content for content in wrong if not _same(content)] == []
    assert wrong == []


def _same(content: bytes) -> bool:
    return _fast(content, 1 << 12, 1) == _naive(content)


SMALL = b"\n".join(
    [
        b'INFO:     1.1.1.1:1 - "GET /early HTTP/1.1" 401 Unauthorized',
        b"[DB] Connection or initialization failed",
        b"2026-08-01 10:00:00,000 - app - ERROR - [DB] Connection or initialization failed",
        b"ERROR:    Traceback (most recent call last):",
        b"psycopg2.OperationalError: x",
        b'INFO:     1.1.1.1:1 - "GET /a?token=x HTTP/1.1" 403 Forbidden\r',
        b"",
        b"psycopg2.OperationalError: x",
        b"user x not found: /",
        b"2026-09-01T10:00:00Z x",
        b'INFO:     1.1.1.1:1 - "GET /b HTTP/1.1" 401 Unauthorized',
        b"2026-08-01T10:00:00Z x",
        b'INFO:     1.1.1.1:1 - "GET /c HTTP/1.1" 401 Unauthorized',
    ]
)


def test_every_split_of_a_file_gives_the_same_sums() -> None:
    """Wherever a file is cut, dates, bounds and records are carried over the cut."""
    expected = _naive(SMALL)
    sizes = range(1, len(SMALL) + 2)
    assert [size for size in sizes if _fast(SMALL, size, 1 + size % 3) != expected] == []


RECORDS = b"\n".join(
    [
        b"   Failed login attempt for: a@example.com",
        b"psycopg2.OperationalError: x",
        b"2026-08-01 10:00:00,000 - app - ERROR - failed",
        b"Traceback (most recent call last):",
        b'  File "x"',
        b"",
        b"  Failed login attempt for: b@example.com",
        b"  JWT auth failed: x",
        b"psycopg2.OperationalError: x",
        b"",
        b"(Background on this error at: https://example.com)",
        b"psycopg2.OperationalError: x",
        b"Failed login attempt for: c@example.com",
        b"  Failed login attempt for: d@example.com",
        b"2026-08-01T10:05:00Z ERROR:    Traceback (most recent call last):",
        b"\tFailed login attempt for: e@example.com",
        b'INFO:     1.1.1.1:1 - "GET /early HTTP/1.1" 401 Unauthorized',
        b"\tFailed login attempt for: f@example.com",
        b"2026-08-01T10:06:00Z x",
        b"psycopg2.OperationalError: x",
        b"2026-08-01T10:07:00Z x",
        b" x",
        b"psycopg2.OperationalError: x",
        b"psycopg2.OperationalError: y",
        b"2026-08-02T10:07:00Z x",
        *[b"  Failed login attempt for: g@example.com"] * 90,
    ]
)


@pytest.mark.parametrize("period", [Period(), _days("2026-08-02", "2026-08-03")])
def test_what_continues_a_record_has_its_time_wherever_a_file_is_cut(
    period: Period, *, long_run: bool
) -> None:
    """Indented lines and the last line of a traceback; not what stands behind an untimed record.

    Most lines are longer than 31 bytes, so nearly every one begins a chunk; the long run cuts closer.
    """
    expected = _naive(RECORDS, period=period)
    timed = sum("login failed" in row and None not in row for row in expected["events"])
    assert timed == (92 if period == Period() else 90)
    sizes = [*range(1, len(RECORDS) + 2, 7 if long_run else 31), 1 << 20]
    assert [size for size in sizes if _fast(RECORDS, size, 1 + size % 3, period=period) != expected] == []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia"])
def test_times_without_a_year_read_the_same(zone: str) -> None:
    """The year follows from the file's date, over a new year and a leap day; without it they have no time."""
    chance = random.Random(zone)
    days = [f"{month} {day:2}" for month in ("Jan", "Feb", "Dec", "Jux") for day in (0, 1, 28, 29, 31)]
    content = "\n".join(
        f"{chance.choice(days)} 2{chance.randrange(5)}:00:00 web1 app[7]: Failed login attempt for: x"
        for _ in range(400)
    ).encode()
    written = (None, 1_704_067_200_000_000, 1_709_251_200_000_000, 1_767_225_600_000_000)
    for at in written:
        shown = _naive(content, zone=ZoneInfo(zone), written=at)
        assert shown["lacks"] == (0 if at is None else ZONELESS | YEARLESS)
        assert _fast(content, 999, zone=ZoneInfo(zone), written=at) == shown


def test_a_clock_set_back_is_an_event_wherever_a_file_is_cut() -> None:
    """Each line older than the one before it by over a minute, the first hundred of a file; no request."""
    line = "2026-07-01 {:02}:{:02}:00 INFO:     started\n"
    steps = "".join(line.format(10, minute) + line.format(9, minute) for minute in range(60))
    content = (steps + line.format(10, 2) + line.format(10, 1) + steps).encode()
    expected = _naive(content)
    steps_back = [row for row in expected["events"] if "clock set back" in row]
    assert len(steps_back) == len(expected["events"]) == 100
    assert expected["groups"] == []
    for size in (1, 50, 1000, 1 << 20):
        assert _fast(content, size) == expected
    first = _days("2026-07-02", "2026-07-03")
    assert _fast(content, 100, period=first)["events"] == _naive(content, period=first)["events"] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_mixture_reads_the_same_for_many_splits(seed: int) -> None:
    """Lines of every kind, damaged too, in any order, cut at many sizes."""
    content = _mixture(seed, 600)
    expected = _naive(content)
    for size in (1, 97, 10_007, 1 << 20):
        assert _fast(content, size) == expected


@pytest.mark.long
def test_long_mixtures_read_the_same() -> None:
    """Two hundred mixtures more."""
    for seed in range(100, 300):
        content = _mixture(seed, 2000)
        assert _fast(content, 1 + seed * 997) == _naive(content), seed


@pytest.mark.parametrize("tail", [b"", b"\nINFO:     started"])
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_a_line_beyond_the_limit_is_not_understood(tail: bytes, size: int) -> None:
    """A line of ten megabytes is counted and never held whole, wherever the chunks end."""
    content = b"INFO:     before\n" + b"INFO:     " + b"x" * 10_000_000 + tail
    assert _fast(content, size) == _naive(content)
    edge = b"INFO: " + b"x" * ((1 << 20) - 6)
    for line in (edge, edge + b"x", edge + b"\r", edge[:-1] + b"\0\0"):
        assert _fast(line + tail, size) == _naive(line + tail)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"])
def test_zones_read_the_same(zone: str) -> None:
    """Zone-less times around every change of the clocks are the same instants."""
    chance = random.Random(zone)
    stamps = []
    for year in (1975, 2011, 2026, 2199):
        for month in range(1, 13):
            for _ in range(10):
                stamps.append(
                    f"{year}-{month:02}-{chance.randrange(1, 29):02} {chance.randrange(24):02}:"
                    f"{chance.randrange(60):02}:00 INFO Failed login attempt for: x"
                )
    content = "\n".join(stamps).encode()
    assert _fast(content, zone=ZoneInfo(zone)) == _naive(content, zone=ZoneInfo(zone))


@pytest.mark.parametrize("size", [50, 1 << 20])
def test_a_period_selects_the_same(size: int) -> None:
    """Lines of other days are left out by both, untimed ones by the day before them."""
    period = _days("2026-08-01T10:00:07", "2026-09-01")
    assert _fast(SMALL, size, period=period) == _naive(SMALL, period=period)


def test_tables_grow_without_losing_anything() -> None:
    """Tens of thousands of clients, routes and groups: the tables grow as they must."""
    lines = [
        f"2026-08-{1 + n % 28:02}T10:{n % 60:02}:00Z INFO: 10.{n % 7}.{n % 250}.{n % 101}:1 - "
        f'"GET /r{n % 9000}x HTTP/1.1" 401'
        for n in range(30_000)
    ]
    content = "\n".join(lines).encode()
    assert _fast(content, 1 << 17) == _naive(content)


@pytest.mark.parametrize("before", [1, 20_000])
@pytest.mark.parametrize("size", [5 << 19, 7 << 20])
def test_a_line_longer_than_a_chunk_hides_nothing_behind_it(before: int, size: int) -> None:
    """Of a file whose line begins in one chunk and ends chunks later every line is counted."""
    line = b'2026-08-02T10:00:00Z INFO:     203.0.113.7:1 - "GET /a HTTP/1.1" 401 Unauthorized\n'
    content = line * before + b"x" * size + b"\n" + line * 2_000
    assert _fast(content, 3 << 20) == _naive(content)


def test_what_is_not_wanted_is_not_counted_apart() -> None:
    """Without client and route the same counts stand in fewer groups."""
    content = _mixture(3, 400)
    few = Wanted(client=False, route=False, method=False, events=False, minutes=False)
    shown, full = _fast(content, wanted=few), _naive(content)
    assert shown["events"] == []
    assert {name: shown[name] for name in ("lines", "read", "blank")} == {
        name: full[name] for name in ("lines", "read", "blank")
    }
    assert len(shown["groups"]) < len(full["groups"])
    failures = _fast(content, wanted=Wanted(client=False, route=False, method=False, counts=False))
    assert failures["events"] == full["events"]
    assert len(failures["groups"]) < len(shown["groups"])


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_reader_is_chosen_by_size(extra: int) -> None:
    """Below, at and above the size from which the fast reader reads, the sums are the same."""
    plan = Plan(FORMATS, UTC)
    assert told(read_log(io.BytesIO(SMALL), plan, fast_from=len(SMALL) + extra)) == _naive(SMALL)


@pytest.mark.parametrize(
    ("at_hand", "total", "fast"),
    [(True, 0, True), (False, 0, False), (False, log_reader.COMPILE_FROM, True)],
)
def test_many_small_logs_are_worth_the_compilation(
    monkeypatch: pytest.MonkeyPatch, *, at_hand: bool, total: int, fast: bool
) -> None:
    """A file below the limit is read fast where the kernel lies ready, or where all files are beyond it."""
    used: list[bool] = []
    monkeypatch.setattr(log_reader, "is_at_hand", lambda _: at_hand)
    monkeypatch.setattr(log_reader, "_is_compiled", lambda: used.append(True) or True)
    plan = Plan(FORMATS, UTC)
    assert told(read_log(io.BytesIO(SMALL), plan, total, fast_from=len(SMALL))) == _naive(SMALL)
    assert used == [True] * fast


COMMON = [
    b"2026-08-02 10:00:00,000 - app.services.data - INFO - user context loaded for /api/orders id=7",
    b"2026-08-02 10:00:00,000 - app.core.auth - WARNING - JWT decode error: Signature has expired (/docs)",
    b"2026-08-02 10:00:00,000 - app.core.auth - WARNING - SECRET VALIDATION FAILED: API_TOKEN mismatch",
    b"sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server failed",
    b'{"timestamp":"2026-08-02T10:00:00Z","level":"info","status":200,"client":"1.1.1.1","path":"/a?b=1"}',
]


def test_common_lines_are_not_left_to_the_naive_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of every format, also those with a message that a web server writes, are read by the kernel.

    What begins as the expression for sshd does is not.
    """
    left: list[bytes] = []
    monkeypatch.setattr(worker, "read_line", lambda raw, *plan: left.append(raw) or read_line(raw, *plan))
    messages = [line.encode() for block in FORMATS.messages for line in block.examples if not block.anywhere]
    content = mixed_text(3000, 200).encode() + b"\n".join([*COMMON, *messages])
    assert _fast(content) == _naive(content)
    assert [raw for raw in left if b"Failed " not in raw] == []


IN_PYTHON = """
import io, sys
from zoneinfo import ZoneInfo
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_options import Plan
from tests.support.sums import told
plan = Plan(load_formats(), ZoneInfo("Europe/Berlin"), chunk=2000, threads=1)
print(told(reduce_chunks(read_chunks(io.BytesIO(sys.stdin.buffer.read()), plan), plan)))
"""


def test_the_kernel_runs_in_python_for_a_debugger() -> None:
    """With NUMBA_DISABLE_JIT nothing is compiled, and the sums are the same."""
    content = _mixture(5, 150) + b"\n" + SMALL
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", IN_PYTHON],
        input=content,
        capture_output=True,
        check=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )
    assert run.stdout.decode().strip() == str(_naive(content, zone=ZoneInfo("Europe/Berlin")))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real logs lie beside the repository only")
@pytest.mark.parametrize("name", ["backend_info", "db_connection_refused", "startup_strict_missing_secret"])
def test_real_logs_read_the_same(name: str) -> None:
    """The real logs, cut at many sizes."""
    content = (REAL / f"{name}.log").read_bytes()
    expected = _naive(content)
    assert all(_fast(content, size) == expected for size in (100, 333, 1024, 4097, 1 << 20))


def test_declared_statuses_are_failures_in_both_readers() -> None:
    """A status that is declared to be a failed login is an event, and counts under its kind."""
    formats = FORMATS.declaring([400, 302])
    content = b"".join(_requests(status) for status in (200, 302, 400, 401))
    own = Plan(formats, UTC, chunk=256)
    fast = told(reduce_chunks(read_chunks(io.BytesIO(content), own), own))
    assert fast == told(read_naively(io.BytesIO(content), Plan(formats, UTC)))
    assert len(reduce_chunks(read_chunks(io.BytesIO(content), own), own).events["line"]) == 36


def _requests(status: int) -> bytes:
    line = '2026-08-02T10:00:%02dZ INFO: 192.0.2.%d:1 - "POST /login HTTP/1.1" %d X\n'
    return "".join(line % (number, number, status) for number in range(12)).encode()
