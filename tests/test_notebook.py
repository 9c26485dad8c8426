"""The facade: parameters are refused in one line each, the sample opens by default."""

from pathlib import Path

import nbformat
import pytest
from audit_lib.notebook import check
from nbclient import NotebookClient

from audit_lib.base.errors import BadInput
from audit_lib.secrecy.redact import MARK
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "quarterly_review.ipynb"
GOOD = {
    "project": "",
    "quarter": "2026Q3",
    "as_of": "2026-09-30",
    "policy": "",
    "ledger": "",
    "previous": "",
    "identities": "masked",
}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("quarter", "2026Q5", "quarter: must have the form 2026Q3"),
        ("quarter", 20263, "quarter: is of type int: write it in quotes"),
        ("as_of", "tomorrow", "as_of: must be a date or time such as"),
        ("project", "/no/such/folder", "project: is not a folder"),
        ("project", "a\x00b", "project: is not a folder"),
        ("previous", "/no/such/report.json", "previous: is not a file"),
        ("identities", "some", "identities: must be one of masked, full"),
    ],
)
def test_a_bad_parameter_is_one_line(name: str, value: object, fault: str) -> None:
    """Place, then fault; nothing else is said."""
    with pytest.raises(BadInput) as refused:
        check({**GOOD, name: value})
    assert str(refused.value).startswith(fault)
    assert "\n" not in str(refused.value)


def test_all_faults_come_at_once() -> None:
    """Two bad parameters are two lines."""
    with pytest.raises(BadInput) as refused:
        check({**GOOD, "quarter": "Q3", "as_of": "?"})
    assert len(refused.value.faults) == 2
    check(GOOD)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('quarter = "Q3"', "quarter: must have the form 2026Q3"),
        ('projct = "/srv/shop"', "projct: is not a parameter; did you mean project?"),
    ],
)
def test_a_person_sees_one_line_and_no_traceback(
    line: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bare kernel a bad parameter ends the notebook's first cell after the parameters with its fault."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:3]
    notebook.cells[1].source += f"\n{line}"
    NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output["traceback"] for output in outputs] == [[f"BadInput: {fault}"]]


def test_a_notebook_of_one_s_own_is_guarded_by_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the import and `guard_project`, no output of one's own cells holds a value of the project."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    value = fake_value("my own notebook")
    (tmp_path / ".env").write_text(f"API_TOKEN={value}\n", "utf-8")
    cells = ("import audit_lib.notebook as report", "report.guard_project()", "print(open('.env').read())")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    assert "Guarded from here on" in notebook.cells[1].outputs[0]["data"]["text/plain"]
    assert notebook.cells[2].outputs[0]["text"].startswith(f"API_TOKEN={MARK}")
    assert value[:12] not in nbformat.writes(notebook)
