"""Runs a notebook as `review` does, and returns it executed."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from audit_lib.report import kernel


def run_notebook(source: Path, parameters: Mapping[str, str], closing: str = "pass") -> nbformat.NotebookNode:
    """The executed notebook, normalised; the `closing` code runs in its kernel at the end."""
    with TemporaryDirectory() as folder:
        saved = Path(folder) / source.name
        kernel.run_notebook(source, parameters, saved, closing)
        return nbformat.read(saved, as_version=4)
