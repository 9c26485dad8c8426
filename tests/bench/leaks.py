"""Leak search beside what one would do without it: wall, memory, recall and precision, in pairs of one run.

Usage: python -m tests.bench.leaks [GIGABYTES [PAIRS]]; rivals are taken from the PATH where they are.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.bench.history import expanded_bytes, make_history
from tests.bench.rivals import compare_patterns
from tests.fakes import fake_value

PLANTED = 20
TARGETS = {
    "20 values / git log -p --all | grep -F": 0.40,
    "20 values / kingfisher's own history scan": 0.35,
    "500 values / 20 values": 1.3,
    "unchanged re-audit / first": 0.05,
}


@dataclass(frozen=True)
class Measured:
    """One run: wall in seconds, the largest process in MB, and what it found."""

    seconds: float
    megabytes: float
    found: int

    def __truediv__(self, other: "Measured") -> float:
        return self.seconds / other.seconds


def main() -> None:
    """Make the history, measure in pairs, print a table of ratios."""
    gigabytes, pairs = (float(sys.argv[1]) if sys.argv[1:] else 4.2), int((sys.argv[2:3] or ["3"])[0])
    with tempfile.TemporaryDirectory(prefix="leaks-bench-") as folder:
        root = Path(folder) / "repo"
        make_history(root, gigabytes, {97 * number + 50: value_of(number) for number in range(PLANTED)})
        print(f"history: {expanded_bytes(root) / 1e9:.2f} GB expanded; {os.cpu_count()} cores")
        measure(root, Path(folder), pairs)
    print()
    compare_patterns()


def value_of(number: int) -> str:
    """The value that is planted under a number; the first twenty stand in the history."""
    return fake_value(("bench", number))


def measure(root: Path, folder: Path, pairs: int) -> None:
    """Runs each pair alternately, so that what else the machine does falls on both."""
    rows: dict[str, list[float]] = {name: [] for name in TARGETS}
    peak = 0.0
    for number in range(pairs):
        twenty = ours(root, PLANTED, folder / f"cache{number}")
        again = ours(root, PLANTED, folder / f"cache{number}")
        logged = git_log(root, folder)
        scanned = kingfisher(root)
        many = ours(root, 500, folder / f"many{number}")
        assert twenty.found == again.found == many.found == PLANTED, (twenty, again, many)
        peak = max(peak, twenty.megabytes, many.megabytes)
        print(
            f"20: {twenty}\nagain: {again}\ngit log: {logged}\nkingfisher: {scanned}\n500: {many}", flush=True
        )
        for name, ratio in zip(
            TARGETS, (twenty / logged, twenty / scanned, many / twenty, again / twenty), strict=True
        ):
            rows[name].append(ratio)
    print("\n| measure | median | range | at most |\n|--|--|--|--|")
    for name, ratios in rows.items():
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"| {name} | {statistics.median(ratios):.2f} | {spread} | {TARGETS[name]} |")
    print(f"| largest process, MB | {peak:.0f} | | 300 |")


_OURS = """
import json, resource, sys
from pathlib import Path
from time import perf_counter
from audit_lib.contracts import LeakTargets
from audit_lib.keeper import Keeper, Key
from audit_lib.project import Project
from audit_lib.sources.leak_search import search_leaks
from tests.bench.leaks import value_of
keeper = Keeper(Key(b"bench" * 8, "file"))
values = {f"V{n}": value_of(n) for n in range(int(sys.argv[2]))}
targets = LeakTargets.of(
    {"fingerprint": keeper.take(value), "variable": name, "names": name, "in_force": "", "kind": "leak",
     "searched": "everywhere", "reason": ""} for name, value in values.items())
started = perf_counter()
found = search_leaks(Project("bench", Path(sys.argv[1])), keeper, targets, cache=Path(sys.argv[3]))
seconds = perf_counter() - started
largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([seconds, largest / 1024, found.sightings["fingerprint"].nunique()]))
"""

_KINGFISHER = """
import json, resource, sys
from time import perf_counter
from kingfisher_sdk import GitScope, Rules, Scanner, git_inputs
scanner = Scanner(Rules(cache_dir=sys.argv[2]))
started = perf_counter()
scope = GitScope(refs=None, include_unreachable=True)
found = sum(len(result.findings) for result in scanner.scan_inputs(git_inputs(sys.argv[1], scope=scope)))
seconds = perf_counter() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found]))
"""


def ours(root: Path, values: int, cache: Path) -> Measured:
    """The exact search, all forms, in a process of its own; no start-up is counted, kingfisher's neither."""
    return _python(_OURS, str(root), str(values), str(cache))


def kingfisher(root: Path) -> Measured:
    """kingfisher's own scan of the history, unreachable objects included, its rules compiled beforehand."""
    return _python(_KINGFISHER, str(root), str(Path(tempfile.gettempdir()) / "kingfisher-rules"))


def git_log(root: Path, folder: Path) -> Measured:
    """What the guide's method becomes with values: every diff through grep."""
    (folder / "values").write_text("".join(f"{value_of(number)}\n" for number in range(PLANTED)))
    started = perf_counter()
    command = f"git log -p --all | grep -F -c -f {folder / 'values'}"
    done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, check=True)
    return Measured(perf_counter() - started, 0.0, int(done.stdout))


def _python(program: str, *args: str) -> Measured:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program, *args], env=environment, capture_output=True, text=True, check=True
    )
    return Measured(*json.loads(done.stdout))


if __name__ == "__main__":
    main()
