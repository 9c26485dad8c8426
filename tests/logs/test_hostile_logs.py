"""Whatever bytes a log holds, reading raises nothing and each line ends in one state."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings, strategies as st

from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project
from tests.support.log_lines import read_line

PIECES = st.sampled_from(
    [
        b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[31m", b"{", b'"', b"[",
        b"2026-08-01T10:00:00Z ", b"2026-02-30 25:61:61,999 - a - ERROR - ", b"9999-12-31T23:59:59Z ",
        b'INFO:     203.0.113.7:1 - "GET /x HTTP/1.1" 401 Unauthorized', b'{"status": 401, "path": ',
        b"Traceback (most recent call last):\n", b"Failed login attempt for: ", b"\x1f\x8b", b"BZh9", b"  ",
    ]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@example(content=b"BZh9\n")  # damaged at once: newer decompressors fail otherwise when asked again
@given(content=st.lists(PIECES | st.binary(max_size=20), max_size=30).map(b"".join))
def test_any_bytes_are_read_line_by_line(content: bytes) -> None:
    """The three states add up to the lines, and of a file that is not packed no line is missing."""
    with TemporaryDirectory() as folder:
        Path(folder, "a.log").write_bytes(content)
        row = read_logs(Project("p", Path(folder), log_sources=(LogSource("*.log"),)), None).sources.iloc[0]
    if row["state"] in ("read", "empty") and row["lines"] == row["lines"]:
        assert row["lines"] == row["read"] + row["not_understood"] + row["blank"]
    if not content.startswith((b"\x1f\x8b", b"BZh", b"\xff\xfe", b"\xfe\xff", b"\x28\xb5", b"\xfd7z")):
        assert row["lines"] == content.count(b"\n") + (not content.endswith(b"\n") and content != b"")


# What stands before the times of a line, around each and behind; a time that no calendar has, and another.
FALSE_TIMES = {
    "a request": (
        "203.0.113.7 - x",
        ' [{}] "GET / HTTP/1.1" 401 9',
        "99/Aug/2026:10:00:00 +0000",
        "02/Aug/2026:10:00:00 +0000",
    ),
    "a logon of Windows": (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>4625</EventID>",
        "<TimeCreated SystemTime='{}'/><EventRecordID>7</EventRecordID>",
        "2026-02-30T10:00:00",
        "2026-08-02T10:00:00",
    ),
}


@pytest.mark.parametrize("name", FALSE_TIMES)
def test_thousands_of_false_times_hide_no_time_and_end_nothing(name: str) -> None:
    """Before its time a line may hold many that no calendar has; the one that is true is found."""
    start, around, false, true = FALSE_TIMES[name]
    for last in (true, false):
        line = start + around.format(false) * 5_000 + around.format(last)
        assert (read_line(line).at is not None) == (last == true)


@pytest.mark.parametrize(
    "far", ["2149-06-05", "2149-06-07", "2150-01-01", "2262-04-12", "9999-12-31", "0001-01-01"]
)
def test_a_line_of_a_far_day_is_counted_like_any_other(far: str, tmp_path: Path) -> None:
    """No line is lost, and the far day is not taken for another one."""
    line = '{day}T10:00:00Z INFO:     203.0.113.7:1 - "GET /x HTTP/1.1" 401 Unauthorized\n'
    (tmp_path / "a.log").write_text(line.format(day="2026-08-01") + line.format(day=far))
    read = read_logs(Project("p", tmp_path, log_sources=(LogSource("*.log"),)), None)
    row = read.sources.iloc[0]
    assert row["state"] == "read"
    assert row["read"] + row["not_understood"] + row["blank"] == row["lines"] == 2
    assert row["read"] >= 1
