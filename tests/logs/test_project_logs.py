"""A project's logs as frames: nothing lost, no invented time, one failure counted once."""

import bz2
import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

from audit_lib.base.clock import Quarter
from audit_lib.logs.read import LogRead, days_by_service, read_logs
from audit_lib.settings import LogSource, Project
from tests.support.paths import SHARED, rows_beside

CASES = rows_beside(__file__)
COMPARED: dict[str, str] = CASES["messages"]  # what truth.json counts lines by
REAL = SHARED / "data" / "logs"
UNAUTHORIZED = b'INFO:     203.0.113.7:52341 - "GET /api/x HTTP/1.1" 401 Unauthorized\n'
TIMED = b"2026-08-%02d 10:00:00,000 - app.main - INFO - hello\n"


def _project(root: Path, *sources: LogSource) -> Project:
    return Project("test", root, log_sources=sources or (LogSource("*.log*"),))


def _logs(root: Path, quarter: str = "", **files: bytes) -> LogRead:
    for name, content in files.items():
        (root / name.replace("_", ".")).write_bytes(content)
    return read_logs(_project(root), Quarter.parse(quarter) if quarter else None)


def _sums(counts: pd.DataFrame, key: str) -> dict[Any, int]:
    return counts.groupby(key)["count"].sum().to_dict()


needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real logs lie beside the repository only")


@pytest.fixture(scope="module")
def real() -> LogRead:
    """The real logs, read once."""
    return read_logs(_project(REAL, LogSource("*.log")), None)


@needs_real
@pytest.mark.parametrize("name", ["backend_info", "db_connection_refused", "startup_strict_missing_secret"])
def test_real_logs_count_as_their_truth_says(real: LogRead, name: str) -> None:
    """Lines, requests by status and address, and messages equal what was sent, exactly."""
    truth = json.loads((REAL / "truth.json").read_text())["logs"][name]["log_counts"]
    file = f"{name}.log"
    row = real.sources.set_index("source").loc[file]
    counts = real.counts[real.counts["file"] == file]
    events = real.events[real.events["file"] == file]
    assert row["lines"] == truth["lines"] == row[["read", "not_understood", "blank"]].sum()
    assert _sums(counts.dropna(subset="status"), "status") == {
        int(status): count for status, count in truth["access_by_status"].items()
    }
    assert _sums(counts[counts["kind"] == "unauthorized"], "client") == truth["access_401_by_client_ip"]
    seen, told = events["message"].value_counts().to_dict(), truth["messages"]
    expected = {COMPARED[text]: count for text, count in told.items() if text in COMPARED}
    assert {message: seen.get(message, 0) for message in COMPARED.values()} == expected


@needs_real
def test_one_database_failure_is_one_failure(real: LogRead) -> None:
    """Six lines of the real log hold OperationalError; the database failed once."""
    events = real.events[real.events["file"] == "db_connection_refused.log"]
    text = (REAL / "db_connection_refused.log").read_bytes()
    assert sum(b"OperationalError" in line for line in text.splitlines()) >= 6
    assert (events["kind"] == "database_failure").sum() == 1


@pytest.mark.parametrize("prefix", [b"", b"2026-08-01T10:00:00.1Z "])
def test_a_traceback_is_one_failure_and_two_are_two(tmp_path: Path, prefix: bytes) -> None:
    """Each failing request leaves one database failure, also where a platform stamps every line."""
    log = b"".join(prefix + line for line in CASES["traceback"].encode().splitlines(keepends=True))
    read = _logs(tmp_path, a_log=log + UNAUTHORIZED.replace(b"401", b"500") + log)
    assert _sums(read.counts, "kind") == {"database_failure": 2, "other": 1}


@pytest.mark.parametrize(("days", "bounds"), CASES["bounds"])
def test_untimed_lines_have_bounds_and_never_a_time(
    tmp_path: Path, days: list[int], bounds: list[list[int]]
) -> None:
    """They lie between their nearest timed lines, on the day before them. A day 0 stands for such a line."""
    read = _logs(tmp_path, a_log=b"".join(TIMED % day if day else UNAUTHORIZED for day in days))
    events = read.events[read.events["message"] == ""]
    assert events["at"].isna().all()
    assert events["line"].tolist() == [line for line, day in enumerate(days, 1) if not day]
    shown = events[["not_before_at", "not_after_at"]].map(lambda at: 0 if pd.isna(at) else at.day)
    assert shown.to_numpy().tolist() == bounds
    before = [next((day for day in days[: line - 1][::-1] if day), 0) for line in events["line"]]
    assert events["day"].fillna("-0").str[-1].astype(int).tolist() == before
    assert read.counts["untimed"].sum() == len(bounds)
    assert read.minutes.empty


def test_a_quarter_selects_lines_by_their_day(tmp_path: Path) -> None:
    """What lies in the quarter is counted, its first and last instant and lines on no day included."""
    times = [b"2026-06-30T23:59:59.999Z", b"2026-07-01T00:00:00Z"]
    times += [b"2026-09-30T23:59:59Z", b"2026-10-01T00:00:00Z"]
    lines = (b'%s INFO: 1.1.1.1:1 - "GET / HTTP/1.1" 401\n' % time + UNAUTHORIZED for time in times)
    read = _logs(tmp_path, "2026Q3", a_log=UNAUTHORIZED + b"".join(lines))
    days = read.counts.assign(day=read.counts["day"].fillna("none"))
    assert _sums(days, "day") == {"2026-07-01": 2, "2026-09-30": 2, "none": 1}
    assert read.minutes["count"].sum() == 2
    assert read.sources["lines"].tolist() == [9]


@pytest.mark.parametrize(("content", "state", "reason"), CASES["reasons"])
def test_a_file_says_what_it_could_not_give(tmp_path: Path, content: str, state: str, reason: str) -> None:
    """Empty, not understood, without a date, outside the quarter: each is a row that says so."""
    row = _logs(tmp_path, "2026Q3", a_log=content.encode("latin-1")).sources.iloc[0]
    assert (row["state"], row["reason"]) == (state, reason)


PACKERS = {
    **dict.fromkeys(("a.log", "a.log.1"), bytes),
    **{"a.log.gz": gzip.compress, "a.log.bz2": bz2.compress, "a.log.xz": lzma.compress},
    "a.log.zst": zstandard.ZstdCompressor().compress,
    "a.log.16": lambda content: content.decode().encode("utf-16"),
    "a.log.be": lambda content: b"\xfe\xff" + content.decode().encode("utf-16-be"),
    "a.log.two": lambda content: gzip.compress(content[:40]) + gzip.compress(content[40:]),
    "a.log.bom": lambda content: b"\xef\xbb\xbf" + content,
    "a.log.crlf": lambda content: content.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_log_reads_the_same_however_it_is_packed(tmp_path: Path, name: str) -> None:
    """Plain, rotated, packed, UTF-16, with a BOM or CRLF: the same lines give the same counts."""
    (tmp_path / name).write_bytes(PACKERS[name](TIMED % 1 + UNAUTHORIZED * 3))
    read = read_logs(_project(tmp_path), None)
    assert read.sources[["lines", "read"]].to_numpy().tolist() == [[4, 4]]
    assert _sums(read.counts, "day") == {"2026-08-01": 3}


def test_a_packed_copy_of_a_file_is_not_counted_twice(tmp_path: Path) -> None:
    """Rotation leaves a.log.1 beside a.log.1.gz for a while; another content is counted."""
    read = _logs(tmp_path, a_log_1=UNAUTHORIZED, a_log_1_gz=gzip.compress(UNAUTHORIZED))
    assert read.counts["count"].sum() == 1
    assert read.sources["reason"].tolist() == ["no line carries a date", "holds the same lines as a.log.1"]
    read = _logs(tmp_path, a_log_1_gz=gzip.compress(UNAUTHORIZED * 2))
    assert read.counts["count"].sum() == 3


@pytest.mark.parametrize(("logs", "sums"), CASES["twins"])
def test_what_two_logs_tell_counts_once(tmp_path: Path, logs: dict[str, Any], sums: list[int]) -> None:
    """As a proxy and its application do, of any service, which keep their days; those of instances differ."""
    _logs(tmp_path, **{name: "".join(_told(*how)).encode() for name, how in logs.items()})
    read = read_logs(_project(tmp_path, *(LogSource(it.replace("_", "."), it[:3]) for it in logs)), None)
    failed, events = _sums(read.counts, "status")[401], read.events["status"].count()
    twice = read.sources["reason"].str.extract(r"(\d+) of its requests are in \w+.log,")[0]
    unnamed = read.counts["count"][read.counts["client"].eq("")].sum()
    assert [read.counts["count"].sum(), failed, events, twice.astype(float).sum(), unnamed] == sums
    assert bool(days_by_service(read.sources, read.counts).min()) == ("untimed" not in str(logs))


def _told(form: str, late: int, *spans: list[int]) -> Iterator[str]:
    for number in (each for first, last in spans for each in range(first, last + 1)):
        at = pd.Timestamp("2026-08-01T10Z") + pd.Timedelta(minutes=number % 40, seconds=number % 60 + late)
        asked = {"client": f"203.0.113.{number}", "status": 401 if number % 2 else 200}
        yield CASES["forms"][form].format(at=at, day=1 + number % 28, path=f"/p{number % 9}x", **asked) + "\n"


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A packed file that grows beyond every honest ratio is refused with its reason, and not read on."""
    row = _logs(tmp_path, a_log_gz=gzip.compress(bytes(100 << 20))).sources.iloc[0]
    assert row["state"] == "refused"
    assert pd.isna(row["lines"])
    assert "250 times" in row["reason"]


def test_a_packed_log_that_is_cut_short_says_so(tmp_path: Path) -> None:
    """What could be read is counted, and the row says that the rest is missing."""
    packed = gzip.compress(UNAUTHORIZED * 1000, 1)
    read = _logs(tmp_path, a_log_gz=packed[: len(packed) - 12])
    assert read.counts["count"].sum() > 0
    assert "cut short" in read.sources["reason"][0]


def test_files_that_cannot_be_read_are_rows(tmp_path: Path) -> None:
    """A link, a pattern without a file: a row each, with what would supply the source; no traceback."""
    (tmp_path / "link.log").symlink_to("/etc/hostname")
    (tmp_path / "folder.log").mkdir()
    sources = read_logs(_project(tmp_path, LogSource("*.log"), LogSource("logs/*.log*", "api")), None).sources
    assert sources["state"].tolist() == ["refused", "missing"]
    assert sources["remedy"].tolist()[1].startswith("export the platform")


def test_a_source_has_a_zone_of_its_own(tmp_path: Path) -> None:
    """Zone-less times of two files are read in the zones that audit.toml gives them."""
    line = b"2026-08-01 01:00:00,000 - app.main - WARNING - Failed login attempt for: a@example.com\n"
    (tmp_path / "a.log").write_bytes(line)
    (tmp_path / "b.log").write_bytes(line)
    sources = LogSource("a.log"), LogSource("b.log", time_zone="Europe/Berlin")
    events = read_logs(_project(tmp_path, *sources), None).events
    assert events["day"].tolist() == ["2026-08-01", "2026-07-31"]
    assert events["subject"].tolist() == ["a***@example.com"] * 2


def test_requests_with_a_time_are_counted_by_the_minute(tmp_path: Path) -> None:
    """LogMinutes holds successes and failures by minute, client and route."""
    line = b'2026-08-01T10:00:%02dZ INFO: 1.1.1.1:1 - "GET /a HTTP/1.1" %d x\n'
    read = _logs(tmp_path, a_log=b"".join(line % (second, 200 + second % 2) for second in range(60)))
    assert read.minutes[["status", "count", "line"]].to_numpy().tolist() == [[200, 30, 1], [201, 30, 2]]
    assert read.minutes["minute_at"].dt.second.tolist() == [0, 0]
    assert read.events.empty


HOSTILE = b"".join([
    UNAUTHORIZED.replace(b"\n", b"\r\n"), b"\r\r" + UNAUTHORIZED, b"\0\0\n", b"x" * 10_000_000 + b"\n",
    b"\xff\xfe\xfd\n\x01\n\n", b"\xef\xbb\xbf" + UNAUTHORIZED, UNAUTHORIZED.rstrip(),
])  # fmt: skip


def test_every_line_of_a_hostile_file_ends_in_one_state(tmp_path: Path) -> None:
    """CRLF, lone CR, NUL, a 10 MB line, no final newline: the three states sum to the line count."""
    row = _logs(tmp_path, a_log=HOSTILE).sources.iloc[0]
    assert row["lines"] == 9 == HOSTILE.count(b"\n") + 1
    assert row[["read", "not_understood", "blank"]].tolist() == [3, 4, 2]
