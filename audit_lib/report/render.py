"""Renders an executed notebook as a page: one file, no network, readable without scripts.

A notebook is what its JSON says: a kernel that publishes does not wait for nbformat and its validator."""

import base64
import json
import re
from copy import deepcopy
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from mistune import create_markdown

from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.report import escape as inert

Notebook = Any  # a mapping as nbformat 4.5 describes it, or nbformat's own class
_HEADING = re.compile(r"\A## (.+)\n*")
_IN_LINES = {"source", "text", "text/html", "text/plain"}  # texts that a saved notebook has as lists of lines


class Screen:
    """The first screen, or another part of a page: facts by name, as two templates show them."""

    def __init__(self, html: str, text: str, **facts: Any) -> None:
        vars(self).update(facts, _html=html, _text=text)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": template(self._html).render(screen=self), "text/plain": self.text()}

    def text(self) -> str:
        """The screen as lines, to forward or for a terminal."""
        return template(self._text).render(screen=self).strip() + "\n"


def page(notebook: Notebook, title: str, **review: Any) -> str:
    """The page for an executed notebook: the outputs before its first "##" in full, each "##" folded.

    What is known of the `review` itself is the page's last fold. Of the notebook's HTML no script runs: the
    policy in the page's head admits the page's own alone, by its hash."""
    script, (first, *sections) = _text("page.js"), _sections(notebook)
    made = template("page.html.j2").render(
        title=title,
        css=_text("page.css"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode('ascii')}",
        first=first["cells"],
        sections=sections,
        review=review,
    )
    return made.strip().replace("<th></th>", "<td></td>") + "\n"  # of an index without a name it says nothing


@cache
def template(name: str) -> jinja2.Template:
    """A template of this room, in which every text of an audit is made inert and escaped."""
    made = jinja2.Environment(autoescape=name.endswith(".html.j2"), trim_blocks=True, lstrip_blocks=True)
    made.globals["rows"], made.filters["day"] = rows, day_words
    made.filters["markdown"] = create_markdown(escape=True, plugins=["table"])
    made.filters["code"] = lambda text: Markup(f"`{inert.plain(text).replace('`', '')}`")  # noqa: S704
    inert_text = inert.markdown if name.endswith(".md.j2") else inert.plain_lines
    # What a filter marked as safe is no plain text any more.
    made.finalize = lambda value: inert_text(value) if type(value) is str else value
    return made.from_string(_text(name))


def _text(name: str) -> str:
    return resources.files("audit_lib.report").joinpath(name).read_text("utf-8").strip()


def _sections(notebook: Notebook) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = [{"cells": []}]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and (found := _HEADING.match(cell["source"])):
            heading, text = found[1].strip(), cell["source"][found.end() :]
            anchor = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
            brief = text.replace("*", "").partition(". ")[0].strip().rstrip(".")
            sections.append({"heading": heading, "anchor": anchor, "brief": brief, "text": text, "cells": []})
        elif cell["cell_type"] == "code" or len(sections) > 1:
            sections[-1]["cells"].append(cell)
    return sections


def read_notebook(path: Path) -> Notebook:
    """A saved notebook, each of its texts whole."""

    def join_lines(node: dict[str, Any]) -> dict[str, Any]:
        lists = {name for name in _IN_LINES & node.keys() if isinstance(node[name], list)}
        return node | {name: "".join(node[name]) for name in lists}

    return json.loads(path.read_text("utf-8"), object_hook=join_lines)


def normalise(notebook: Notebook) -> Notebook:
    """A copy of the notebook without run times, paths and versions, its texts inert."""
    clean = deepcopy(notebook)
    clean["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(clean["cells"], start=1):
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
        cell["id"], cell["source"] = f"cell-{number:02d}", inert.plain_lines(cell["source"])
        for output in cell.get("outputs", []):
            data = output.get("data", output)
            for kind in {"text/html", "text/plain", "text"} & data.keys():
                data[kind] = inert.plain_lines(data[kind])
    clean["nbformat"], clean["nbformat_minor"] = 4, 5
    return clean
