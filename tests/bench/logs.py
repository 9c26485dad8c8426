"""Reading logs beside what one would do without us: whole processes in pairs, as ratios to `wc -l`.

Run by itself: python -m tests.bench.logs [--gigabytes 1] [--pairs 5]; goaccess where it is installed.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from distributed import LocalCluster

from tests.bench.mixed_logs import busy_text, write_busy, write_combined, write_mixed

NAIVE_SHARE = 16  # the naive loop reads so small a part, and its time is scaled
ALL = "day,kind,status,client"
KINDS = ("uvicorn", "stamped", "application", "structured", "exported", "combined", "printed")
ROWS = """
import sys
from pathlib import Path
from audit_lib.logs.failure_rows import failure_rows
print(len(failure_rows(Path(sys.argv[1]))), "rows")
"""
NAIVE = """
import sys
from zoneinfo import ZoneInfo
from audit_lib.logs.read_options import Plan
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_file import read_naively
with open(sys.argv[1], "rb") as file:
    print(read_naively(file, Plan(load_formats(), ZoneInfo("UTC"))).lines, "lines")
"""


@dataclass(frozen=True)
class Run:
    """One process: wall and processor seconds, and its largest memory in MiB."""

    wall: float
    processor: float
    peak: float


@dataclass(frozen=True)
class Task:
    """A command over a log, its target, and how much less than all of the log it reads."""

    name: str
    log: Path
    command: list[str]
    target: str = ""
    scale: float = 1


def main() -> None:
    """Write the logs, measure, print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logs-bench-") as folder:
        mixed, combined = Path(folder, "mixed.log"), Path(folder, "combined.log")
        write_mixed(mixed, int(given.gigabytes * 1e9))
        write_combined(combined, int(given.gigabytes * 1e9) // 4)
        os.sync()  # else the disk is written to while we measure
        print(
            f"{mixed.stat().st_size / 1e9:.2f} GB of mixed formats, warm cache, {given.pairs} pairs, ", end=""
        )
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
        print("| task | x wc -l | wall s | processor s | peak MiB | target |\n|--|--|--|--|--|--|")
        for task in _tasks(mixed, Path(folder)):
            _print_task(task, given.pairs)
        _print_kinds(Path(folder))
        _print_rivals(combined, given.pairs)
        _print_curve(Path(folder), given.gigabytes)
        _print_cluster(mixed, given.pairs)


def _failures(path: Path, by: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "audit_lib", "failures", str(path), "--by", by, "--format", "csv", *more]


def _tasks(mixed: Path, folder: Path) -> Iterator[Task]:
    part = folder / "part.log"
    write_mixed(part, mixed.stat().st_size // NAIVE_SHARE)
    share = mixed.stat().st_size / part.stat().st_size
    busy = folder / "busy.log"
    write_busy(busy, mixed.stat().st_size)
    yield Task(f"count by {ALL}", mixed, _failures(mixed, ALL), "16")
    yield Task("the same with route", mixed, _failures(mixed, f"{ALL},route"), "25")
    yield Task("the same of 2,000 clients", busy, _failures(busy, ALL), "20")
    yield Task("with 14 routes, too", busy, _failures(busy, f"{ALL},route"), "30, 400 MiB")
    yield Task("failures as rows in pandas", mixed, [sys.executable, "-c", ROWS, str(mixed)], "10")
    yield Task(
        "naive loop, everything (scaled)", mixed, [sys.executable, "-c", NAIVE, str(part)], scale=share
    )


def run(command: list[str]) -> Run:
    """One run of a command, with nothing of its output."""
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[:4]} ended with {process.returncode}")
    return Run(perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _print_task(task: Task, pairs: int) -> None:
    run(task.command)
    both = [(run(["wc", "-l", str(task.log)]), run(task.command)) for _ in range(pairs)]
    ratios = [ours.wall * task.scale / count.wall for count, ours in both]
    wall = statistics.median(ours.wall for _, ours in both) * task.scale
    processor = statistics.median(ours.processor for _, ours in both) * task.scale
    peak = max(ours.peak for _, ours in both)
    told = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    print(f"| {task.name} | {told} | {wall:.2f} | {processor:.2f} | {peak:.0f} | {task.target} |", flush=True)


def _print_kinds(folder: Path) -> None:
    """What a line of each kind costs beside the mean of all: at most three times as much."""
    path, costs = folder / "kind.log", {}
    path.write_text(busy_text("line", 100_000), "utf-8")
    run(_failures(path, ALL))
    print("\n| kind of line | ns a line, processor | x the mean (3) |\n|--|--|--|")
    for kind in ("line", *KINDS):
        path.write_text(busy_text(kind, 100_000) * 20, "utf-8")
        empty, ours = run(_failures(Path(os.devnull), ALL)), run(_failures(path, ALL))
        costs[kind] = (ours.processor - empty.processor) / 2_000_000 * 1e9
        print(f"| {kind} | {costs[kind]:.0f} | {costs[kind] / costs['line']:.1f} |", flush=True)


def _print_rivals(combined: Path, pairs: int) -> None:
    """goaccess on its own format, beside the same count."""
    ours = _failures(combined, ALL)
    report = str(combined.with_suffix(".json"))
    theirs = ["goaccess", str(combined), "--log-format=COMBINED", "--no-progress", "-o", report]
    if not shutil.which("goaccess"):
        print("\ngoaccess is not installed")
        return
    run(ours)
    ratios = [run(theirs).wall / run(ours).wall for _ in range(max(1, pairs // 2))]
    size = combined.stat().st_size / 1e6
    print(f"\ngoaccess takes {statistics.median(ratios):.1f} x our time on {size:.0f} MB of its own format")
    print(f"(each of {len(ratios)} pairs: {', '.join(f'{ratio:.1f}' for ratio in ratios)}; target 5)")


def _print_curve(folder: Path, gigabytes: float) -> None:
    """Time and memory at one, three and ten times the size."""
    print("\n| size, GB | wall s | processor s | s a GB | peak MiB (400) |\n|--|--|--|--|--|")
    for times in (1, 3, 10):
        path = folder / "curve.log"
        write_mixed(path, int(gigabytes * times * 1e9))
        os.sync()
        size = path.stat().st_size / 1e9
        run(["wc", "-l", str(path)])
        ours = run(_failures(path, ALL))
        told = f"{ours.wall:.2f} | {ours.processor:.2f} | {ours.processor / size:.2f} | {ours.peak:.0f}"
        print(f"| {size:.1f} | {told} |", flush=True)
        path.unlink()


def _print_cluster(mixed: Path, pairs: int) -> None:
    """Two workers in processes of their own beside this process, both without start-up of the workers."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        command = _failures(mixed, ALL, "--scheduler", cluster.scheduler_address)
        run(command)
        ratios = [run(command).wall / run(_failures(mixed, ALL)).wall for _ in range(pairs)]
    told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"\ndask, two workers: {told} x the local wall (target 2)")


if __name__ == "__main__":
    main()
