"""Our search beside other scanners on CredData's trees in one run: recall and precision by line, and seconds.

Run by itself: python -m tests.bench.rivals CHECKOUT... Each checkout is made as tests.bench.creddata says. A
scanner is taken from the PATH where it is; none asks a provider, each with its own defaults but for that.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.creddata import Label, Reports, by_line, counted_truths, read_labels, search

Found = tuple[str, int, str]  # path, line, the value
_Read = Callable[[Any], Iterator[Found]]


def _gitleaks(report: Any) -> Iterator[Found]:
    return ((one["File"], one["StartLine"], one["Secret"]) for one in report)


def _betterleaks(report: Any) -> Iterator[Found]:
    for one in report["findings"]:
        yield one["location"]["path"], one["location"]["start_line"], one["match"]["value"]


def _kingfisher(report: Any) -> Iterator[Found]:
    for one in report["findings"]:
        yield one["finding"]["path"], one["finding"]["line"], one["finding"]["snippet"]


def _detect_secrets(report: Any) -> Iterator[Found]:
    for path, found in report["results"].items():
        yield from ((path, one["line_number"], one["hashed_secret"]) for one in found)


def _credsweeper(report: Any) -> Iterator[Found]:
    for one in report:
        for line in one["line_data_list"]:
            yield line["path"], line["line_num"], line["value"]


_SCANNERS: dict[str, tuple[str, _Read]] = {
    "gitleaks": ("gitleaks detect --no-git -s . -f json -r OUT --exit-code 0 --no-banner", _gitleaks),
    "betterleaks": ("betterleaks . -o OUT --exit-code 0 --no-banner -s", _betterleaks),
    "kingfisher": (
        "kingfisher scan . --no-validate --no-update-check --git-history none --no-dedup"
        " --format json -o OUT",
        _kingfisher,
    ),
    "detect-secrets": ("detect-secrets scan --all-files --no-verify .", _detect_secrets),
    "credsweeper": ("credsweeper --path . --save-json OUT --no-stdout --jobs 2", _credsweeper),
}


def main() -> None:
    """Print a table for each checkout."""
    if len(sys.argv) < 2 or not all(Path(one, "meta").is_dir() for one in sys.argv[1:]):
        sys.exit("usage: python -m tests.bench.rivals CHECKOUT... (each with meta/ and data/)")
    for checkout in map(Path, sys.argv[1:]):
        labels = list(read_labels(checkout))
        print(f"\n{checkout.name}\n\n| tool | found | recall | precision | X apart | processor s | wall s |")
        print("|--|--|--|--|--|--|--|", flush=True)
        before = _clocks()
        _print("ours", labels, search(checkout / "data"), _since(before))
        for name in _SCANNERS:
            if shutil.which(name):
                _print(name, labels, *_scan(name, checkout / "data"))
            else:
                print(f"| {name} | not on the PATH |", flush=True)


def _clocks() -> tuple[float, float]:
    """Processor seconds of this process and its children, and seconds on the wall."""
    return sum(os.times()[:4]), perf_counter()


def _since(before: tuple[float, float]) -> tuple[float, float]:
    work, wall = _clocks()
    return work - before[0], wall - before[1]


def _scan(name: str, data: Path) -> tuple[Reports, tuple[float, float]]:
    """The lines that a scanner reports, and its seconds."""
    words, read = _SCANNERS[name]
    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        root, out = Path(folder) / "data", Path(folder) / "report.json"
        shutil.copytree(data, root)
        command = words.replace("OUT", str(out)).split()
        before = _clocks()
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
        seconds = _since(before)
        if done.returncode > 1 and not out.exists():
            sys.exit(f"{name} ended with {done.returncode}")
        report = json.loads(out.read_bytes() if out.exists() else done.stdout)
        reports: Reports = {}
        for path, line, value in read(report):
            where = path.removeprefix(f"{root}/").removeprefix("./")
            reports[where, line] = ("leak", sha256(value.encode()).hexdigest())
        return reports, seconds


def _print(name: str, labels: list[Label], reports: Reports, seconds: tuple[float, float]) -> None:
    wanted = by_line(label for label in labels if label.is_secret)
    found = sum(bool(label.places & reports.keys()) for label in wanted)
    counts = counted_truths(labels, reports)
    true, x, false, none = (
        counts["both", truth] for truth in ("true", "test value", "false", "not labelled")
    )
    strict, apart = true / max(true + x + false + none, 1), true / max(true + false + none, 1)
    share = f"{found} of {len(wanted)} | {found / len(wanted):.2f}"
    took = f"{seconds[0]:.0f} | {seconds[1]:.0f}"
    print(f"| {name} | {share} | {strict:.2f} | {apart:.2f} | {took} |", flush=True)


if __name__ == "__main__":
    main()
