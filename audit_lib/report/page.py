"""Renders an executed notebook as report.html: one file, no network, readable without scripts."""

import base64
import html
import re
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from pathlib import Path

import nbformat
from nbconvert.exporters.html import HTMLExporter

from audit_lib.report.columns import anchor

_HERE = resources.files("audit_lib.report")
_HEADING = re.compile(r"\A## (.+)\n*")
_TABLE = re.compile(r'<table class="audit.*?</table>', re.DOTALL)
_CELL = re.compile(r'<td(?: data-label="([^"]*)")? style="text-align:(\w+)">')
_HELD = re.compile(r'<i data-table="(\d+)"></i>')
_ENDS = re.compile(r"</(?:td|tr)>")  # HTML needs neither, and a page has thousands
_PLAIN = re.compile(r"[\w ,.%-]", re.ASCII)


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
    script, columns, tables = _text("page.js"), list[str](), list[str]()
    first, sections = _parts(_lean(notebook, columns, tables))
    given = {
        "title": title,
        "css": "\n".join([_text("page.css"), *columns]),
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
    )
    body, _ = exporter.from_notebook_node(notebook, resources=given)
    # A notebook of somebody's own may hold such a mark by itself: it stands for nothing.
    whole = _HELD.sub(lambda found: tables[int(found[1])] if int(found[1]) < len(tables) else "", str(body))
    return _ENDS.sub("", whole).strip() + "\n"


def _lean(notebook: nbformat.NotebookNode, columns: list[str], tables: list[str]) -> nbformat.NotebookNode:
    """The notebook with a mark in place of each table, added to `tables`; nbconvert parses what it is given.

    A table's sides and labels become style, added to `columns`, once for a column: in a notebook each cell
    has its own, since JupyterLab keeps neither classes nor styles of a page.
    """

    def held(found: re.Match[str]) -> str:
        tables.append(_columns(found[0], columns))
        return f'<i data-table="{len(tables) - 1}"></i>'

    lean = deepcopy(notebook)
    for cell in lean.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                shown = output.data["text/html"]
                output.data["text/html"] = _TABLE.sub(held, shown)
    return lean


def _columns(table: str, columns: list[str]) -> str:
    id_ = f"t{len(columns) + 1}"
    cells = _CELL.findall(table[table.index("<tbody>") : table.index("</tr>", table.index("<tbody>"))])
    style = ""
    for place, (label, side) in enumerate(cells, 1):
        if side == "right":
            style += f"#{id_} td:nth-child({place}){{text-align:right;min-width:2.5em}}"
        if label:
            style += f'#{id_} td:nth-child({place})::before{{--label:"{_quoted(label)}"}}'
    columns.append(style)
    return _CELL.sub("<td>", table).replace("<table", f'<table id="{id_}"', 1)


def _quoted(label: str) -> str:
    """A label as the text of a style, in which nothing but letters and a few signs stands for itself."""
    return "".join(sign if _PLAIN.match(sign) else f"\\{ord(sign):x} " for sign in html.unescape(label))


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
