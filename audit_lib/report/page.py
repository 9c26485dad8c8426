"""Renders an executed notebook as report.html: one file, no network, readable without scripts."""

import base64
import re
from hashlib import sha256
from importlib import resources
from pathlib import Path

import nbformat
from nbconvert.exporters.html import HTMLExporter

_HERE = resources.files("audit_lib.report")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def page(notebook: nbformat.NotebookNode, title: str = "") -> str:
    """The page for an executed notebook. `title` is by default the caption of its first table.

    The markdown is the notebook's own; every output was made inert when it was written (report/escape.py),
    and the policy in the page's head allows only one script, the table sorter, by its hash.
    """
    script = _text("page.js")
    given = {
        "title": title or _caption(notebook),
        "css": _text("page.css"),
        "script": script,
        "script_hash": f"sha256-{_base64(sha256(script.encode()).digest())}",
        "contents": _contents(notebook),
    }
    template = Path(str(_HERE.joinpath("page.html.j2")))
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_file=template.name,
        extra_template_basedirs=[],
        extra_template_paths=[str(template.parent)],
        exclude_anchor_links=True,
        filters={"base64": _base64, "anchored": _anchored},
    )
    body, _ = exporter.from_notebook_node(notebook, resources=given)
    return str(body).strip() + "\n"


def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text("utf-8").strip()


def _base64(content: str | bytes) -> str:
    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    return base64.b64encode(raw).decode("ascii")


def _contents(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Anchor and text of each heading of the second level."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = [found[1].strip() for source in sources for found in _HEADING.finditer(source)]
    return [(_anchor(heading), heading) for heading in headings]


def _anchored(rendered: str) -> str:
    return re.sub(r"<h2>(.*?)</h2>", lambda found: f'<h2 id="{_anchor(found[1])}">{found[1]}</h2>', rendered)


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _caption(notebook: nbformat.NotebookNode) -> str:
    """The first line of the first output as text, which is the first table's title."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [output.data["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]
    return str(texts[0]).split("\n", 1)[0] if texts else "Review"
