"""Files that are made to hang or fill whoever reads them: each command ends, within its bounds."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.homes import with_rules
from tests.support.hostile_files import CASES, Case

CPU_SECONDS = 40  # of a command as a whole, its start and all its sources; a hang takes for ever
WALL_SECONDS = 300  # a net for what waits without working, generous on a busy machine
MEMORY = 6 << 30  # of address space
RESIDENT_KB = 1_500_000

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
    limits = (str(CPU_SECONDS), str(MEMORY))
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


def _hold(command: str, cases: list[Case], folder: Path) -> None:
    projects = [folder / str(number) for number in range(len(cases))]
    for case, project in zip(cases, projects, strict=True):
        project.mkdir()
        case.write(project)
    ended = zip(cases, _ended(command, projects, folder), strict=True)
    assert [
        (case.name, code, peak) for case, (code, peak) in ended if code not in (0, 2) or peak >= RESIDENT_KB
    ] == []


@pytest.mark.parametrize("command", sorted({case.command for case in CASES}))
def test_no_file_of_a_project_makes_a_command_hang_or_die(command: str, tmp_path: Path) -> None:
    """The command ends by itself with an exit code of its own, in bounded memory, and shows no internals."""
    cases = [case for case in CASES if case.command == command and not case.is_slow]
    assert cases
    _hold(command, cases, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("case", [case for case in CASES if case.is_slow], ids=lambda case: case.name)
def test_no_file_that_is_slow_to_make_does_either(case: Case, tmp_path: Path) -> None:
    """As the others."""
    _hold(case.command, [case], tmp_path)
