"""Runs the benchmarks: all of them, or those named. `python -m tests.bench [logs] [leaks] …`"""

import importlib
import os
import platform
import sys
from importlib.metadata import version

BENCHES = ("freshness", "clocks", "logs")  # labelled_logins and creddata take a checkout, and are run by name
PACKAGES = ("pandas", "numpy", "ahocorasick_rs")


def main(names: list[str]) -> None:
    """Print what was measured with, then each benchmark's table."""
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        sys.exit(f"{', '.join(unknown)}: no such benchmark; there are {', '.join(BENCHES)}")
    print(f"Python {platform.python_version()}, {platform.machine()}; ", end="")
    print(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    # As for a user: what Python compiled in the run before is kept.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.argv = sys.argv[:1]
    for name in names or BENCHES:
        print(f"\n## {name}\n", flush=True)
        importlib.import_module(f"tests.bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
