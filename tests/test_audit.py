"""One audit: its date, its quarter, and the report before it."""

from dataclasses import replace
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.settings import Project, load_project
from tests.support.audits import run_audit


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return load_project(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": "audit_lib/report/1"}', '{"schema": "audit_lib/report/1", "findings": [1]}'],
)
def test_a_previous_report_that_is_none_is_bad_input(project: Project, tmp_path: Path, text: str) -> None:
    """What is not a report.json of this tool is said in one line, place then fault."""
    (tmp_path / "report.json").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=r"report\.json: "):
        run_audit(project, "2026Q3", "2026-09-30", previous=tmp_path / "report.json")


def test_an_audit_needs_a_date(project: Project) -> None:
    """Without a date nothing is judged: the library never reads the clock."""
    with pytest.raises(BadInput, match="as_of: is required"):
        run_audit(project, "2026Q3")


@pytest.mark.parametrize(
    ("as_of", "quarter"),
    [("2026-09-30", "2026Q3"), ("2026-09-29", "2026Q2"), ("2026-01-01", "2025Q4"), ("2026-12-31", "2026Q4")],
)
def test_the_usual_quarter_is_the_last_one_over(project: Project, as_of: str, quarter: str) -> None:
    """Without a quarter the last one that is over is reviewed; its last day counts as over."""
    assert str(run_audit(project, "", as_of).quarter) == quarter


def test_a_quarter_that_has_not_begun_is_not_reviewed(project: Project) -> None:
    """Nothing can be said of it: it is refused, not reviewed as a quiet one."""
    with pytest.raises(BadInput, match="quarter: 2027Q1 has not begun by 2026-09-30"):
        run_audit(project, "2027Q1", "2026-09-30")


def test_an_empty_project_passes_nothing(project: Project) -> None:
    """Where nothing was read every finding is unknown, and there are some."""
    findings = run_audit(replace(project, name="empty"), "2026Q3", "2026-09-30").findings
    assert set(findings["status"]) == {"unknown"}
