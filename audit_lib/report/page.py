"""Renders an executed notebook as report.html: one file, no network, readable without scripts."""

import base64
import re
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from pathlib import Path

import nbformat
from nbconvert.exporters.html import HTMLExporter

from audit_lib.report.table import anchor

_HERE = resources.files("audit_lib.report")
_HEADING = re.compile(r"\A## (.+)\n*")
_LEFT = ' style="text-align:left"'  # what JupyterLab needs and a page does not


@dataclass
class Section:
    """A part of the page below a fold: a heading of the notebook with all until the next."""

    heading: str
    text: str  # markdown
    cells: list[nbformat.NotebookNode] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """What a link to the section names."""
        return anchor(self.heading)

    @property
    def brief(self) -> str:
        """What is in it, on the line that folds it: what its outputs say of themselves."""
        outputs = [output for cell in self.cells for output in cell.get("outputs", [])]
        said = [output.get("metadata", {}).get("text/html", {}).get("brief", "") for output in outputs]
        return " · ".join(filter(None, said))


def page(notebook: nbformat.NotebookNode, title: str) -> str:
    """The page for an executed notebook: what is before its first "##" in full, each "##" folded.

    The markdown is the notebook's own; every output was made inert when it was written (report/escape.py),
    and the policy in the page's head allows only one script, that of page.js, by its hash.
    """
    script = _text("page.js")
    first, sections = _parts(notebook)
    given = {
        "title": title,
        "css": _text("page.css"),
        "script": script,
        "script_hash": f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode('ascii')}",
        "first": first,
        "sections": sections,
    }
    template = Path(str(_HERE.joinpath("page.html.j2")))
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_file=template.name,
        extra_template_basedirs=[],
        extra_template_paths=[str(template.parent)],
        exclude_anchor_links=True,
        filters={"lean": lambda html: html.replace(_LEFT, "")},
    )
    body, _ = exporter.from_notebook_node(notebook, resources=given)
    return str(body).strip() + "\n"


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
    return first, sections
