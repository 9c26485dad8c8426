"""Commands as they are printed; tests/test_package.py runs them as printed."""

import sys

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
