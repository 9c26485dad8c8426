"""The facade of notebooks, and the notebook to learn by: its cells show what its texts say."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from audit_lib.base.errors import BadInput
from audit_lib.logs.formats import BUNDLED, parse_formats
from audit_lib.report.notebook import check_parameters
from audit_lib.secrecy.redact import MARK
from audit_lib.settings import load_policy
from tests.support.fakes import fake_value
from tests.support.paths import ROOT, rows_beside
from tests.support.run_notebook import run_notebook

CASES = rows_beside(__file__)
NOTEBOOK, LEARN = (ROOT / "notebooks" / f"{name}.ipynb" for name in ("quarterly_review", "start_here"))
GOOD = {"project": "", "quarter": "2026Q3", "as_of": "2026-09-30", "previous": "", "identities": "masked"}


@pytest.mark.parametrize(("name", "value", "fault"), CASES["parameters"])
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


def test_it_teaches_one_thing_a_part() -> None:
    """Run in its kernel, each part shows of the sample what its text says, and none fails."""
    shown: dict[str, str] = {}
    heading = ""
    for cell in run_notebook(LEARN, {}).cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"(?m)^## (.*)$", cell.source) or [heading])[0]
        for output in cell.get("outputs", []):
            shown[heading] = shown.get(heading, "") + output.get("data", {}).get("text/plain", "")
    for heading, expected in CASES["shown"].items():
        assert re.search(expected, shown[heading]), heading


def test_its_blocks_are_read(tmp_path: Path) -> None:
    """The block of a secret is that of settings, that of a format a format's with examples that pass."""
    cells = nbformat.read(LEARN, as_version=4).cells
    secret, prefix = re.findall(r"(?s)```toml\n(.*?)```", "\n".join(cell.source for cell in cells))
    (tmp_path / "own.toml").write_text(f'name = "mine"\n{secret}', "utf-8")
    rule = load_policy(tmp_path / "own.toml").rule("BILLING_API_SECRET")
    assert rule is not None
    assert rule.owner == "Billing team"
    assert "time between bars" in repr(parse_formats(BUNDLED.read_bytes() + prefix.encode(), "mine"))
