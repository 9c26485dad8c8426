"""The rows of a check see when the check is broken: what it compares is turned round, and left out."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from audit_lib.findings.check import Predicate, Rows, Truths, every, judged, never
from audit_lib.findings.checks import CHECKS, Check
from tests.support.check_rows import PAIRS
from tests.support.rows import rows_of


def _own_rows(check: Check) -> Rows:
    """That which fires it, that beside it, that with nulls, and the table's row without a fault."""
    changes: list[dict[str, Any]] = [*PAIRS[check.id][:3], {}]
    return pd.concat([rows_of(check.table, change) for change in changes], ignore_index=True)


def _verdicts(check: Check, rows: Rows) -> list[tuple[bool, bool]]:
    """Of each row whether it is a fault, and whether it is unknown."""
    return list(zip(*judged(check, rows), strict=True))


def _negated(predicate: Predicate) -> Predicate:
    def opposite(rows: Rows) -> Truths:
        return ~predicate(rows).astype(bool)

    return opposite


def _mutants(check: Check) -> dict[str, Check]:
    """The check with one of its predicates turned round, always true and never true."""
    changes: dict[str, dict[str, Any]] = {
        "about, negated": {"about": _negated(check.about)},
        "about, never": {"about": never},
    }
    for name in ("when", "unknown_when"):
        predicate: Predicate = getattr(check, name)
        if predicate is not never:
            changes[f"{name}, negated"] = {name: _negated(predicate)}
            changes[f"{name}, never"] = {name: never}
        if predicate is not every:
            changes[f"{name}, every"] = {name: every}
    return {change: replace(check, **predicates) for change, predicates in changes.items()}


def _survivors(check: Check) -> list[str]:
    """The mutants that judge each of the check's rows as the check does."""
    rows = _own_rows(check)
    sound = _verdicts(check, rows)
    return [name for name, mutant in _mutants(check).items() if _verdicts(mutant, rows) == sound]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_broken_check_judges_its_rows_otherwise(check: Check) -> None:
    """Whichever predicate is negated, always true or never true: one of the rows shows it."""
    assert _survivors(check) == []
