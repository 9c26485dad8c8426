"""What a review publishes: the executed notebook, and what is rendered from it and the audit."""

from collections.abc import Mapping

import nbformat

from audit_lib.findings.audit import Audit
from audit_lib.report.csv_text import to_csv
from audit_lib.report.findings_sarif import findings_sarif
from audit_lib.report.json_text import to_json
from audit_lib.report.owner_text import owner_text
from audit_lib.report.page import page
from audit_lib.report.publish.extract_text import texts_of_pdf
from audit_lib.report.publish.manifest import manifest
from audit_lib.report.publish.package import Package
from audit_lib.report.publish.reviewed import NOTEBOOK
from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.report.reperform import reperform_text
from audit_lib.report.report_json import report_record
from audit_lib.report.report_pdf import report_pdf
from audit_lib.rotation.calendar_file import calendar_text
from audit_lib.rotation.schedule import tabulate_schedule
from audit_lib.secrecy.signature import EVIDENCE


def calendar(audit: Audit) -> str:
    """When to rotate what, as of the audit; its texts hold names and dates alone."""
    return calendar_text(tabulate_schedule(audit.tables["freshness"]), audit.project.name, audit.as_of)


def _files(audit: Audit, executed: nbformat.NotebookNode) -> Mapping[str, str | bytes]:
    return {
        NOTEBOOK: nbformat.writes(executed) + "\n",
        "report.html": page(executed, f"{audit.project.name}: secrets and logins, {audit.quarter}"),
    }


def _beside(audit: Audit) -> Mapping[str, str | bytes]:
    printed = report_pdf(audit)
    texts_of_pdf(printed)  # the seal reads it again at the end, which then takes no time
    return {
        "report.pdf": printed,
        "owner.md": owner_text(audit),
        "report.json": to_json(report_record(audit)),
        "findings.csv": to_csv(audit.tables["findings"]),
        "exceptions.csv": to_csv(audit.tables["exceptions"]),
        "findings.sarif": to_json(findings_sarif(audit)),
        "calendar.ics": calendar(audit).encode("utf-8"),
        "REPERFORM.md": reperform_text(audit),
    }


REVIEW = Package(
    notebook=source_notebook(NOTEBOOK),
    warm_up="import audit_lib.notebook",
    files=_files,
    manifest=manifest,
    beside=_beside,
    packed=EVIDENCE,
)
