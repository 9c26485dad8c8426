"""Publishes a review or an incident: every artefact, and the search of all of them for every value."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.report.exports import findings_sarif, to_csv, with_texts
from audit_lib.report.folder import ARTEFACTS, NOTEBOOK
from audit_lib.report.known_values import guard_values
from audit_lib.report.record import facts_for_auditors, inputs_of, manifest_of, report_record, tool
from audit_lib.report.render import page, read_notebook
from audit_lib.report.tables import Row, to_json
from audit_lib.rotation.schedule import calendar_text
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import MANIFEST, Keeper, signed
from audit_lib.secrecy.seal import Classes, plan, seal

if TYPE_CHECKING:
    from audit_lib.audit import Audit
    from audit_lib.investigation import Investigation

Files = dict[str, str | bytes]  # by path within the folder
EVIDENCE = (  # the frames of an incident that are its evidence
    "sources", "timeline", "detections", "addresses", "exposure", "explanations", "symptoms", "steps",
    "notes",
)  # fmt: skip


def publish_review(audit: "Audit", folder: Path) -> None:
    """Write the artefacts of an audit beside its saved notebook; `Refused` if a value is in one of them."""
    record = report_record(audit)  # what was not asked for yet is read here, before values are classed
    classes = guard_values(audit)
    planned = plan(audit.keeper, classes, len(ARTEFACTS))
    audit.progress("pages", 0, 1)
    title = f"{audit.project.name}: secrets and logins, {audit.quarter}"
    files: Files = {
        "report.html": page(read_notebook(folder / NOTEBOOK), title, **facts_for_auditors(audit, planned)),
        "owner.md": audit.summary().text(),
        "report.json": to_json(record),
        "findings.csv": to_csv(with_texts(audit.findings)),
        "findings.sarif": to_json(findings_sarif(audit)),
        "calendar.ics": calendar_text(audit.schedule, audit.project.name, audit.as_of).encode(),
    }
    audit.progress("searching the report", 0, 1)
    write_package(folder, files, manifest_of(audit, planned), audit.keeper, classes)


def publish_incident(incident: "Investigation", folder: Path) -> None:
    """Write page and evidence of an incident beside its notebook; `Refused` if a value is in one of them."""
    case, window = incident.case, incident.case.window
    frames = {name: getattr(incident, name) for name in EVIDENCE}
    cited = [frames[name][["evidence"]] for name in ("timeline", "detections", "notes")]
    frames["quoted_lines"] = incident.lines(pd.concat(cited))
    files: Files = {f"evidence/{name}.csv": to_csv(one) for name, one in frames.items()}
    files["incident.html"] = page(read_notebook(folder / "incident.ipynb"), f"{case.project.name}: incident")
    manifest = {
        "schema": "audit_lib/incident/2",
        "project": case.project.name,
        "as_of": iso(case.as_of),
        "window": {"since": iso(window.since), "until": iso(window.until)},
        "tool": tool(),
        "inputs": inputs_of(case.read.sources),
    }
    write_package(folder, files, manifest, case.read.keeper, guard_values(case.read))


def write_package(folder: Path, files: Files, manifest: Row, keeper: Keeper, classes: Classes) -> None:
    """Write the files beside what is in the folder, then the signed manifest of all, and search everything.

    Raises `Refused` if a value is in one of them, or one cannot be searched."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # A path or a log line may itself hold a value: it is removed here, and the seal still searches.
        (folder / name).write_bytes(content if isinstance(content, bytes) else guard.scrub(content).encode())
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    digests = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}
    text = to_json(signed({**guard.scrub(manifest), "files": digests}, keeper.key))
    (folder / MANIFEST).write_text(text, "utf-8", newline="\n")
    seal(folder, keeper, classes)
