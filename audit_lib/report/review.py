"""Publishes a review from within its notebook's kernel: every artefact, sealed."""

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from audit_lib.findings.find import with_texts
from audit_lib.report.exports import findings_sarif, owner_text, to_csv
from audit_lib.report.known_values import guard_values
from audit_lib.report.package import auditor_notes, manifest_of, write_package
from audit_lib.report.record import report_record, to_json
from audit_lib.report.render import page
from audit_lib.rotation.calendar_file import calendar_text
from audit_lib.secrecy.keeper import MANIFEST
from audit_lib.secrecy.seal import plan

if TYPE_CHECKING:
    from audit_lib.audit import Audit

NOTEBOOK = "quarterly_review.ipynb"
ARTEFACTS = (
    NOTEBOOK, "report.html", "owner.md", "report.json", "findings.csv", "findings.sarif", "calendar.ics",
    MANIFEST,
)  # fmt: skip


def publish_review(audit: "Audit", folder: Path) -> None:
    """Write the artefacts of an audit beside its saved notebook, and search all of them for every value.

    Raises:
        Refused: a value is in one of them.
    """
    record = report_record(audit)  # whatever was not asked for yet is read here, before values are classed
    classes = guard_values(audit.keeper, audit.inventory, audit.policy, audit.project)
    planned = plan(audit.keeper, classes, len(ARTEFACTS))
    audit.options.progress("pages", 0, 1)
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    title = f"{audit.project.name}: secrets and logins, {audit.quarter}"
    files: dict[str, str | bytes] = {
        "report.html": page(notebook, title, auditor_notes(audit, planned)),
        "owner.md": owner_text(audit.summary()),
        "report.json": to_json(record),
        "findings.csv": to_csv(with_texts(audit.findings)),
        "findings.sarif": to_json(findings_sarif(audit)),
        "calendar.ics": calendar_text(audit.schedule, audit.project.name, audit.as_of).encode(),
    }
    audit.options.progress("searching the report", 0, 1)
    write_package(folder, files, manifest_of(audit, planned), audit.keeper, classes)
