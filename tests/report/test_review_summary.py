"""The review in short: unknowns said, nothing read never read as nothing found."""

from dataclasses import replace

import pytest

from audit_lib.report import limits, log_tables as failures, review_summary as summary
from audit_lib.report.table import Table
from tests.support import made_up_audit as frames

EMPTY = ("sources", "freshness", "findings", "log_counts")
NOTHING = {name: getattr(frames, name)().head(0) for name in EMPTY}


def _answers(table: Table) -> dict[str, str]:
    return {row[0]: row[1] for row in table.rows}


def test_nothing_read_is_said() -> None:
    """Without a source the review does not speak of no failures."""
    audit = frames.audit(**NOTHING)
    assert ("nothing was read", "0") in failures.failures_totals(audit).rows
    assert failures.failures_by_kind(audit).rows == ()
    assert any("nothing of 2026Q3 was recognised in the logs" in row[1] for row in limits.limits(audit).rows)


def test_what_was_not_read_names_its_remedy() -> None:
    """Each missing source stands beside the command that supplies it."""
    rows = summary.what_was_not_read(frames.audit()).rows
    assert [(row[0], row[-1]) for row in rows] == [
        ("frontend/.env.local", "audit-lib review --env staging/frontend=-")
    ]


def test_unknown_ages_are_grouped_by_what_would_decide_them() -> None:
    """One step that decides two secrets is one row."""
    rows = summary.what_would_decide(frames.audit()).rows
    assert rows == (("weekly snapshots", "2", "no evidence of its age"),)


@pytest.mark.parametrize("origin", ["file", "demo", "throw-away"])
def test_a_first_review_says_what_can_be_proved(origin: str) -> None:
    """Before two snapshots differ the weekly line is printed; the sign-off names the key's origin."""
    audit = replace(frames.audit(), key_origin=origin)
    first = _answers(limits.first_review(audit))
    assert first["the weekly line, for crontab"].endswith("audit-lib snapshot --project DIR")
    assert "1 overdue" in first["can be proved now"]
    assert _answers(summary.sign_off(audit))["policy"] == f"shop, SHA-256 {'0' * 64}"
    named = audit.key_id in _answers(summary.sign_off(audit))["key"]
    assert named == (origin != "throw-away")
