"""Finds the notebooks that are run: in the installed package, or beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[2]


def source_notebook(name: str) -> Path:
    """Where the notebook of a file name lies."""
    installed = _PACKAGE / "notebooks" / name
    return installed if installed.is_file() else _PACKAGE.parent / "notebooks" / name
