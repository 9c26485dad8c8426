"""Opening an incident on a quarter of logs of 1 GB: the first pass, then from its cache, then redraws.

Run by itself: python -m tests.bench.incident [--gigabytes 1] [--keep DIR]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from audit_lib.ledger.keys import demo_key
from tests.bench.mixed_logs import START, mixed_text
from tests.support.planted_incidents import AS_OF, plant

DAYS = 90
LINE = 107  # bytes of a mixed line, about
PICKED = ("window", "address", "secret")
TIMES = 5


def main() -> None:
    """Make the quarter, open it without and with a cache, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, help="a folder for the project, made once")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.open:
        print(json.dumps(opened(given.open)))
        return
    with tempfile.TemporaryDirectory(prefix="incident-bench-") as scratch:
        folder = given.keep or Path(scratch) / "project"
        if not folder.exists():
            write_project(folder, given.gigabytes)
        print("\n".join(table(folder, Path(scratch))))


def write_project(folder: Path, gigabytes: float) -> None:
    """The planted incident "leaked and used", and beside its log a quarter of everyone's traffic."""
    plant(folder, "leaked and used", 0)
    toml = folder / "audit.toml"
    text = toml.read_text("utf-8").replace("backend.log", "*.log")
    # A key of one's own, as every project has that is no sample: what is remembered of leaks asks for one.
    own = [line for line in text.splitlines() if not line.startswith(("key =", "pinned_as_of ="))]
    toml.write_text("\n".join(own) + "\n", "utf-8")
    count = int(gigabytes * 1e9 / DAYS / LINE)
    text = mixed_text(count, step=2 * 86_400_000 // count)
    with (folder / "backend" / "logs" / "quarter.log").open("w", encoding="utf-8") as file:
        for number in range(DAYS):
            day = AS_OF - timedelta(days=DAYS - number)
            dated = text.replace(f"{START:%Y-%m-%d}", f"{day:%Y-%m-%d}")
            file.write(dated.replace(f"{START:%d/%b/%Y}", f"{day:%d/%b/%Y}"))


def opened(folder: Path) -> dict[str, Any]:
    """What one kernel does: open, show the first tables and the figure, then redraw for each picker."""
    began, busy = perf_counter(), process_time()
    from audit_lib import incident_notebook as report
    from audit_lib.base.clock import iso

    investigation = report.open_investigation(str(folder), as_of=iso(AS_OF))
    shown = [report.incident_headline(investigation), report.where_to_look_table(investigation)]
    shown.append(report.timeline_figure(investigation))
    for one in shown:
        one._repr_mimebundle_()
    found: dict[str, Any] = {"first figure": [perf_counter() - began, process_time() - busy]}
    found["rows"] = len(investigation.requests)
    found |= dict(_redraws(investigation))
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def _redraws(investigation: Any) -> Iterator[tuple[str, list[float]]]:
    """The median of some redraws for each picker, wall and processor seconds."""
    from audit_lib.base.clock import iso
    from audit_lib.report.focus import Focus
    from audit_lib.report.pickers import tables

    focus = Focus(investigation)
    last = investigation.window.until
    windows = [(last - timedelta(days=days), last) for days in (1, 3, 5, 7, 14)]
    for name in PICKED:
        walls, busy = [], []
        choices = {"address": focus.clients, "secret": focus.secrets}
        for choice in windows if name == "window" else choices[name][:TIMES]:
            asked = {"client" if name == "address" else name: choice} if name != "window" else {}
            since, until = map(iso, choice) if name == "window" else ("", "")
            began, before = perf_counter(), process_time()
            focus.pick(since, until, **asked)
            tables(focus)
            walls.append(perf_counter() - began)
            busy.append(process_time() - before)
        yield name, [statistics.median(walls), statistics.median(busy)]


def table(folder: Path, scratch: Path) -> list[str]:
    """The rows of the table in docs/accuracy.md."""
    key = scratch / "key"
    key.write_text(demo_key().material.hex() + "\n", "ascii")
    key.chmod(0o600)
    environment = os.environ | {"XDG_CACHE_HOME": str(scratch / "cache"), "AUDIT_KEY_FILE": str(key)}
    command = [sys.executable, "-m", "tests.bench.incident", "--open", str(folder)]
    runs = [
        json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
        for _ in range(2)
    ]
    first, again = runs
    size = sum(path.stat().st_size for path in (folder / "backend" / "logs").iterdir())
    cache = sum(path.stat().st_size for path in scratch.rglob("*.npz"))
    told = [
        f"{size / 1e9:.2f} GB of logs, {again['rows']:,} rows of requests; "
        f"the cache takes {cache / 1e6:.0f} MB; peak {again['peak']} MiB",
        "",
        "| What | Wall, s | Processor, s |",
        "|--|--|--|",
    ]
    parts = {"first pass, to the first figure": first["first figure"]}
    parts["from the cache, to the first figure"] = again["first figure"]
    parts |= {f"redraw for another {name}": again[name] for name in PICKED}
    return told + [f"| {name} | {wall:.2f} | {busy:.2f} |" for name, (wall, busy) in parts.items()]


if __name__ == "__main__":
    main()
