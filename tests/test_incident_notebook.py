"""The incident notebook in real kernels as a front end runs it: with widgets, and where they are missing."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.session import Session
from nbclient import NotebookClient

from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.report.focus import Focus
from audit_lib.report.incident_tables import exposure_table
from audit_lib.report.table import as_text
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.settings import instant_of, load_project
from tests.support.paths import ROOT
from tests.support.sample_copy import write_sample

NOTEBOOK = ROOT / "notebooks" / "incident_investigation.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"
WINDOW = {"since": "2026-08-19", "until": "2026-08-22"}
PICKED = {"client": "192.0.2.44", "secret": "API_TOKEN"}


class Watched(Session):
    """A front end with a person: it names the cell in each request, as JupyterLab does."""

    def msg(self, msg_type: str, *args: Any, **more: Any) -> dict[str, Any]:
        """A message, an execution with the cell's name."""
        message: dict[str, Any] = super().msg(msg_type, *args, **more)
        if msg_type == "execute_request":
            message["metadata"] = {**message["metadata"], "cellId": "a-cell"}
        return message


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project."""
    folder = tmp_path_factory.mktemp("watched") / "sample"
    write_sample(folder)
    return folder


def run(folder: Path, given: dict[str, str], *, path: Path | None = None, cells: str = "") -> dict[str, Any]:
    """The outputs of the notebook's cells by what they call; `path` is searched first for modules."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for name, text in given.items():
        code[1].source = code[1].source.replace(f'{name}: str = ""', f"{name}: str = {text!r}")
    notebook.cells = code[:3] + [cell for cell in code[3:] if cells in cell.source]
    root = str(NOTEBOOK.parents[1])
    searched = os.pathsep.join([*([str(path)] if path else []), root])
    environment = os.environ | {"PYTHONPATH": searched, "IPYTHONDIR": str(folder / "ipython")}
    manager = AsyncKernelManager(kernel_name="python3", session=Watched(), transport_encryption="required")
    client = NotebookClient(notebook, km=manager, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return {cell.source.partition("(")[0]: cell.outputs for cell in notebook.cells if cell.outputs}


def test_with_widgets_a_front_end_gets_pickers(sample: Path, tmp_path: Path) -> None:
    """Where somebody watches and widgets are there, the cell shows them."""
    shown = run(tmp_path, WINDOW | {"project": str(sample)}, cells="pickers")
    assert WIDGET in shown["focus = report.focus"][0]["data"]


def test_without_widgets_the_parameters_do_the_same(sample: Path, tmp_path: Path) -> None:
    """In a kernel that cannot import ipywidgets every cell runs, and shows what the pickers would."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "ipywidgets.py").write_text('raise ImportError("not installed")\n', "utf-8")
    shown = run(tmp_path, WINDOW | PICKED | {"project": str(sample)}, path=tmp_path / "first")
    assert not [out for outputs in shown.values() for out in outputs if out.output_type == "error"]
    chosen = shown["focus = report.focus"][0]["data"]
    assert WIDGET not in chosen
    for text in (*PICKED.values(), "19 Aug 00:00 to 22 Aug 23:59"):
        assert text in chosen["text/plain"]

    project = load_project(sample)
    asked = Question(WINDOW["since"], WINDOW["until"])
    focus = Focus(investigate(project, asked, instant_of(project, ""), keeper_of(project)))
    focus.pick(client=PICKED["client"], secret=PICKED["secret"])
    addresses = shown["report.addresses_section"][0]["data"]["text/html"]
    assert f"Routes of {PICKED['client']}" in addresses
    drawn = timeline_figure(focus.seen)
    assert (
        shown["report.timeline_figure"][0]["data"]["text/plain"] == drawn._repr_mimebundle_()[0]["text/plain"]
    )
    exposed = exposure_table(focus.seen)
    assert as_text(exposed) in shown["report.exposure_section"][0]["data"]["text/plain"]
