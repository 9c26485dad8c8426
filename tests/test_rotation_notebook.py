"""The notebook of a rotation in a real kernel: it runs, shows the graph, and no value."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "rotation_runbook.ipynb"


@pytest.mark.parametrize("secret", ["API_TOKEN"])
def test_every_cell_runs_and_shows_the_plan(tmp_path: Path, secret: str) -> None:
    """Effects, graph as SVG with its edges as text, steps with commands, progress."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    given = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    given.source += f"\nsecret = {secret!r}\ncompromised = True"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = {cell.source.partition("(")[0]: cell.outputs for cell in notebook.cells if cell.get("outputs")}
    shown = {name: found[0]["data"] for name, found in outputs.items()}
    assert shown["report.coupling_figure"]["image/svg+xml"].startswith("<svg")
    assert "NEXT_PUBLIC_API_TOKEN" in shown["report.coupling_figure"]["text/plain"]
    assert "callers with the old value get 401" in shown["report.effects_table"]["text/plain"]
    assert "of a compromised value" in shown["report.runbook_table"]["text/plain"]
    assert "unequal pair" in shown["report.progress_tables"]["text/html"]
