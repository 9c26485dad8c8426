"""Every variable is accounted for: who knows it, what one side has and another lacks, what is not known."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.audit import Audit
from audit_lib.findings.checks import BY_ID
from audit_lib.findings.find import find
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project
from tests.support.applications import write
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.paths import rows_beside

CASES = rows_beside(__file__)
FILES: dict[str, str] = CASES["files"]
CHECKS = ("undeclared-variable", "declared-read-nowhere")


def _audit(root: Path, changed: dict[str, str]) -> Audit:
    """The audit of the application; a changed file's `a → b` is the usual one with b in the place of a."""
    for name, text in (FILES | changed).items():
        old, arrow, new = text.partition(" → ")
        whole = FILES[name].replace(old, new) if arrow else text
        write(root, {name: whole.replace("@value", fake_value("db", 32))})
    return run_audit(load_project(root), "2026Q3", "2026-09-30", keeper=Keeper(Key(b"k" * 32, "demo")))


def _differences(audit: Audit) -> dict[tuple[str, str, str], str]:
    """Check, status and severity of each difference, with the variables that it lists."""
    found = find(audit.checked, audit.policy, map(BY_ID.get, CHECKS))
    return {(r.check.id, r.status, r.severity): "; ".join(item.subject for item in r.covers) for r in found}


def _row(audit: Audit, name: str) -> "pd.Series[object]":
    return audit.population.set_index("name").loc[name]


def test_each_difference_is_one_list(tmp_path: Path) -> None:
    """What one side has and another lacks is listed, and nothing else is."""
    found = [[*difference, names] for difference, names in _differences(_audit(tmp_path, {})).items()]
    assert sorted(found) == CASES["differences"]


@pytest.mark.parametrize(("changed", "question", "answer", "why"), CASES["earned"])
def test_no_is_earned(tmp_path: Path, changed: dict[str, str], question: str, answer: str, why: str) -> None:
    """That nothing reads or supplies a variable is only said if all that may was read; else why not."""
    audit = _audit(tmp_path, changed)
    row = _row(audit, {"read": "OLD_TOKEN", "supplied": "NEW_SECRET"}[question])
    assert row[question] == answer
    if question == "supplied":
        assert row["supply_reason"] == why
        assert row["known_by"] == (("code", "platform") if answer == "yes" else ("code",))
    else:
        assert str(row["read_reason"]).startswith(why)
        assert (("declared-read-nowhere", "open", "info") in _differences(audit)) == (answer == "no")
        # All code counts as seen if every file of it was read.
        assert set(audit.population["code_seen"]) == {"file not read" not in why}
        assert _row(audit, "DB_PASSWORD")["known_by"] == ("code", "policy", "env files")
