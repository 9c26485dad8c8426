"""Renders an executed notebook as a page: one file, no network, readable without scripts."""

import base64
import re
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any

import jinja2
import nbformat
from mistune import create_markdown
from nbconvert.exporters.base import Exporter

from audit_lib.report import escape as inert

_HERE = resources.files("audit_lib.report")
_HEADING = re.compile(r"\A## (.+)\n*")
_SIZE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Section:
    """A heading of the second level with its text, and all cells until the next heading."""

    heading: str
    text: str  # markdown
    cells: list[nbformat.NotebookNode] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """What a link to the section names."""
        return _SIZE.sub("-", self.heading.lower()).strip("-")


def page(notebook: nbformat.NotebookNode, title: str, notes: tuple[tuple[str, str], ...] = ()) -> str:
    """The page for an executed notebook: the outputs before its first "##" in full, each "##" folded.

    `notes` are facts that only the publisher knows, each with its name, for the page's last fold. Of the
    notebook's HTML no script runs: the policy in the page's head admits the page's own alone, by its hash.
    """
    script = _text("page.js")
    first, sections = _parts(notebook)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["markdown"] = create_markdown(escape=True, plugins=["table"])
    template = environment.from_string(_text("page.html.j2"))
    body = template.render(
        title=title,
        css=_text("page.css"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode('ascii')}",
        first=first,
        sections=sections,
        briefs=_briefs(notebook),
        notes=notes,
    )
    return body.strip() + "\n"


def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text("utf-8").strip()


def _parts(notebook: nbformat.NotebookNode) -> tuple[list[nbformat.NotebookNode], list[Section]]:
    """The code cells before the first heading of the second level, and a section for each of these."""
    first: list[nbformat.NotebookNode] = []
    sections: list[Section] = []
    for cell in notebook.cells:
        found = _HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if found:
            sections.append(Section(found[1].strip(), cell.source[found.end() :]))
        elif cell.cell_type == "code":
            (sections[-1].cells if sections else first).append(cell)
        elif sections:
            sections[-1].cells.append(cell)
    return first, sections


def _briefs(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """By section what is in it, as an output of the notebook says it in its metadata (`Summary.briefs`)."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.metadata["briefs"] for output in outputs if "briefs" in output.get("metadata", {})]
    return dict(found[0]) if found else {}


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of the notebook without run times, paths and versions, its texts inert."""
    clean = deepcopy(notebook)
    clean.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(clean.cells, start=1):
        cell.id = f"cell-{number:02d}"
        for entry in ("papermill", "execution", "widgets"):
            cell.metadata.pop(entry, None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        for output in cell.get("outputs", []):
            data = output.get("data", output)
            for kind in {"text/html", "text/plain", "text"} & data.keys():
                data[kind] = inert.plain_lines(data[kind])
    clean.nbformat, clean.nbformat_minor = 4, 5
    return clean


class AuditReport(Exporter):
    """`jupyter nbconvert --to audit-report`: a notebook of one's own as a page like that of a review."""

    export_from_notebook = "Audit report"
    output_mimetype = "text/html"
    file_extension = ".html"

    def from_notebook_node(  # type: ignore[override]
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page, and nbconvert's resources."""
        known = {"metadata": {"name": "Audit report"}, **(resources or {}), "output_extension": ".html"}
        return page(normalise(nb), known["metadata"]["name"]), known
