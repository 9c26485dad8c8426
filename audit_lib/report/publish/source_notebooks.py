"""Finds the notebooks that are run: in the installed package, or beside it in a checkout."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import nbformat

_PACKAGE = Path(__file__).parents[2]


def source_notebook(name: str) -> Path:
    """Where the notebook of a file name lies."""
    installed = _PACKAGE / "notebooks" / name
    return installed if installed.is_file() else _PACKAGE.parent / "notebooks" / name


def published_notebook(path: Path) -> "nbformat.NotebookNode":
    """A notebook without the cells that are for a person in JupyterLab alone, tagged `lab`."""
    import nbformat  # noqa: PLC0415  every command knows where notebooks lie, and few read one

    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "lab" not in cell.metadata.get("tags", [])]
    return notebook
