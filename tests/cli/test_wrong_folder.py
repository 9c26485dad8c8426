"""A first snapshot that was taken of the wrong folder proves nothing good of the right one."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value

LAYOUT = (
    'name = "app"\nextends = "generic"\n[[env]]\npath = ".env"\nservice = "a"\nenvironment = "production"\n'
)
OLD = 1_600_000_000


def test_an_old_value_is_not_fresh_after_a_snapshot_of_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other folder's value looks like a rotation since; the file, older than that, speaks against it."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "key"))
    ledger = ("--ledger", str(tmp_path / "ledger"))
    for name in ("wrong", "right"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "audit.toml").write_text(LAYOUT)
        (folder / ".env").write_text(f"APP_SECRET={fake_value(name)}\n")
        os.utime(folder / ".env", (OLD, OLD))
        assert CliRunner().invoke(main, ["snapshot", "--project", str(folder), *ledger]).exit_code == 0
    project = load_project(tmp_path / "right", tmp_path / "ledger")
    audit = run_audit(project, as_of=iso(datetime.now(UTC)))
    (row,) = audit.ages.to_dict("records")
    assert row["status"] == "unknown"
    assert row["conflict"]
