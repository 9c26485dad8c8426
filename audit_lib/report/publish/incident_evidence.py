"""The evidence package of an investigation: tables, quoted lines, notes, and a manifest."""

import io
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.notes import noted_frames, tabulate_notes
from audit_lib.incident.record import exposed_uses, tabulate_record
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.logs.quote_lines import quote_lines
from audit_lib.report.csv_text import to_csv
from audit_lib.report.json_text import to_json
from audit_lib.report.log_tables import shown_evidence
from audit_lib.report.publish.evidence_zip import packed
from audit_lib.report.publish.publication import Publication, digested, prepare
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import EVIDENCE, MANIFEST, Keeper
from audit_lib.secrecy.redact import MARK
from audit_lib.secrecy.seal import seal

ARTEFACTS = ("incident.ipynb", "incident.html", EVIDENCE, MANIFEST)
SCHEMA = "audit_lib/incident/1"
_INPUTS = ("source", "kind", "size_bytes", "sha256", "keyed_digest")


def searched(
    investigation: Investigation, keeper: Keeper, artefacts: int = len(ARTEFACTS)
) -> Publication[Investigation]:
    """An investigation with what its artefacts are searched for, so many of them.

    Raises:
        Refused: the keeper is not the one that read its values.
    """
    inventory = investigation.inventory
    named = investigation.policy, investigation.project.name
    return prepare(investigation, inventory, *named, keeper=keeper, artefacts=artefacts)


def package(investigation: Investigation, more: Mapping[str, str]) -> bytes:
    """The evidence package as a zip: tables, quoted lines, notes, hashes; the same for the same input."""
    happened, uses = tabulate_timeline(investigation), exposed_uses(investigation)
    detected = tabulate_window_detections(investigation)
    noted = [place for one in investigation.notes for place in one.places]
    evidence = [*happened["evidence"], *shown_evidence(detected), *uses["evidence"], *noted]
    tables = {
        "timeline": happened,
        "detections": detected,
        "explanations": tabulate_explanations(investigation),
        "exposure_windows": tabulate_exposure_windows(investigation).drop(columns="fingerprint"),
        "uses": uses,
        "addresses": investigation.clients,
        "steps": tabulate_steps(investigation),
        "symptoms": tabulate_symptoms(investigation),
        "record": tabulate_record(investigation),
        "observations": tabulate_notes(investigation),
        "quoted_lines": quote_lines(investigation.project, evidence),
        **noted_frames(investigation),
    }
    texts = {f"tables/{name}.csv": guard.scrub(to_csv(_blotted(frame))) for name, frame in tables.items()}
    contents = {name: text.encode("utf-8") for name, text in (texts | dict(more)).items()}
    contents[MANIFEST] = to_json(_package_manifest(investigation, contents)).encode("utf-8")
    return packed(contents)


def _blotted(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without known values in its texts: a request may bear one in layers of escapes."""
    return frame.astype(object).map(lambda cell: guard.scrub(cell) if isinstance(cell, str) else cell)


def blotted_lines(content: bytes) -> int:
    """How many quoted lines of a package are blotted out, whole or in part."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        quoted = archive.read("tables/quoted_lines.csv").decode("utf-8")
    return sum(MARK in line for line in quoted.splitlines())


def search_package(content: bytes, investigation: Investigation, keeper: Keeper) -> None:
    """Nothing, or `Refused` if a secret value is in a package."""
    made = searched(investigation, keeper, artefacts=1)
    with scratch_folder("audit-package-") as folder:
        (folder / EVIDENCE).write_bytes(content)
        seal(folder, keeper, made.classes)


def _package_manifest(investigation: Investigation, contents: Mapping[str, bytes]) -> dict[str, Any]:
    return manifest_head(investigation) | {
        "files": {name: sha256(content).hexdigest() for name, content in sorted(contents.items())},
        "inputs": digested(investigation.sources, _INPUTS),
    }


def manifest_head(investigation: Investigation) -> dict[str, Any]:
    """What a manifest says first: of which incident it is."""
    window = investigation.window
    return {
        "schema": SCHEMA,
        "incident": investigation.name,
        "as_of": iso(investigation.as_of),
        "window": {"since": iso(window.since), "until": iso(window.until)},
        "policy": {"name": investigation.policy.name, "sha256": investigation.policy.sha256},
    }
