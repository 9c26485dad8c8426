"""nbconvert's exporter for a notebook of one's own: `jupyter nbconvert --to audit-report`."""

from typing import Any

from nbconvert.exporters.base import Exporter
from nbformat import NotebookNode

from audit_lib.report.render import normalise, page


class AuditReport(Exporter):
    """A notebook of one's own as a page like that of a review."""

    export_from_notebook = "Audit report"
    output_mimetype = "text/html"
    file_extension = ".html"

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page, and nbconvert's resources."""
        known = {"metadata": {"name": "Audit report"}, **(resources or {}), "output_extension": ".html"}
        return page(normalise(nb), known["metadata"]["name"]), known
