"""Runs a notebook as `review` does, and returns it executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from audit_lib.report.publish.run_notebook import started
from audit_lib.secrecy.kernel_pipe import Handoff


def run_notebook(
    source: Path, parameters: Mapping[str, object], *, handoff: Handoff | None = None, **options: Any
) -> nbformat.NotebookNode:
    """The executed notebook, normalised; nothing is written."""
    with started(source, parameters, **options) as finish:
        return finish(handoff)
