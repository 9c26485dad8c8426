"""Leak search beside what one would do without it: wall and memory, in pairs of one run.

Usage: python -m tests.bench.leaks [GIGABYTES [PAIRS]]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

import psutil

from tests.bench.history import expanded_bytes, make_history
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

PLANTED = 20
TARGETS = {
    ("20 values", "git log -p --all | grep -F"): 0.40,
    ("20 values", "kingfisher's own history scan"): 0.35,
    ("500 values", "20 values"): 1.3,
    ("20 values and patterns, unchanged", "20 values and patterns"): 0.05,
    ("20 values, unchanged", "20 values"): 0.05,
}


@dataclass(frozen=True)
class Measured:
    """One run: wall and processor time in seconds, memory of all its processes in MB, what it found.

    Of memory that several share, such as a pack that two of them read, each has its share (PSS).
    """

    wall: float
    cpu: float
    megabytes: float
    found: int


def main() -> None:
    """Make the history, measure in pairs, print a table of ratios."""
    gigabytes, pairs = (float(sys.argv[1]) if sys.argv[1:] else 4.2), int((sys.argv[2:3] or ["3"])[0])
    with tempfile.TemporaryDirectory(prefix="leaks-bench-") as folder:
        root = Path(folder) / "repo"
        make_history(root, gigabytes, {97 * number + 50: value_of(number) for number in range(PLANTED)})
        print(f"history: {expanded_bytes(root) / 1e9:.2f} GB expanded; {os.cpu_count()} cores")
        (Path(folder) / "key").write_text("ab" * 32 + "\n")
        (Path(folder) / "key").chmod(0o600)
        measure(root, Path(folder), pairs)
        measure_own(Path(folder), pairs)


def measure_own(folder: Path, pairs: int) -> None:
    """Prints how long the command takes from start to table on this project's own repository."""
    own, cache = folder / "own", folder / "caches"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(own)], check=True)
    first = [leaks(own, cache / str(number), "--patterns").wall for number in range(pairs)]
    again = [leaks(own, cache / "0", "--patterns").wall for _ in range(pairs)]
    for name, walls in (("first", first), ("unchanged", again)):
        print(f"| this repository, {name}, start to table, s | {statistics.median(walls):.2f} | | | 2 |")


def value_of(number: int) -> str:
    """The value that is planted under a number; the first twenty stand in the history."""
    return fake_value(("bench", number))


def measure(root: Path, folder: Path, pairs: int) -> None:
    """Runs each pair alternately, so that what else the machine does falls on both."""
    runs: dict[str, list[Measured]] = {}
    for number in range(pairs):
        cache = folder / f"cache{number}"
        for name, run in (
            ("20 values", partial(ours, root, PLANTED, cache / "20")),
            ("20 values, unchanged", partial(ours, root, PLANTED, cache / "20")),
            ("git log -p --all | grep -F", partial(git_log, root, folder)),
            ("kingfisher's own history scan", partial(kingfisher, root)),
            ("500 values", partial(ours, root, 500, cache / "500")),
            ("20 values and patterns", partial(ours, root, PLANTED, cache / "all", "--patterns")),
            ("20 values and patterns, unchanged", partial(ours, root, PLANTED, cache / "all", "--patterns")),
        ):
            done = run()
            runs.setdefault(name, []).append(done)
            print(f"{name}: {done}", flush=True)
            assert done.found == PLANTED or run.func is not ours, name
    _print_ratios(runs)


def _print_ratios(runs: dict[str, list[Measured]]) -> None:
    print("\n| pair | wall, median | range | processor time, median | at most |\n|--|--|--|--|--|")
    for (name, other), most in TARGETS.items():
        pairs = list(zip(runs[name], runs[other], strict=True))
        walls = [one.wall / two.wall for one, two in pairs]
        work = statistics.median(one.cpu / two.cpu for one, two in pairs)
        spread = f"{min(walls):.2f}-{max(walls):.2f}"
        print(f"| {name} / {other} | {statistics.median(walls):.2f} | {spread} | {work:.2f} | {most} |")
    peak = max(one.megabytes for name in ("20 values", "500 values") for one in runs[name])
    print(f"| memory of all processes, MB | {peak:.0f} | | | 300 |")


_KINGFISHER = """
import sys
from kingfisher_sdk import GitScope, Rules, Scanner, git_inputs
scanner = Scanner(Rules(cache_dir=sys.argv[2]))
scope = GitScope(refs=None, include_unreachable=True)
print(sum(len(result.findings) for result in scanner.scan_inputs(git_inputs(sys.argv[1], scope=scope))))
"""


def ours(root: Path, values: int, cache: Path, patterns: str = "--no-patterns") -> Measured:
    """The command on a project whose env file holds the values: all forms, its start-up counted."""
    text = "".join(f"SERVICE_{n}_API_KEY={value_of(n)}\n" for n in range(values))
    env = root / ".env"
    if not env.exists() or env.read_text() != text:  # unchanged is what nobody wrote again
        env.write_text(text)
    return leaks(root, cache, patterns)


def leaks(root: Path, cache: Path, patterns: str) -> Measured:
    """The command on a project, with the key that lies two folders above the cache."""
    words = ["leaks", "--project", str(root), patterns, "--format", "json"]
    command = [sys.executable, "-m", "audit_lib", *words]
    own = {"XDG_CACHE_HOME": str(cache), "AUDIT_KEY_FILE": str(cache.parents[1] / "key")}
    return measured(command, ROOT, os.environ | own)


def kingfisher(root: Path) -> Measured:
    """kingfisher's own scan of the history, unreachable objects included, its rules compiled beforehand."""
    rules = Path(tempfile.gettempdir()) / "kingfisher-rules"
    return measured([sys.executable, "-c", _KINGFISHER, str(root), str(rules)], ROOT)


def git_log(root: Path, folder: Path) -> Measured:
    """What the guide's method becomes with values: every diff through grep."""
    (folder / "values").write_text("".join(f"{value_of(number)}\n" for number in range(PLANTED)))
    return measured(["sh", "-c", f"git log -p --all | grep -F -c -f {folder / 'values'}"], root)


def measured(command: list[str], folder: Path, environment: Mapping[str, str] = os.environ) -> Measured:
    """Runs a command; its children's memory counts with its own, sampled while it runs."""
    with tempfile.TemporaryFile("w+") as output:
        before, started = os.times(), perf_counter()
        process = psutil.Popen(command, cwd=folder, env=dict(environment), stdout=output)
        largest = 0
        while process.poll() is None:
            with suppress(psutil.Error):
                family = [process, *process.children(recursive=True)]
                largest = max(largest, sum(_memory(one, process) for one in family))
            sleep(0.05)
        wall, after = perf_counter() - started, os.times()
        assert process.returncode == 0
        output.seek(0)
        found = _found(output.read())
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(wall, cpu, largest / 1e6, found)


def _memory(one: psutil.Process, process: psutil.Process) -> int:
    """None for a child that runs no program of its own yet: until then its memory is its parent's."""
    return 0 if one != process and one.cmdline() == process.cmdline() else one.memory_full_info().pss


def _found(output: str) -> int:
    """How many leaks `leaks` names, or the number that a rival prints."""
    return len(json.loads(output)["leaks"]) if output.startswith("{") else int(output)


if __name__ == "__main__":
    main()
