"""What is to be done says what closes its findings, by name."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from audit_lib.report import actions
from tests.support.rows import contract_of, rows_of

NOW = datetime(2026, 9, 30, tzinfo=UTC)


def finding(check: str, subject: str, where: str = "backend/.env:3", **more: Any) -> dict[str, Any]:
    """An open finding of production."""
    place = {"subject": subject, "environment": "production", "service": "backend"}
    facts = {"check": check, "severity": "high", "status": "open", "action": check, "owner": ""}
    text = {"evidence": "as it is", "where": (where,), "remedy": "Do it. Then look.", "covers": ()}
    return {**place, **facts, **text, "due_at": pd.Timestamp(NOW), **more}


OPEN_MODE = finding("open-file-mode", "env file", action="values-on-disk")
TOKEN = "API_TOKEN"


@pytest.mark.parametrize(
    ("findings", "state", "action"),
    [
        ([finding("overdue-secret", TOKEN)], "present", "Rotate API_TOKEN in production"),
        ([finding("compromised-value", TOKEN)], "present", "Revoke and replace API_TOKEN in production"),
        ([finding("missing-secret", TOKEN)], "missing", "Set API_TOKEN in production"),
        ([finding("values-on-disk", "env file"), OPEN_MODE], "present", "Delete backend/.env"),
        ([finding("open-file-mode", "env file")], "present", "Correct backend/.env"),
        ([finding("tracked-env-file", "env file")], "present", "Untrack backend/.env"),
        (
            [finding("leak-undecided", name, action="leaks", environment="") for name in "AB"],
            "missing",
            "Rotate A and B, or supply the values in force to show that they were replaced",
        ),
        (
            [finding("log-gap", "logs", status="unknown", remedy="Name the logs in audit.toml.")],
            "missing",
            "Name the logs in audit.toml",
        ),
        (
            [finding("source-not-read", "given values", status="unknown", environment="development")],
            "missing",
            "Supply the values in force, first those of production",
        ),
        (
            [finding("password-in-file", name, action="passwords", environment="") for name in "AB"],
            "missing",
            "Take A and B out of their files and let each environment set its own",
        ),
    ],
)
def test_an_action_says_what_closes_its_findings(
    findings: list[dict[str, Any]], state: str, action: str
) -> None:
    """A value is rotated or set, a file deleted, corrected or untracked, and each is named."""
    place = {"environment": findings[0]["environment"]}
    inventory = rows_of("inventory", {"secret": "API_TOKEN", "state": state} | place)
    made = actions.tabulate_actions(pd.DataFrame(findings), inventory, contract_of("freshness").of([]), NOW)
    assert made["action"].tolist() == [action]
