"""Commands as they are printed; tests/test_package.py runs them as printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit_lib.base.how_started import as_typed, command


def test_the_words_of_a_command_are_quoted() -> None:
    """A path with a blank or a quote is one word for a shell."""
    assert command("snapshot", "--project", "my project's") == (
        """audit-lib snapshot --project 'my project'"'"'s'"""
    )


def test_a_report_s_command_is_printed_as_it_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a report calls `audit-lib` is, on the terminal, the script that was started."""
    monkeypatch.setattr(sys, "argv", ["my venv/bin/audit-lib", "review"])
    told = "audit-lib snapshot --project DIR, each week or at each deploy"
    assert as_typed(told) == told.replace("audit-lib", "'my venv/bin/audit-lib'")
    assert (
        as_typed("give its values: --env production/backend=-")
        == "give its values: --env production/backend=-"
    )


def test_the_script_of_a_checkout_is_printed_and_not_what_it_starts(tmp_path: Path) -> None:
    """It starts the module, and says by whom it was started."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / ".env").write_text("DEBUG=1\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "audit_lib", "init", "--project", "."],
        cwd=project,
        env=os.environ | {"HOME": str(tmp_path), "AUDIT_LIB_SCRIPT": ".venv/bin/audit-lib"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "next: .venv/bin/audit-lib snapshot --project ." in done.stdout
