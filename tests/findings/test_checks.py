"""Each check fires on its fault, is silent beside it, and does not take a null for a pass."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit_lib.findings.check import Check, Condition, every, judged
from audit_lib.findings.checks import BY_ID, CHECKS, SUCCESSORS
from audit_lib.findings.find import row_words
from tests.support.rows import TABLES, data, rows_of

# By check the rows that it judges: a fault's severity, `unknown` or `silent`, and the change that makes it.
ROWS = data(Path(__file__).with_name("checks.toml"))


def _verdicts(check: Check) -> Iterator[list[tuple[str, int]]]:
    """What a check says of each row: the severity of a fault, unknown, or silent; and in which case."""
    for _, change in ROWS[check.id]:
        tables = {name: rows_of(name, *change.get(name, ())) for name in TABLES}
        rows = check.rows(tables | {check.table: rows_of(check.table, change, *change.get(check.table, ()))})
        spoke = [(at, case, rows[here]) for at, (case, here) in enumerate(check.picked(rows)) if here.any()]
        grave = [str((case.severity or check.severity).of(picked).iloc[0]) for _, case, picked in spoke]
        yield [
            (word if case.status == "open" else case.status, at)
            for word, (at, case, _) in zip(grave, spoke, strict=True)
        ] or [("silent", -1)]


def test_every_check_has_rows() -> None:
    """No check goes without rows that fire it and a row beside them that does not."""
    assert sorted(ROWS) == sorted(check.id for check in CHECKS)
    for rows in (rows for id_, rows in ROWS.items() if id_ not in {"ledger-fault", "settings-changed"}):
        assert {said == "silent" for said, _ in rows} == {True, False}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_fires_and_is_silent(check: Check) -> None:
    """A check speaks on its fault and not on the row beside it; nulls are unknown where they hide a fault.
    Were one of its cases never to hold, or were it about nothing, one of the rows would show it."""
    sound, condition = [*_verdicts(check)], check.condition
    assert [", ".join(said for said, _ in row) for row in sound] == [said for said, _ in ROWS[check.id]]
    broken = [replace(condition, about=~every)] if condition.about is not Condition(()).about else []
    for at in range(len(condition.cases)):
        broken.append(replace(condition, cases=(*condition.cases[:at], ~every, *condition.cases[at + 1 :])))
    for number, one in enumerate(broken):
        pairs = zip(sound, _verdicts(replace(check, condition=one)), strict=True)
        assert any(was != now for was, now in pairs), f"{number} of {check.id}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_whole(check: Check) -> None:
    """Templates name columns of the table, without rows nothing is an error, and whoever accepts one case
    accepts no other: only faults of one severity share a name."""
    added = ("line_of", "other_line_of", "lacking", "guessable", "digest", "senders", "names", "others")
    columns = (*TABLES[check.table][0].columns, *added, "older")
    blank = row_words({name: None if name.endswith(("_min", "_max")) else "x" for name in columns})
    texts = [check.subject, check.remedy, *check.where]
    for case in check.cases:
        texts += [case.evidence, case.name, case.remedy, case.subject]
    assert all(text.format_map(blank) or not text for text in texts)
    empty = check.rows({name: rows_of(name) for name in TABLES})
    assert not any(truths.any() for truths in judged(check, empty))
    with pytest.raises(ValueError, match="zip"):  # a case without its condition
        list(replace(check, cases=(*check.cases, check.cases[0])).picked(empty))
    names = [(case.name, case.subject) for case in check.cases if case.status == "open"]
    # The same fault, meant to be there in development.
    assert len(names) == len(set(names)) or check.id in {"missing-secret", "placeholder-value"}


def test_no_check_of_before_is_lost() -> None:
    """Each check that went into another is named once, and is no check any more."""
    named = [earlier for check in CHECKS for earlier in check.formerly]
    assert len(named) == len({*named} - {*BY_ID}) == len(SUCCESSORS)
