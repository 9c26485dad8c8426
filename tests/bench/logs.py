"""Times the log engine as whole processes, in pairs with `wc -l`, goaccess and the naive loop.

Run by itself: python -m tests.bench.logs [--gigabytes 1] [--pairs 5]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.mixed_logs import write_combined, write_mixed

GROUPS = "day,kind,status,client"
NAIVE = """
import sys
from audit_lib.sources.log_formats import load_formats
from audit_lib.sources.log_tally import Period, raw_lines, tally_lines
from zoneinfo import ZoneInfo
tally_lines(raw_lines(open(sys.argv[1], "rb")), load_formats(), ZoneInfo("UTC"), Period())
"""


def main() -> None:
    """Print a row for each comparison: median wall seconds, median of the pairs' ratios, peak memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    size = int(given.gigabytes * 1e9)
    with tempfile.TemporaryDirectory() as scratch:
        mixed, small, combined = (Path(scratch, f"{name}.log") for name in ("mixed", "small", "combined"))
        write_mixed(mixed, size)
        write_mixed(small, size // 5)
        write_combined(combined, size // 4)
        print(f"{mixed.stat().st_size / 1e9:.2f} GB of mixed formats, warm cache, {given.pairs} pairs\n")
        print("| what | seconds | beside | seconds | ratio | peak MiB |\n|--|--|--|--|--|--|")
        lines = ["wc", "-l", str(mixed)]
        _row("day x kind x status x client", _failures(mixed, GROUPS), "wc -l", lines, given.pairs)
        _row("the same with route", _failures(mixed, f"{GROUPS},route"), "wc -l", lines, given.pairs)
        naive = [sys.executable, "-c", NAIVE, str(small)]
        _row("the naive loop, 1/5 of it", naive, "this engine", _failures(small, GROUPS), 1)
        if shutil.which("goaccess"):
            report = str(Path(scratch, "report.json"))
            rival = ["goaccess", str(combined), "--log-format=COMBINED", "--no-progress", "-o", report]
            _row("goaccess, 1/4 in its own format", rival, "this engine", _failures(combined, GROUPS), 3)


def _failures(path: Path, by: str) -> list[str]:
    return [sys.executable, "-m", "audit_lib", "failures", str(path), "--by", by, "--format", "csv"]


def _row(what: str, command: list[str], beside: str, other: list[str], pairs: int) -> None:
    _timed(other)
    runs = [(_timed(command), _timed(other)) for _ in range(pairs)]
    ours, theirs = (statistics.median(run[side][0] for run in runs) for side in (0, 1))
    ratio = statistics.median(first[0] / second[0] for first, second in runs)
    peak = max(first[1] for first, _ in runs)
    print(f"| {what} | {ours:.2f} | {beside} | {theirs:.2f} | {ratio:.1f} | {peak:.0f} |", flush=True)


def _timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in MiB of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
