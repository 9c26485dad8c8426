"""Each check fires on its fault, is silent beside it, and does not take a null for a pass."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.findings.check import Case, Check, Condition, judged
from audit_lib.findings.checks import BY_ID, CHECKS, SUCCESSORS
from audit_lib.findings.find import row_words
from tests.support.rows import TABLES, data, rows_of

# By check the rows that it judges: a fault's severity, `unknown` or `silent`, and the change that makes it.
ROWS = data(Path(__file__).with_name("checks.toml"))


def _verdicts(check: Check) -> list[tuple[str, int]]:
    """What a check says of each row: the severity of a fault, unknown, or silent; and in which case."""
    verdicts = []
    for _, change in ROWS[check.id]:
        rows = rows_of(check.table, change)
        rows = check.rows({"inventory": rows_of("inventory"), check.table: rows})
        spoke = [(at, *one) for at, one in enumerate(check.picked(rows)) if len(one[1])]
        verdicts += [(_said(check, case, picked), at) for at, case, picked in spoke] or [("silent", -1)]
    return verdicts


def _said(check: Check, case: Case, picked: pd.DataFrame) -> str:
    severity = case.severity or check.severity
    return "unknown" if case.status == "unknown" else str(severity.of(picked).iloc[0])


def test_every_check_has_rows() -> None:
    """No check goes without rows that fire it and a row beside them that does not."""
    assert sorted(ROWS) == sorted(check.id for check in CHECKS)
    always = {"ledger-fault", "settings-changed"}  # each of their rows is one
    for rows in (rows for id_, rows in ROWS.items() if id_ not in always):
        assert {said == "silent" for said, _ in rows} == {True, False}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_fires_and_is_silent(check: Check) -> None:
    """A check speaks on its fault and not on the row beside it; nulls are unknown where they hide a fault."""
    assert [said for said, _ in _verdicts(check)] == [expected for expected, _ in ROWS[check.id]]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_broken_check_judges_its_rows_otherwise(check: Check) -> None:
    """A case that never holds, or a check that is about everything: one of the rows shows it."""
    sound, condition = _verdicts(check), check.condition
    for number in range(len(condition.cases)):
        cases = [*condition.cases]
        cases[number] = lambda rows: rows.index.isin(())
        broken = replace(check, condition=replace(condition, cases=tuple(cases)))
        assert _verdicts(broken) != sound, f"case {number} of {check.id}"
    if condition.about is not Condition(()).about:
        nothing = replace(check, condition=replace(condition, about=lambda rows: rows.index.isin(())))
        assert _verdicts(nothing) != sound


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_whole(check: Check) -> None:
    """Templates name columns of the table; the id is kebab-case; it has controls, a what and a why."""
    columns = TABLES[check.table][0].columns
    blank = row_words({name: None if name.endswith(("_min", "_max")) else "x" for name in columns})
    blank |= dict.fromkeys(("line_of", "other_line_of", "lacking"), "x")  # by `prepare`
    texts = [check.subject, check.remedy, *check.where]
    for case in check.cases:
        texts += [case.evidence, case.name, case.remedy, case.subject]
    assert all(text.format_map(blank) or not text for text in texts)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", check.id)
    assert 1 <= len(check.controls) <= 4
    assert all(case.evidence for case in check.cases)
    for sentence in (check.what, check.why):
        assert re.fullmatch(r"[A-Z\"].*\.", sentence)
    empty = check.rows({"inventory": rows_of("inventory"), check.table: rows_of(check.table)})
    assert not any(truths.any() for truths in judged(check, empty))  # without rows no error


def test_a_case_of_a_fault_has_an_id_of_its_own() -> None:
    """Whoever accepts one case accepts no other: only faults of one severity share a name."""
    shared = {"missing-secret", "placeholder-value"}  # the same fault, meant to be there in development
    for check in (check for check in CHECKS if check.id not in shared):
        names = [(case.name, case.subject) for case in check.cases if case.status == "open"]
        assert len(names) == len(set(names)), check.id


def test_no_check_of_before_is_lost() -> None:
    """Each check that went into another is named once, and is no check any more."""
    named = [earlier for check in CHECKS for earlier in check.formerly]
    assert len(named) == len(set(named)) == len(SUCCESSORS)
    assert not set(named) & set(BY_ID)
