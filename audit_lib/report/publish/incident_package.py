"""What an investigation publishes: the executed notebook, its page, and the evidence package."""

from collections.abc import Mapping

import nbformat

from audit_lib.incident.investigation import Investigation
from audit_lib.report.publish.incident_evidence import manifest_head, package
from audit_lib.report.publish.package import Package
from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.report.render import page
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import EVIDENCE


def _files(investigation: Investigation, executed: nbformat.NotebookNode) -> Mapping[str, str | bytes]:
    notebook = guard.scrub(nbformat.writes(executed) + "\n")
    return {
        "incident.ipynb": notebook,
        "incident.html": page(executed, f"Incident {investigation.name}"),
        EVIDENCE: package(investigation, {"incident.ipynb": notebook}),
    }


INCIDENT = Package(
    notebook=source_notebook("incident_investigation.ipynb"),
    warm_up="import audit_lib.incident_notebook",
    files=_files,
    manifest=lambda made, files: manifest_head(made.content) | {"files": dict(files)},
)
