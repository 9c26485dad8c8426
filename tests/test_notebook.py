"""The facade of notebooks: parameters are refused in one line each, one's own notebook is guarded."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from audit_lib.base.errors import BadInput
from audit_lib.report.notebook import check_parameters
from audit_lib.secrecy.redact import MARK
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "quarterly_review.ipynb"
GOOD = {"project": "", "quarter": "2026Q3", "as_of": "2026-09-30", "previous": "", "identities": "masked"}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("quarter", "2026Q5", "quarter: must have the form 2026Q3"),
        ("quarter", 20263, "quarter: is not a text: write it in quotes"),
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
        check_parameters({**GOOD, name: value})
    assert str(refused.value).startswith(fault)
    assert "\n" not in str(refused.value)


def test_all_faults_come_at_once() -> None:
    """Two bad parameters are two lines."""
    with pytest.raises(BadInput) as refused:
        check_parameters({**GOOD, "quarter": "Q3", "as_of": "?"})
    assert len(refused.value.faults) == 2
    check_parameters(GOOD)


def test_one_s_own_cells_are_guarded_and_faults_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bare kernel a bad parameter ends the first cell after the parameters with its fault, without a
    traceback. After the import and `guard`, no output of one's own cells holds a value of the project."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    value = fake_value("my own notebook")
    (tmp_path / ".env").write_text(f"API_TOKEN={value}\n", "utf-8")
    code = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    first, parameters, opening = code[:3]
    cells = [first, f'{parameters}\nquarter = "Q3"', opening, 'quarter = ""\nprojct = "/srv/shop"', opening]
    cells += ["del projct", "audit_lib.guard('.')", "print(open('.env').read())"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=120, allow_errors=True, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output["traceback"] for output in outputs if "traceback" in output] == [
        ["BadInput: quarter: must have the form 2026Q3"],
        ["BadInput: projct: is not a parameter; did you mean project?"],
    ]
    assert "from here on" in outputs[-2]["data"]["text/plain"]
    assert outputs[-1]["text"].startswith(f"API_TOKEN={MARK}")
    assert value[:12] not in nbformat.writes(notebook)
