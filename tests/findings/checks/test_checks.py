"""Each check fires on its fault, is silent beside it, and does not take a null for a pass."""

import re
from typing import Any

import pytest

from audit_lib.findings.check import judged, never
from audit_lib.findings.checks import CHECKS, Check
from audit_lib.findings.row_words import row_words
from tests.support.check_rows import PAIRS
from tests.support.rows import TABLES, rows_of


def _judge(check: Check, change: dict[str, Any]) -> str:
    rows = rows_of(check.table, change)
    fault, unknown = judged(check, rows)
    return "fires" if fault.iloc[0] else "unknown" if unknown.iloc[0] else "silent"


def test_every_check_has_its_rows() -> None:
    """No check goes without one row that fires it, one that leaves it silent, and one with nulls."""
    assert sorted(check.id for check in CHECKS) == sorted(PAIRS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_fires_and_is_silent(check: Check) -> None:
    """A check speaks on its fault and not on the row beside it; nulls are unknown where they hide a fault."""
    fires, silent, nulls, unknown = PAIRS[check.id]
    assert _judge(check, fires) == ("unknown" if check.when is never else "fires")
    assert _judge(check, silent) == "silent"
    assert (_judge(check, nulls) == "unknown") == unknown


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_whole(check: Check) -> None:
    """Templates name columns of the table; the id is kebab-case; it has controls, a what and a why."""
    contract, _ = TABLES[check.table]
    columns = contract.columns()
    blank = row_words({name: None if name.endswith(("_min", "_max")) else "x" for name in columns})
    blank |= {"line_of": "x", "other_line_of": "x"}  # by `with_lines`
    for template in (check.subject, check.evidence, check.unknown_evidence, check.where, check.remedy):
        template.format_map(blank)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", check.id)
    assert 1 <= len(check.controls) <= 3
    assert check.evidence
    assert check.remedy
    for sentence in (check.what, check.why):
        assert re.fullmatch(r"[A-Z\"].*\.", sentence)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_takes_an_empty_table(check: Check) -> None:
    """A table without rows gives no finding and no error."""
    rows = rows_of(check.table)
    assert not any(truths.any() for truths in judged(check, rows))
