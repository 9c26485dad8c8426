"""What changed since the previous report, by subject and place within a family of checks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.findings.changes import FAMILIES, compare
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.find import find
from audit_lib.findings.last_review import PreviousReport
from audit_lib.ledger import Ledger
from audit_lib.settings import Policy
from tests.support.rows import rows_of

THEN, NOW = datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)
POLICY = Policy(name="test", path=Path("test.toml"), sha256="", secrets=())
READ = {"state": "read", "kind": "given values", "environment": "production", "service": "backend"}
FAILED = {"kind": "database_failure"}
SINCE_MAY = {"hi_at": pd.Timestamp("2026-05-01", tz="UTC")}
SINCE_AUGUST = {"hi_at": pd.Timestamp("2026-08-01", tz="UTC")}
LEAKED = {"status": "emergency"}
WEAK = {"strength_bits": 30.0}
SEARCHED = [{"part": part} for part in ("git objects", "files", "patterns")]

Rows = dict[str, list[dict[str, Any]]]


def _changes(was: Rows, now: Rows) -> pd.DataFrame:
    """The changes from an audit of some rows to one of others; sources are read unless they say otherwise."""
    names = {check.table for check in CHECKS} - {"acceptances", "ledger_faults"}
    audits = []
    for rows in (was, now):
        told = {"sources": [READ], "leak_coverage": SEARCHED, **rows}
        tables = {name: rows_of(name, *told.get(name, [])) for name in names}
        audits.append((tables, find(tables, POLICY, Ledger(), NOW, lambda _: rows_of("exceptions"))))
    before = {row["id"]: row for row in audits[0][1].to_dict("records")}
    return compare(PreviousReport(before, THEN, ()), audits[1][1], audits[1][0])


def _age(status: str, **more: Any) -> Rows:
    return {"freshness": [{"status": status, **more}]}


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        ({}, _age("overdue"), "new"),
        (_age("overdue"), _age("overdue"), "same"),
        (_age("due"), _age("overdue"), "worse"),
        (_age("overdue"), _age("due"), "better"),
        (_age("overdue"), _age("fresh"), "ended"),
        (_age("overdue"), _age("unknown", reason="straddles"), "no longer known"),
        (_age("unknown", reason="straddles"), _age("due"), "better"),
        (_age("unknown", reason="straddles"), _age("overdue"), "worse"),
        (_age("overdue"), {"sources": [READ | {"state": "missing"}]}, "no longer known"),
        (_age("overdue"), {"sources": []}, "no longer known"),
        (_age("overdue"), {"sources": [READ | {"environment": "staging"}]}, "no longer known"),
        ({"inventory": [{"placeholder": True}]}, {"inventory": [WEAK]}, "better"),
        ({"inventory": [{"length": "short"}]}, {"inventory": [WEAK]}, "worse"),
        ({"inventory": [{"template": True}]}, {"inventory": [{"template": None}]}, "no longer known"),
        ({"sources": [{"tracked": True}]}, {"sources": [{"tracked": None}]}, "no longer known"),
        (
            {"sources": [{"tracked": True}]},
            {"sources": [READ | {"state": "missing"}]},
            "no longer known",
        ),
        ({"log_events": [FAILED]}, {"log_coverage": [{}]}, "ended"),
        ({"log_events": [FAILED]}, {"log_coverage": [{"counted": 0}]}, "no longer known"),
        ({"log_events": [FAILED]}, {"log_coverage": [{"days_read": 60}]}, "no longer known"),
        ({"log_events": [FAILED]}, {"sources": [{"kind": "log", "state": "missing"}]}, "no longer known"),
        ({"leaked_secrets": [LEAKED]}, {"leaked_secrets": [{"status": "unknown"}]}, "better"),
        ({"leaked_secrets": [{"status": "historic"}]}, {"leaked_secrets": [{"status": "unknown"}]}, "worse"),
        ({"leaked_secrets": [LEAKED]}, {"inventory": [{}], "freshness": [SINCE_MAY]}, "ended"),
        ({"leaked_secrets": [LEAKED]}, {"inventory": [{}], "freshness": [SINCE_AUGUST]}, "no longer known"),
        ({"leaked_secrets": [LEAKED]}, {"inventory": [{}]}, "no longer known"),
        ({"leaked_secrets": [LEAKED]}, {}, "ended"),
        ({"leaked_secrets": [LEAKED]}, {"leak_coverage": [{"part": "files"}]}, "no longer known"),
        (
            {"leaked_secrets": [LEAKED]},
            {"leak_coverage": [*SEARCHED[1:], {"part": "git objects", "state": "incomplete"}]},
            "no longer known",
        ),
    ],
)
def test_a_fault_is_followed_within_its_family(was: Rows, now: Rows, change: str) -> None:
    """It became worse or better, or ended if what would show it was read; else it is no longer known."""
    found = _changes(was, now)
    mine = found[~found["now_check"].isin((*FAMILIES["source"], "no-logs-read", "log-gap"))]
    mine = mine[~mine["now_check"].str.startswith("leak-search") & mine["subject"].ne("secrets")]
    assert list(mine["change"]) == [change]


def test_an_item_of_a_list_is_followed_by_itself() -> None:
    """Of two secrets without a period one has one now: that ended, and the other is the same."""
    before = [{"period_stated": False, "secret": secret} for secret in "AB"]
    found = _changes({"inventory": before}, {"inventory": [before[0], {"secret": "B"}]})
    assert dict(zip(found["subject"], found["change"], strict=True)) == {"A": "same", "B": "ended"}


def test_an_acceptance_ends_no_fault() -> None:
    """What was open and is accepted now, or the other way round, is the same fault."""
    found = _changes(_age("overdue"), _age("overdue"))
    assert list(found["change"]) == ["same"]
    assert list(found["was_severity"] + found["now_severity"]) == ["highhigh"]


def test_every_family_is_of_checks_that_exist() -> None:
    """A check that is renamed cannot leave its family unseen; none is in two."""
    named = [check for checks in FAMILIES.values() for check in checks]
    assert set(named) <= {check.id for check in CHECKS}
    assert len(named) == len(set(named))
