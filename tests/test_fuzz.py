"""Every reader of a project's files, fuzzed: in a child with hard limits, from seeds that are kept."""

import resource
import subprocess
import sys
from time import monotonic

import pytest

from tests.support.fuzz import READERS
from tests.support.paths import ROOT

LONG_SECONDS = 60  # a reader, at least, in a long run
MEMORY = 4 << 30
PROCESSOR_SECONDS = 120  # of one child and its seeds
WALL_SECONDS = 600


def _run(first: int, seeds: int, *readers: str) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS,) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY,) * 2)

    command = [sys.executable, "-m", "tests.support.fuzz", str(first), str(seeds), *readers]
    limits = {"timeout": WALL_SECONDS, "preexec_fn": limit}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **limits)
    last = run.stdout.splitlines()[-1:]
    assert run.returncode == 0, f"{last}: {run.returncode} {run.stderr[-600:]}"


def test_no_spoilt_file_breaks_its_reader() -> None:
    """A seeded slice: each file is read or refused, none hangs, fills the memory or ends in another error."""
    _run(10_825, 1, "git")  # which once broke it
    _run(0, 60, *READERS)  # so many seeds each


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS)
def test_no_spoilt_file_breaks_its_reader_for_a_minute(reader: str) -> None:
    """As the slice, for a minute a reader and over ten in all; a failure names the seed to keep."""
    begun, first, seeds = monotonic(), 10_000, 400 if reader == "git" else 1_000
    while monotonic() - begun < LONG_SECONDS:
        _run(first, seeds, reader)
        first += seeds
