"""Writes what an investigation publishes: the executed notebook, its page, and the evidence package."""

import io
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.investigation import Incident
from audit_lib.logs.quote_lines import quote_lines
from audit_lib.report.csv_text import findings_csv
from audit_lib.report.incident_tables import exposed_uses, record
from audit_lib.report.notes import notes_frame
from audit_lib.report.page import page
from audit_lib.report.publish.atomic_folder import MANIFEST
from audit_lib.report.publish.manifest import to_json
from audit_lib.report.publish.review_package import Finish
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.report.publish.seal import Classes, Sealing, classify, plan, public_text, seal
from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.kernel_pipe import Handoff

SOURCE = source_notebook("incident_investigation.ipynb")
ARTEFACTS = ("incident.ipynb", "incident.html", "evidence.zip", MANIFEST)
SCHEMA = "audit_lib/incident/1"
# The least time that a zip can hold: the same incident gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def classes_of(incident: Incident, keeper: Keeper) -> Classes:
    """The values of an incident by how they are searched for."""
    inventory = incident.scene.inventory
    places = (*inventory["environment"].unique(), *inventory["service"].unique())
    return classify(keeper, inventory, public_text(incident.policy, incident.project.name, *map(str, places)))


def write_incident(
    folder: Path, incident: Incident, parameters: Mapping[str, object], keeper: Keeper, finish: Finish
) -> None:
    """Write every artefact of an incident into a folder and search them all, the package's contents too.

    Raises:
        Refused: a secret value stands in one of them.
        AuditError: the notebook failed.
    """
    classes = classes_of(incident, keeper)
    handed = Handoff(parameters, incident, keeper, classes.sealed, classes.open, classes.public)
    executed = finish(handed)
    notebook = guard.scrub(nbformat.writes(executed) + "\n")
    _write(folder / "incident.ipynb", notebook)
    _write(folder / "incident.html", page(executed, f"Incident {incident.name}"))
    (folder / "evidence.zip").write_bytes(package(incident, {"incident.ipynb": notebook}))
    _write(folder / MANIFEST, to_json(_manifest(incident, folder)))
    seal(folder, Sealing(keeper, classes, plan(keeper, classes, len(ARTEFACTS))))


def package(incident: Incident, more: Mapping[str, str]) -> bytes:
    """The evidence package as a zip: tables, quoted lines, notes, hashes; the same for the same incident."""
    scene, happened = incident.scene, incident.timeline
    uses = exposed_uses(incident)
    evidence = pd.concat([happened["evidence"], uses["evidence"]])
    tables = {
        "timeline": happened,
        "detections": incident.detections,
        "explanations": incident.explanations,
        "exposure_windows": incident.windows.drop(columns="fingerprint"),
        "uses": uses,
        "addresses": scene.clients,
        "steps": tabulate_steps(scene, incident.windows, incident.explanations),
        "symptoms": tabulate_symptoms(scene),
        "record": record(incident),
        "observations": notes_frame(),
        "quoted_lines": quote_lines(incident.project.root, evidence),
    }
    texts = {f"tables/{name}.csv": guard.scrub(findings_csv(frame)) for name, frame in tables.items()}
    contents = {name: text.encode("utf-8") for name, text in (texts | dict(more)).items()}
    contents[MANIFEST] = to_json(_package_manifest(incident, contents)).encode("utf-8")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, contents[name])
    return written.getvalue()


def search_package(content: bytes, incident: Incident, keeper: Keeper) -> None:
    """Nothing, or `Refused` where a secret value stands in a package."""
    classes = classes_of(incident, keeper)
    with scratch_folder("audit-package-") as folder:
        (folder / "evidence.zip").write_bytes(content)
        seal(folder, Sealing(keeper, classes, plan(keeper, classes, 1)))


def _package_manifest(incident: Incident, contents: Mapping[str, bytes]) -> dict[str, Any]:
    read = incident.sources[incident.sources["state"] == "read"]
    columns = ["source", "kind", "size_bytes", "sha256", "keyed_digest"]
    inputs = read[columns].astype(object).where(read[columns].notna(), None)
    return _head(incident) | {
        "files": {name: sha256(content).hexdigest() for name, content in sorted(contents.items())},
        "inputs": [{str(key): value for key, value in row.items()} for row in inputs.to_dict("records")],
    }


def _manifest(incident: Incident, folder: Path) -> dict[str, Any]:
    names = [name for name in ARTEFACTS if name != MANIFEST]
    files = {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return _head(incident) | {"files": files}


def _head(incident: Incident) -> dict[str, Any]:
    window = incident.window
    return {
        "schema": SCHEMA,
        "incident": incident.name,
        "as_of": iso(incident.scene.as_of),
        "window": {"since": iso(window.since), "until": iso(window.until)},
        "policy": {"name": incident.policy.name, "sha256": incident.policy.sha256},
    }


def _write(path: Path, text: str) -> None:
    path.write_text(guard.scrub(text), "utf-8", newline="\n")
