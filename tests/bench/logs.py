"""Reading logs beside goaccess: whole processes in turn, each file cold, with nothing kept.

Run by itself: python -m tests.bench.logs [--pairs 5]; goaccess where it is installed.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.bench.mixed_logs import busy_text, write_busy, write_combined

ALL = "day,kind,status,client"
KINDS = ("uvicorn", "stamped", "application", "structured", "exported", "combined", "printed")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Run:
    """One process: wall and processor seconds, and its largest memory in MiB."""

    wall: float
    processor: float
    peak: float


def main() -> None:
    """Write the logs, measure, print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory(prefix="logs-bench-") as folder:
        log = Path(folder, "a.log")
        print(f"{pairs} pairs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
        print("| log | us a line | x goaccess a line | at most | peak MiB |\n|--|--|--|--|--|")
        _print_log("combined, 75 MB", log, write_combined, 75, pairs=pairs, target="1")
        _print_log("combined, 300 MB", log, write_combined, 300, pairs=pairs, target="0.6")
        _print_log("of every kind, 300 MB", log, write_busy, 300, pairs=pairs, target="0.8")
        _print_kinds(log)


def run(command: list[str]) -> Run:
    """One run of a command, with nothing of its output."""
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[:4]} ended with {process.returncode}")
    return Run(perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _failures(path: Path) -> list[str]:
    return [sys.executable, "-m", "audit_lib", "failures", str(path), "--by", ALL, "--format", "csv"]


def _print_log(
    name: str, log: Path, write: Callable[[Path, int], None], megabytes: int, *, pairs: int, target: str
) -> None:
    """One row: our time a line beside that of goaccess on as much of its own format."""
    combined = log.with_name("combined.log")
    write(log, megabytes * MEGABYTE)
    write_combined(combined, megabytes * MEGABYTE)
    report = str(log.with_suffix(".json"))
    theirs = ["goaccess", str(combined), "--log-format=COMBINED", "--no-progress", "-o", report]
    lines, theirs_lines = (sum(1 for _ in path.open("rb")) for path in (log, combined))
    both = [
        (run(_failures(log)), run(theirs) if shutil.which("goaccess") else None) for _ in range(max(1, pairs))
    ]
    wall = statistics.median(ours.wall for ours, _ in both) / lines
    ratios = [ours.wall / lines / (other.wall / theirs_lines) for ours, other in both if other]
    shown = f"{statistics.median(ratios):.2f}" if ratios else "goaccess is not installed"
    peak = max(ours.peak for ours, _ in both)
    print(f"| {name} | {wall * 1e6:.1f} | {shown} | {target} | {peak:.0f} |", flush=True)


def _print_kinds(log: Path) -> None:
    """What a line of each kind costs beside the mean of all: at most three times as much."""
    costs: dict[str, float] = {}
    empty = run(_failures(Path(os.devnull))).processor
    print("\n| kind of line | us a line, processor | x the mean (3) |\n|--|--|--|")
    for kind in ("line", *KINDS):
        log.write_text(busy_text(kind, 100_000) * 4, "utf-8")
        costs[kind] = (run(_failures(log)).processor - empty) / 400_000 * 1e6
        print(f"| {kind} | {costs[kind]:.1f} | {costs[kind] / costs['line']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
