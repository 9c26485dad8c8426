"""`jupyter nbconvert --to audit-report`: an executed notebook as a page of its own, as `review` writes it."""

from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter

from audit_lib.report.page import page


class AuditReport(HTMLExporter):
    """One HTML file: its first screen, then each section folded; without network, and without widgets."""

    export_from_notebook = "Audit report"

    def from_notebook_node(  # type: ignore[override]
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page, and nbconvert's resources."""
        known = {"metadata": {"name": "Audit report"}, **(resources or {}), "output_extension": ".html"}
        return page(nb, known["metadata"]["name"]), known
