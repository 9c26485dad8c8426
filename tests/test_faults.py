"""A review that meets a dead kernel or a bad disk says so in one line, and the last report stands."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit_lib.cli.decisions import report_faults
from audit_lib.settings.load import remember_sample
from tests.support.fakes import fake_value
from tests.support.paths import GOLDEN, ROOT

PERIOD = ("--quarter", "2026Q3", "--as-of", "2026-09-30")
AUDIT = 'name = "small"\nextends = "generic"\nkey = "demo"\n'
AUDIT += '[[env]]\nenvironment = "production"\nservice = "backend"\npath = ".env"\n'


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A review of a small project into the folder that follows; its key is that of the committed report."""
    root = tmp_path_factory.mktemp("small")
    (root / "audit.toml").write_text(AUDIT)
    (root / ".env").write_text(f"API_TOKEN={fake_value('small')}\n")
    remember_sample(root)
    return [sys.executable, "-m", "audit_lib", "review", "--project", str(root), *PERIOD, "--out"]


def _content(out: Path) -> dict[str, bytes]:
    """The files of a folder; where there is none yet, it is the committed report."""
    folder = out if out.exists() else Path(shutil.copytree(GOLDEN, out))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _kernels(parent: int) -> list[int]:
    """The kernels that a process has started."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(row[0]) for row in rows if int(row[1]) == parent and "ipykernel" in row[2]]


def _wait_for(condition, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return bool(found)


def test_a_dead_kernel_is_one_line(command: list[str], tmp_path: Path, long_run: bool) -> None:
    """The kernel killed at any moment: exit 1, or published whole where it had ended its work already."""
    out = tmp_path / "report"
    before = _content(out)
    generator = random.Random("kernel")
    for number in range(10 if long_run else 1):
        with subprocess.Popen([*command, out], cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
            assert _wait_for(lambda run=run: _kernels(run.pid))
            # The first one dies before it answers for the first time.
            time.sleep(number and generator.uniform(0, 2))
            for kernel in _kernels(run.pid):
                os.kill(kernel, 9)
            said = run.communicate(timeout=120)[1]
        assert run.returncode in (0, 1), said
        assert run.returncode == 0 or "kernel died" in said, said
        assert "Traceback" not in said
        if run.returncode == 0:
            assert report_faults(out) == []
            before = _content(out)
        assert _content(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_no_kernel_outlives_a_killed_review(command: list[str], tmp_path: Path) -> None:
    """A kernel holds values: it ends soon after kill -9 of the review that started it."""
    with subprocess.Popen([*command, tmp_path / "out"], cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        assert _wait_for(lambda: _kernels(run.pid))
        kernels = _kernels(run.pid)
        run.kill()
    assert _wait_for(lambda: not any(Path(f"/proc/{number}/exe").exists() for number in kernels))


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize(("code", "said"), [
    (1, "No space left on device; nothing was published"), (2, "cannot be written: Read-only file system"),
])  # fmt: skip
def test_a_bad_disk_is_one_line(command: list[str], tmp_path: Path, code: int, said: str) -> None:
    """A small disk that fills up, or that is read-only from the start: one line, the old report stands."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        out = disk / "report"
        before = _content(out)
        if code == 2:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        else:
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            (disk / "filler").write_bytes(bytes(max(0, free - 16_384)))
        run = subprocess.run([*command, out], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == code, run.stderr
        assert run.stderr.strip().endswith(said)
        assert len(run.stderr.strip().splitlines()) == 1
        assert _content(out) == before
        assert report_faults(out) == []
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
