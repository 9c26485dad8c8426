"""Files that are made to hang or fill whoever reads them: each command ends, within its bounds."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.homes import with_rules
from tests.support.hostile_files import CASES

PROCESSOR_SECONDS = 40  # of a command as a whole, its start and all its sources; a hang takes for ever
WALL_SECONDS = 300  # a net for what waits without working, generous on a busy machine
MEMORY = 6 << 30  # of address space
RESIDENT_KB = 1_500_000

# What takes long to make; tests/base/test_archives.py holds the same bounds with less.
SLOW_TO_MAKE = re.compile(
    "an xz of|header is 8 MB|packed with lzma|packed with bzip2|GNU long name|30 files of 1 MB|"
    "of 3,800 charact|66,000 tiny|2,900 short values"
)


# Starts once, and gives each command a process of its own, since a start takes longer than most cases.
EACH = """
import os, resource, sys
from audit_lib.__main__ import main
import audit_lib.cli.leaks, audit_lib.cli.records
command, seconds, memory, *projects = sys.argv[1:]
for project in projects:
    if not (child := os.fork()):
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds),) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (int(memory),) * 2)
        sys.argv = ["audit-lib", command, "--project", project]
        main()
    _, status, used = os.wait4(child, 0)
    print(project, os.waitstatus_to_exitcode(status), used.ru_maxrss, flush=True)
"""


def _ended(command: str, projects: list[Path], home: Path) -> Iterator[tuple[int, int]]:
    """How each project ended: exit code and peak of memory in KB; nothing may say "internal"."""
    cache = with_rules(home) / ".cache"
    homes = {"HOME": str(home), "AUDIT_KEY_FILE": str(home / "key"), "XDG_CACHE_HOME": str(cache)}
    limits = (str(PROCESSOR_SECONDS), str(MEMORY))
    run = subprocess.run(
        [sys.executable, "-P", "-c", EACH, command, *limits, *map(str, projects)],
        env=os.environ | homes,
        capture_output=True,
        text=True,
        timeout=WALL_SECONDS,
        check=False,
    )
    assert "internal error" not in run.stderr
    for project in projects:
        found = re.search(rf"(?m)^{re.escape(str(project))} (-?\d+) (\d+)$", run.stdout)
        assert found, (project.name, run.stderr[-300:])
        yield int(found[1]), int(found[2])


def _hold(command: str, names: list[str], folder: Path) -> None:
    projects = [folder / str(number) for number in range(len(names))]
    for name, project in zip(names, projects, strict=True):
        project.mkdir()
        CASES[name][1](project)
    ended = dict(zip(names, _ended(command, projects, folder), strict=True))
    assert {name: how for name, how in ended.items() if how[0] not in (0, 2) or how[1] >= RESIDENT_KB} == {}


@pytest.mark.parametrize("command", sorted({command for command, _ in CASES.values()}))
def test_no_file_of_a_project_makes_a_command_hang_or_die(command: str, tmp_path: Path) -> None:
    """The command ends by itself with an exit code of its own, in bounded memory, and shows no internals."""
    names = [name for name, case in CASES.items() if case[0] == command and not SLOW_TO_MAKE.search(name)]
    assert names
    _hold(command, names, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CASES if SLOW_TO_MAKE.search(name)])
def test_no_file_that_is_slow_to_make_does_either(name: str, tmp_path: Path) -> None:
    """As the others."""
    _hold(CASES[name][0], [name], tmp_path)
