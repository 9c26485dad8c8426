"""The evidence package that a live session writes: searched like a report, with the session's notes."""

import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from audit_lib.base.errors import Refused
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.report.publish.incident_evidence import search_package
from audit_lib.settings import load_project
from tests.support.paths import ROOT
from tests.support.planted_incidents import AS_OF, plant
from tests.support.sample_copy import write_sample

NOTEBOOK = ROOT / "notebooks" / "incident_investigation.ipynb"


def run_live(folder: Path, *cells: str, **parameters: str) -> nbformat.NotebookNode:
    """The incident notebook as a person runs it: in a kernel that nobody hands anything."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    given = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    given.source += "".join(f"\n{name} = {text!r}" for name, text in parameters.items())
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(notebook, folder / "live.ipynb")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def test_a_live_session_packs_its_notes(tmp_path: Path) -> None:
    """The zip is what its manifest says, and holds tables, quoted lines, the notebook and what was noted.

    The notebook judges by the policy that is named, not by the one that the project names itself.
    """
    write_sample(tmp_path / "sample")
    (tmp_path / "out").mkdir()
    place = "backend/logs/backend.log.1:122"
    note = f'report.note("it begins here", "{place}")'
    write = f'report.write_package(investigation, "{tmp_path / "out"}", "live.ipynb")'
    window = {"since": "2026-08-19", "until": "2026-08-22", "policy": "generic"}
    assert b'extends = "paiid"' in (tmp_path / "sample" / "audit.toml").read_bytes()
    run_live(tmp_path, note, write, project=str(tmp_path / "sample"), **window)
    with zipfile.ZipFile(tmp_path / "out" / "evidence.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents.pop("MANIFEST.json"))
    assert manifest["policy"]["name"] == "generic"
    assert manifest["files"] == {name: sha256(content).hexdigest() for name, content in contents.items()}
    assert b"it begins here" in contents["tables/observations.csv"]
    assert place.encode() in contents["tables/observations.csv"]
    assert b"Failed login attempt" in contents["tables/quoted_lines.csv"]
    assert nbformat.reads(contents["incident.ipynb"].decode(), as_version=4).cells


def test_a_package_that_holds_a_value_is_refused(tmp_path: Path) -> None:
    """Whatever way a value took into the package, the search finds it and nothing is written."""
    plan = plant(tmp_path, "quiet misuse", 0)
    project = load_project(tmp_path)
    keeper = keeper_of(project)
    investigation = investigate(project, Question(), AS_OF, keeper)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tables/timeline.csv", f"text\n{plan.at('API_TOKEN', AS_OF)}\n")
    with pytest.raises(Refused):
        search_package(packed.getvalue(), investigation, keeper)
