"""Prints the measured tables of docs/accuracy.md: all, or those named. `python -m tests.bench [logs] …`"""

import os
import platform
import sys
from importlib.metadata import version

from tests.bench import logs
from tests.secrets.test_ages import STATUSES, TABLE, measure as measure_cadence
from tests.support.clock_truth import FLAGS, measure as measure_clocks


def freshness(secrets: int = 4000) -> None:
    """A row for each period and cadence: shares in per cent over simulated rotation histories."""
    print(f"{secrets} secrets a row, rotated each 0.5 to 1.6 periods; statuses in per cent\n")
    print("| period, days | looked each, days | recorded | " + " | ".join(STATUSES) + " | wrong |")
    print("|--|--|--|" + "--|" * (len(STATUSES) + 1))
    for period, cadence, recorded, _ in TABLE:
        shares, wrong = measure_cadence(period, cadence, recorded, secrets)
        told = " | ".join(f"{share:.1f}" for share in shares)
        print(f"| {period} | {cadence} | {recorded:.0%} | {told} | {wrong} |", flush=True)


def clocks(secrets: int = 2000) -> None:
    """What is said of secrets on machines with wrong clocks, held against the truth of a simulation."""
    tally = measure_clocks(range(secrets))
    print(f"| of {secrets} secrets | |\n|--|--|")
    for status in STATUSES:
        print(f"| {status}, % | {100 * tally.statuses[status] / secrets:.1f} |")
    for flag in FLAGS:
        print(f"| {flag}: said, of true ones | {tally.flagged[flag]} of {tally.true[flag]} |")
    for name in ("wrong_verdicts", "wrong_intervals", "false_flags"):
        print(f"| {name.replace('_', ' ')} | {len(getattr(tally, name))} |")


# labelled_logins and creddata take a checkout, and are run by name.
BENCHES = {"freshness": freshness, "clocks": clocks, "logs": logs.main}


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
