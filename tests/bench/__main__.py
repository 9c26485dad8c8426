"""Prints the measured tables of docs/accuracy.md: all, or those named. `python -m tests.bench [logs] …`"""

import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from tests.secrets.test_ages import CASES, STATUSES, measure as measure_cadence
from tests.support.clocks import FLAGS, measure as measure_clocks

LOGS = ((75_000_000, 5), (300_000_000, 2))  # bytes of a log, and how often both programs read it in turn
LINE = (
    "203.0.113.{host} - - [{day:02}/Aug/2026:10:{minute:02}:00 +0000] "
    '"GET /items/{item} HTTP/1.1" {status} 512 "-" "curl/8"\n'
)


def freshness(secrets: int = 4000) -> None:
    """A row for each period and cadence: shares in per cent over simulated rotation histories."""
    print(f"{secrets} secrets a row, rotated each 0.5 to 1.6 periods; statuses in per cent\n")
    print("| period, days | looked each, days | recorded | " + " | ".join(STATUSES) + " | wrong |")
    print("|--|--|--|" + "--|" * (len(STATUSES) + 1))
    for period, cadence, recorded, _ in CASES["cadence"]:
        shares, wrong = measure_cadence(period, cadence, recorded, secrets)
        told = " | ".join(f"{share:.1f}" for share in shares)
        print(f"| {period} | {cadence} | {recorded:.0%} | {told} | {wrong} |", flush=True)


def clocks(secrets: int = 8000) -> None:
    """What is said of secrets on machines with wrong clocks, held against the truth of a simulation."""
    tally = measure_clocks(range(secrets))
    print(f"| of {secrets} secrets | |\n|--|--|")
    for status in STATUSES:
        print(f"| {status}, % | {100 * tally.statuses[status] / secrets:.1f} |")
    for flag in FLAGS:
        print(f"| {flag}: said, of true ones | {tally.flagged[flag]} of {tally.true[flag]} |")
    for name in ("wrong_verdicts", "wrong_intervals", "false_flags"):
        print(f"| {name.replace('_', ' ')} | {len(getattr(tally, name))} |")


def logs() -> None:
    """Our microseconds a line beside those of goaccess, if it is installed: whole processes, nothing kept."""
    print(f"{os.cpu_count()} cores\n\n| MB | lines | us a line | x goaccess | load |\n|--|--|--|--|--|")
    for size, pairs in LOGS:
        with tempfile.TemporaryDirectory(prefix="logs-bench-") as folder:
            log = Path(folder, "a.log")
            lines = _write_log(log, size)
            ours = [sys.executable, "-m", "audit_lib", "failures", str(log), "--format", "csv"]
            theirs = ["goaccess", str(log), "--log-format=COMBINED", "--no-progress", "-o", f"{log}.json"]
            times = [(_seconds(ours), _seconds(theirs)) for _ in range(pairs)]
        ratios = [one / other for one, other in times if other]
        ratio = f"{statistics.median(ratios):.2f}" if ratios else "not installed"
        cost, load = statistics.median(one for one, _ in times) / lines * 1e6, os.getloadavg()[0]
        print(f"| {size // 10**6} | {lines:,} | {cost:.1f} | {ratio} | {load:.1f} |", flush=True)


def _write_log(path: Path, size: int) -> int:
    """How many lines were written: made-up requests, the same each time."""
    drawn, written, lines = random.Random(1), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            day, minute = 1 + 28 * written // size, drawn.randrange(60)
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


BENCHES = {"freshness": freshness, "clocks": clocks, "logs": logs}


def main(names: list[str]) -> None:
    """Print what was measured with, then each benchmark's table."""
    if unknown := sorted(set(names) - set(BENCHES)):
        sys.exit(f"{', '.join(unknown)}: no such benchmark; there are {', '.join(BENCHES)}")
    packages = (f"{package} {version(package)}" for package in ("pandas", "numpy", "ahocorasick_rs"))
    print(f"Python {platform.python_version()}, {platform.machine()}; {', '.join(packages)}")
    # As for a user: what Python compiled in the run before is kept.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in names or BENCHES:
        print(f"\n## {name}\n", flush=True)
        BENCHES[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
