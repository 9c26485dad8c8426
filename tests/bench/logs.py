"""Reading a log beside goaccess, where it is installed: whole processes in turn, with nothing kept."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

PAIRS, BYTES = 5, 75_000_000
LINE = (
    "203.0.113.{host} - - [{day:02}/Aug/2026:10:{minute:02}:00 +0000] "
    '"GET /items/{item} HTTP/1.1" {status} 512 "-" "curl/8"\n'
)


def main() -> None:
    """Write a log, measure, print our microseconds a line beside those of goaccess."""
    with tempfile.TemporaryDirectory(prefix="logs-bench-") as folder:
        log = Path(folder, "a.log")
        lines = _write_log(log)
        ours = [sys.executable, "-m", "audit_lib", "failures", str(log), "--format", "csv"]
        theirs = ["goaccess", str(log), "--log-format=COMBINED", "--no-progress", "-o", f"{log}.json"]
        pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(PAIRS)]
    load = os.getloadavg()[0]
    print(f"{PAIRS} pairs of {lines:,} lines, {os.cpu_count()} cores, load {load:.1f} at the end\n")
    print(f"us a line: {statistics.median(one for one, _ in pairs) / lines * 1e6:.1f}")
    ratios = [one / other for one, other in pairs if other]
    print(f"x goaccess: {statistics.median(ratios):.2f}" if ratios else "goaccess is not installed")


def _write_log(path: Path) -> int:
    """How many lines were written: made-up requests, the same each time."""
    drawn, written, lines = random.Random(1), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while written < BYTES:
            day, minute = 1 + 28 * written // BYTES, drawn.randrange(60)
            host, item = drawn.randrange(1, 255), drawn.randrange(10_000)
            status = drawn.choices((200, 304, 401, 404, 500), (80, 10, 5, 4, 1))[0]
            line = LINE.format(host=host, day=day, minute=minute, item=item, status=status)
            written, lines = written + file.write(line), lines + 1
    return lines


def _seconds(command: list[str]) -> float:
    """How long a command takes; 0 if it is not installed."""
    if not shutil.which(command[0]):
        return 0.0
    started = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return perf_counter() - started
