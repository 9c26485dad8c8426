"""A killed process's temporary folder is removed by the next one, a living one's is kept."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from audit_lib.opening import project_folder
from audit_lib.report.publish.scratch import scratch_folder
from tests.support.paths import ROOT

HOLDER = """
from audit_lib.opening import project_folder
from audit_lib.report.publish.scratch import scratch_folder
with scratch_folder("audit-test-") as folder:
    (folder / "connection.json").write_text("x")
    print(folder, flush=True)
    input()
"""


def test_a_killed_process_leaves_nothing_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its process lives the folder is private and stays; after kill -9 the next run removes it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        assert held.stat().st_mode & 0o077 == 0
        with scratch_folder("audit-test-") as own:
            assert {path.name for path in tmp_path.iterdir()} == {held.name, own.name}
        holder.send_signal(signal.SIGKILL)
    assert held.exists()
    with scratch_folder("audit-test-") as own:
        assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_a_notebook_reads_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`review --sample` sweeps what killed runs left; the sample of an open notebook stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with project_folder("") as root:
        with scratch_folder("audit-sample-"):
            pass
        assert root.is_dir()
