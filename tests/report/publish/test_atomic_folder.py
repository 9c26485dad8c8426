"""A report is published whole or not at all, whatever happens on the way."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit_lib.base.errors import AuditError, BadInput
from audit_lib.report.publish import atomic_folder as publish
from audit_lib.report.publish.atomic_folder import publishing
from tests.support.paths import ROOT


def _write(folder: Path, text: str, count: int = 3) -> None:
    names = [f"part-{number}.txt" for number in range(count)]
    for name in names:
        (folder / name).write_text(text)
    (folder / "MANIFEST.json").write_text(json.dumps({"files": dict.fromkeys(names, "")}))


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "set aside"])
def test_a_report_replaces_the_one_before(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First into a new place, then over an old report; nothing else is left, and others may read it."""
    if not exchange:
        monkeypatch.setattr(publish, "_exchange", lambda one, other: False)
    out = tmp_path / "deep" / "report"
    for text in ("first", "second"):
        with publishing(out) as folder:
            assert folder.stat().st_mode & 0o077 == 0
            _write(folder, text)
        assert set(_content(out).values()) >= {text}
        assert _leftovers(out.parent) == []
    assert out.stat().st_mode & 0o777 == 0o777 & ~publish._umask()


def test_an_error_leaves_the_old_report(tmp_path: Path) -> None:
    """An error on the way passes through, and the folder is what it was."""
    out = tmp_path / "report"
    with publishing(out) as folder:
        _write(folder, "first")
    with pytest.raises(KeyError), publishing(out) as folder:
        raise KeyError(_write(folder, "half"))
    assert "first" in _content(out).values()
    assert _leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda out: out.write_text("x"), "is not a folder"),
        (lambda out: (out.mkdir(), (out / "mine.txt").write_text("x")), "other files"),
        (
            lambda out: (out.mkdir(), _write(out, "old"), (out / "notes.md").write_text("x")),
            "notes.md is not part",
        ),
        (lambda out: out.symlink_to(ROOT), "other files"),
    ],
    ids=["file", "other files", "report with notes", "link"],
)
def test_nothing_but_a_report_is_replaced(tmp_path: Path, make, fault: str) -> None:
    """A folder that holds anything else than a report is refused before work begins, and kept."""
    out = tmp_path / "out"
    make(out)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=fault), publishing(out):
        raise AssertionError
    assert sorted(tmp_path.rglob("*")) == before


def test_what_jupyter_leaves_in_a_report_is_no_obstacle(tmp_path: Path) -> None:
    """A report that was opened in JupyterLab can be renewed."""
    out = tmp_path / "out"
    out.mkdir()
    _write(out, "old")
    (out / ".ipynb_checkpoints").mkdir()
    with publishing(out) as folder:
        _write(folder, "new")
    assert set(_content(out)) == {"part-0.txt", "part-1.txt", "part-2.txt", "MANIFEST.json"}


WRITER = """
import sys, time
from pathlib import Path
from audit_lib.report.publish import atomic_folder as publish
from audit_lib.secrecy.keeper import MANIFEST
from tests.report.publish.test_atomic_folder import _write
out, exchange = Path(sys.argv[1]), sys.argv[2] == "True"
if not exchange:
    publish._exchange = lambda one, other: False
print("ready", flush=True)
for number in range(10_000):
    with publish.publishing(out) as folder:
        _write(folder, f"report {number} " + "x" * 20_000, 8)
"""


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "set aside"])
def test_a_kill_at_any_moment_leaves_a_whole_report(tmp_path: Path, exchange: bool, long_run: bool) -> None:
    """kill -9 while reports are published one after another: afterwards one whole report stands there."""
    generator = random.Random(f"kill {exchange}")
    out = tmp_path / "report"
    for _ in range(20 if long_run else 3):
        command = [sys.executable, "-c", WRITER, str(out), str(exchange)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(generator.uniform(0, 0.25))
            writer.send_signal(signal.SIGKILL)
        if exchange and out.exists():
            _check_whole(out)
        with pytest.raises(KeyError), publishing(out):  # the next run, which fails, repairs first
            raise KeyError
        if out.exists():
            _check_whole(out)
        assert _leftovers(tmp_path) == []
    assert out.exists()


def _check_whole(out: Path) -> None:
    content = _content(out)
    assert len(content) == 9
    content.pop("MANIFEST.json")
    assert len(set(content.values())) == 1


def test_a_running_writer_is_not_swept_away(tmp_path: Path) -> None:
    """Two runs at once do not remove each other's folder; the last to end stands."""
    out = tmp_path / "report"
    with publishing(out) as one:
        with publishing(out) as other:
            _write(other, "other")
            assert one.exists()
        _write(one, "one")
    assert "one" in _content(out).values()
    assert _leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_bad_disk_leaves_the_old_report(tmp_path: Path, fault: str) -> None:
    """On a full disk and on a read-only one: one line says so, and the old report stands."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        out = disk / "report"
        with publishing(out) as folder:
            _write(folder, "old")
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(AuditError, match=r"No space left|Read-only") as raised, publishing(out) as folder:
            _write(folder, "x" * 100_000)
        assert "\n" not in str(raised.value)
        assert "old" in _content(out).values()
        assert _leftovers(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_size_limit_leaves_the_old_report(tmp_path: Path) -> None:
    """A quota that is reached in the middle of a file: nothing is published."""
    out = tmp_path / "report"
    with publishing(out) as folder:
        _write(folder, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(AuditError, match="File too large"), publishing(out) as folder:
            _write(folder, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "old" in _content(out).values()
    assert _leftovers(tmp_path) == []
