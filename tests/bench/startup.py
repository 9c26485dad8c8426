"""Processor time and wall time of commands that do little, from start to end.

Usage: python -m tests.bench.startup [RUNS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tests.support.paths import ROOT

LINE = '203.0.113.7 - - [27/Nov/2026:01:02:03 +0000] "GET /x HTTP/1.1" 200 12 "-" "-"\n'


def main() -> None:
    """Print a row for each command: the medians of some runs, in turns."""
    runs = int((sys.argv[1:2] or ["5"])[0])
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        log, clone = Path(folder) / "a.log", Path(folder) / "clone"
        log.write_text(3 * LINE)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        for path in ("docs/review.md", "audit_lib/base/archives.py"):
            with (clone / path).open("a") as file:
                file.write("# staged\n")
        subprocess.run(["git", "add", "-u"], cwd=clone, check=True)
        commands = {
            "--help": ["--help"],
            "verify REPORT": ["verify", str(ROOT / "reports/sample-2026Q3")],
            "failures LOG": ["failures", str(log)],
            "investigate --help": ["investigate", "--help"],
            "whose --help": ["whose", "--help"],
            "leaks --staged": ["leaks", "--staged", "--project", str(clone)],
        }
        took = {name: [measured(words) for _ in range(runs)] for name, words in commands.items()}
    for name, pairs in took.items():
        work, wall = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"| {name} | {work:.2f} | {wall:.2f} |")


def measured(words: list[str]) -> tuple[float, float]:
    """Processor seconds of a command with its children, and seconds on the wall."""
    before, started = os.times(), perf_counter()
    subprocess.run([sys.executable, "-m", "audit_lib", *words], cwd=ROOT, capture_output=True, check=True)
    after = os.times()
    work = after.children_user + after.children_system - before.children_user - before.children_system
    return work, perf_counter() - started


if __name__ == "__main__":
    main()
