"""Failures of one log as a frame: the rows that a review has of them, read while pandas is imported."""

import gzip
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logs.contracts import LogEvents
from audit_lib.logs.failure_rows import failure_rows
from audit_lib.logs.formats import load_formats
from audit_lib.logs.frames import FileSums, events_frame
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_options import Plan
from tests.bench.mixed_logs import mixed_text


def test_the_rows_are_those_of_a_review(tmp_path: Path) -> None:
    """Each failed request and each message, with its line, times, client, route and subject."""
    log = tmp_path / "app.log"
    log.write_text(mixed_text(20_000, 500), encoding="utf-8")
    with log.open("rb") as file:
        sums = read_naively(file, Plan(load_formats(), ZoneInfo("UTC")))
    expected = events_frame([FileSums("app.log", sums)])
    rows = failure_rows(log)
    assert len(rows) > 100
    pd.testing.assert_frame_equal(rows[list(LogEvents.columns())], expected, check_dtype=False)


def test_what_cannot_be_read_to_its_end_is_no_frame(tmp_path: Path) -> None:
    """A log that is not there, and a packed one that was cut or is a bomb, are told by their path."""
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"INFO:     started\n" * 100_000)[:-20])
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(80 << 20)))
    for path, fault in ((tmp_path / "gone.log", "cannot be read"), (cut, "cut short"), (bomb, "a bomb")):
        with pytest.raises(BadInput, match=f"{path.name}.*{fault}"):
            failure_rows(path)


@pytest.mark.parametrize("collecting", ["enable", "disable"])
def test_garbage_is_collected_afterwards_as_before(tmp_path: Path, collecting: str) -> None:
    """Pandas is not there before; the collector is off while it is imported, and then as its user left it."""
    log = tmp_path / "app.log"
    log.write_text('INFO:     203.0.113.7:1 - "GET / HTTP/1.1" 401 Unauthorized\n', encoding="utf-8")
    program = f"""
import gc, sys
from pathlib import Path
from audit_lib.logs.failure_rows import failure_rows
gc.{collecting}()
before = gc.isenabled(), "pandas" in sys.modules
print(*before, len(failure_rows(Path({str(log)!r}))), gc.isenabled())
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    on = str(collecting == "enable")
    assert shown.stdout.split() == [on, "False", "1", on]
