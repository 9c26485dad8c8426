"""What a review publishes: the executed notebook, and what is rendered from it and the audit."""

from collections.abc import Mapping
from typing import Any

import nbformat

from audit_lib.base.clock import iso
from audit_lib.findings.audit import Audit
from audit_lib.findings.find import with_texts
from audit_lib.report.csv_text import to_csv
from audit_lib.report.findings_sarif import findings_sarif
from audit_lib.report.json_text import to_json
from audit_lib.report.owner_text import owner_text
from audit_lib.report.page import page
from audit_lib.report.publish.package import Package
from audit_lib.report.publish.publication import Publication, digested
from audit_lib.report.publish.reviewed import NOTEBOOK
from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.report.reperform import reperform_text
from audit_lib.report.report_json import report_record
from audit_lib.report.report_pdf import report_pdf
from audit_lib.rotation.calendar_file import calendar_text
from audit_lib.rotation.schedule import tabulate_schedule
from audit_lib.secrecy.keeper import EVIDENCE

SCHEMA = "audit_lib/manifest/1"
_INPUTS = ("source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest")


def manifest(review: Publication[Audit], files: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a review's artefacts, given the SHA-256 of each file but its own.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away
    key it has none. Of the machine nothing is in it: no path outside the project, no time, no mode.
    """
    audit, planned = review.content, review.plan
    kept = audit.key_origin != "throw-away"
    return {
        "schema": SCHEMA,
        "project": audit.project.name,
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "key": {"key_id": audit.key_id if kept else None, "origin": audit.key_origin},
        "files": dict(files),
        "inputs": digested(audit.tables["sources"], _INPUTS),
        "audit_toml": {"sha256": audit.project.layout_sha256 or None},
        "policy": {"name": audit.policy.name, "sha256": audit.policy.sha256},
        "ledger": dict(audit.ledger_heads),
        "seal": {
            "values": planned.values,
            "forms": planned.forms,
            "runs": planned.runs,
            "artefacts": planned.artefacts,
            "hits": 0,
            "not_searched": list(planned.not_searched),
            "ordinary": planned.ordinary,
        },
    }


def calendar(audit: Audit) -> str:
    """When to rotate what, as of the audit; its texts hold names and dates alone."""
    return calendar_text(tabulate_schedule(audit.tables["freshness"]), audit.project.name, audit.as_of)


def _files(audit: Audit, executed: nbformat.NotebookNode) -> Mapping[str, str | bytes]:
    return {
        NOTEBOOK: nbformat.writes(executed) + "\n",
        "report.html": page(executed, f"{audit.project.name}: secrets and logins, {audit.quarter}"),
    }


def _beside(audit: Audit) -> Mapping[str, str | bytes]:
    return {
        "report.pdf": report_pdf(audit),
        "owner.md": owner_text(audit),
        "report.json": to_json(report_record(audit)),
        "findings.csv": to_csv(with_texts(audit.tables["findings"])),
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
