"""Files that are made to hang or fill whoever reads them: each command ends, within its bounds."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile_files import CASES

PROCESSOR_SECONDS = 40  # of a command as a whole, its start and all its sources; a hang takes for ever
WALL_SECONDS = 300  # a net for what waits without working, generous on a busy machine
MEMORY = 6 << 30  # of address space
RESIDENT_KB = 1_500_000


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


# What takes long to make; tests/base/test_archives.py holds the same bounds with less.
SLOW_TO_MAKE = re.compile(
    "an xz of|packed with lzma|packed with bzip2|GNU long name|30 files of 1 MB|of 3,800 charact|66,000 tiny|"
    "2,900 short values"
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * bool(SLOW_TO_MAKE.search(name))) for name in CASES]
)
def test_no_file_of_a_project_makes_a_command_hang_or_die(name: str, tmp_path: Path) -> None:
    """The command ends by itself with an exit code of its own, in bounded memory, and shows no internals."""
    command, write_case = CASES[name]
    project = tmp_path / "project"
    project.mkdir()
    write_case(project)
    home = {
        "HOME": str(tmp_path),
        "AUDIT_KEY_FILE": str(tmp_path / "key"),
        "XDG_CACHE_HOME": str(tmp_path / "c"),
    }
    measured = (
        "import resource, sys; from audit_lib.__main__ import main\n"
        "try: main()\n"
        "finally: print('resident', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", measured, command, "--project", str(project)],
        env=os.environ | home | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=WALL_SECONDS,
        preexec_fn=_limit,
        check=False,
    )
    assert run.returncode in (0, 2), (run.returncode, run.stderr[-300:])
    assert "internal error" not in run.stderr
    assert int(run.stderr.split("resident ")[-1].split()[0]) < RESIDENT_KB
