"""Whatever bytes a log holds, reading raises nothing and each line ends in one state."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.support.log_lines import read_folder, read_line

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
        row = read_folder(Path(folder)).sources.iloc[0]
    if row["state"] in ("read", "empty") and row["lines"] == row["lines"]:
        assert row["lines"] == row["read"] + row["not_understood"] + row["blank"]
    if not content.startswith((b"\x1f\x8b", b"BZh", b"\xff\xfe", b"\xfe\xff", b"\x28\xb5", b"\xfd7z")):
        assert row["lines"] == content.count(b"\n") + (not content.endswith(b"\n") and content != b"")


def test_thousands_of_false_times_end_nothing() -> None:
    """A line may hold many times that no calendar has: it is not understood then, and takes no time."""
    false = ' [99/Aug/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 9' * 5_000
    assert read_line(f"203.0.113.7 - x{false}").at is None


@pytest.mark.parametrize("far", [
    *("2149-06-05T10:00:00Z", "2149-06-07T10:00:00Z", "2150-01-01T10:00:00Z", "2262-04-12T10:00:00Z"),
    *("9999-12-31T10:00:00Z", "0001-01-01T10:00:00Z"),
    *("@4fffffffffffffff00000000", "@400000000000000000000000"),
])  # fmt: skip
def test_a_line_of_a_far_day_is_counted_like_any_other(far: str, tmp_path: Path) -> None:
    """No line is lost, and the far day is not taken for another one."""
    line = '{at} INFO:     203.0.113.7:1 - "GET /x HTTP/1.1" 401 Unauthorized\n'
    (tmp_path / "a.log").write_text(line.format(at="2026-08-01T10:00:00Z") + line.format(at=far))
    row = read_folder(tmp_path).sources.iloc[0]
    assert row["state"] == "read"
    assert row["read"] + row["not_understood"] + row["blank"] == row["lines"] == 2
    assert row["read"] >= 1
