"""Leak search on a repository of many commits and leaks, beside grep over its diffs, in pairs of one run.

Usage: python -m tests.bench.many_leaks [COMMITS [PAIRS]]
       python -m tests.bench.many_leaks CLONE [PAIRS]   of a real project, whole: a clone over file://
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from audit_lib.leaks.rules import CHOSEN, GENERATED, scanner
from tests.bench.history import expanded_bytes, make_many_commits
from tests.bench.leaks import Measured, leaks, measured
from tests.support.fakes import fake_value

LEAKS, KNOWN = 70, 20  # those in an env file; patterns find the others
GUIDE = "git log -p --all | grep -iEc 'api_token|tradier|alpaca' || true"  # grep fails where nothing is
TARGETS = {
    ("unchanged", "first"): 0.1,
    ("first", "git log -p --all | grep -E"): 0.5,
    ("first", "first, exact alone"): 2.0,
}


def main() -> None:
    """Make the repository or take a clone, measure in pairs, print a table of ratios."""
    subject, pairs = (sys.argv[1:2] or ["15000"])[0], int((sys.argv[2:3] or ["3"])[0])
    if not subject.isdecimal():
        measure_clone(Path(subject), pairs)
        return
    commits = int(subject)
    with tempfile.TemporaryDirectory(prefix="many-leaks-") as folder:
        root = Path(folder) / "repo"
        lines = [f'SERVICE_{number}_API_TOKEN = "{fake_value(("many", number))}"' for number in range(LEAKS)]
        make_many_commits(root, commits, lines)
        known = (line.replace(" = ", "=").replace('"', "") for line in lines[:KNOWN])
        (root / ".env").write_text("".join(f"{line}\n" for line in known))
        print(f"history: {commits:,} commits, {expanded_bytes(root) / 1e9:.2f} GB expanded, {LEAKS} leaks")
        _make_key(Path(folder))
        runs = [measure(root, Path(folder) / f"cache{number}") for number in range(pairs)]
    for run in runs:
        assert run["first"].found == run["unchanged"].found == LEAKS
        assert run["first, exact alone"].found == KNOWN
    print_ratios(runs)


def measure_clone(root: Path, pairs: int) -> None:
    """As it is: what leaked there, and how many there are, is not known beforehand."""
    counted = ("rev-list", "--all", "--count")
    commits = int(subprocess.run(["git", *counted], cwd=root, capture_output=True, check=True).stdout)
    print(f"{root.name}: {commits:,} commits, {expanded_bytes(root) / 1e9:.2f} GB expanded")
    with tempfile.TemporaryDirectory(prefix="many-leaks-") as folder:
        _make_key(Path(folder))
        print_ratios([measure(root, Path(folder) / f"cache{number}") for number in range(pairs)])


def _make_key(folder: Path) -> None:
    (folder / "key").write_text("ab" * 32 + "\n")
    (folder / "key").chmod(0o600)


def measure(root: Path, cache: Path) -> dict[str, Measured]:
    """One run of each, one after the other, so that what else the machine does falls on all."""
    # Rules are compiled once on a machine, whatever is audited.
    for rules in (GENERATED, CHOSEN):
        scanner(rules, cache / "all" / "audit_lib" / "rules")
    runs = {
        "first": leaks(root, cache / "all", "--patterns"),
        "unchanged": leaks(root, cache / "all", "--patterns"),
        "first, exact alone": leaks(root, cache / "exact", "--no-patterns"),
        "git log -p --all | grep -E": measured(["sh", "-c", GUIDE], root),
    }
    for name, run in runs.items():
        print(f"{name}: {run}", flush=True)
    return runs


def print_ratios(runs: list[dict[str, Measured]]) -> None:
    """Prints the table of docs/accuracy.md."""
    print("\n| pair | wall, median | range | processor time, median | at most |\n|--|--|--|--|--|")
    for (name, other), most in TARGETS.items():
        walls = [run[name].wall / run[other].wall for run in runs]
        work = statistics.median(run[name].cpu / run[other].cpu for run in runs)
        spread = f"{min(walls):.2f} to {max(walls):.2f}"
        print(f"| {name} / {other} | {statistics.median(walls):.2f} | {spread} | {work:.2f} | {most} |")


if __name__ == "__main__":
    main()
