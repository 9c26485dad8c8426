"""A report is run again only if its code is the source notebook's."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from audit_lib.base.errors import BadInput
from tests.support.canary import notebook
from tests.support.paths import GOLDEN, ROOT
from tests.support.replay import check_code

Change = Callable[[list[nbformat.NotebookNode]], object]


def _with(*sources: str) -> Change:
    """Injected parameters behind the first cell."""
    cells = [new_code_cell(source, metadata={"tags": ["injected-parameters"]}) for source in sources]
    return lambda all_: all_.__setitem__(slice(1, 1), cells)


def _pair(folder: Path, *changes: Change) -> tuple[Path, Path]:
    source, report = notebook("print(project)", "1 + 1"), notebook("print(project)", "1 + 1")
    for change in changes:
        change(report.cells)
    nbformat.write(source, folder / "source.ipynb")
    nbformat.write(report, folder / "report.ipynb")
    return folder / "report.ipynb", folder / "source.ipynb"


def test_parameters_and_text_may_differ(tmp_path: Path) -> None:
    """Injected parameters with plain values, outputs and markdown do not count."""
    said = new_markdown_cell("said")
    given = _with("# Parameters\nproject = '/srv/a'\n")
    check_code(*_pair(tmp_path, given, lambda cells: cells.append(said)))


@pytest.mark.parametrize(("change", "fault"), [
    (lambda cells: cells.append(new_code_cell("import os")), "has 4 code cells"),
    (lambda cells: cells.pop(), "has 2 code cells"),
    (lambda cells: cells[2].update(source="1 + 2"), "code cell 3: differs"),
    (_with("project = __import__('os').system('true')"), "more than set names"),
    (_with("print = 1"), "sets print, which"),
    (_with("project = ''", ""), "2 cells of injected"),
    (_with("import os"), "more than set names"),
])  # fmt: skip
def test_other_code_is_refused(tmp_path: Path, change: Change, fault: str) -> None:
    """A cell more, a cell less, another cell, and parameters that do something."""
    with pytest.raises(BadInput, match=fault):
        check_code(*_pair(tmp_path, change))


def test_nbval_does_not_run_a_changed_report(pytestconfig: pytest.Config) -> None:
    """pytest refuses the report when it finds it, before any of its cells is executed."""
    plugin = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    with TemporaryDirectory(dir=ROOT / "reports") as folder:
        changed = Path(folder, "quarterly_review.ipynb")
        nbformat.write(notebook("1 + 1"), changed)
        with pytest.raises(pytest.UsageError, match=r"quarterly_review\.ipynb"):
            plugin.pytest_collect_file(changed)
    plugin.pytest_collect_file(GOLDEN / "quarterly_review.ipynb")
