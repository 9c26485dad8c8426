"""What JupyterLab shows beyond a page: tables to sort, colours, and a page of whatever notebook was run."""

from base64 import b64encode
from typing import Any

import nbformat
import pandas as pd
import pytest
from audit_lib.report.exporter import AuditReport

from audit_lib.report import rich_table, table
from audit_lib.report.colours import COLOURS
from audit_lib.report.rich_table import RichTable, show
from audit_lib.report.table import Table

WIDGET = "application/vnd.jupyter.widget-view+json"
FRAME = pd.DataFrame(
    {"severity": ["critical"], "at": [pd.Timestamp("2026-08-20T03:00Z")], "text": ["<b>\u202eevil</b>"]}
)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody watches."""
    for module in (rich_table, table):
        monkeypatch.setattr(module, "is_watched", lambda: True)


def test_where_nobody_watches_rich_is_the_table_itself() -> None:
    """A run by papermill has the same bytes, whether a table is asked to be rich or not."""
    assert show(FRAME, rich=True) == show(FRAME)
    assert "<style>" not in show(FRAME)._repr_mimebundle_()["text/html"]


@pytest.mark.usefixtures("watched")
def test_a_rich_table_passes_no_markup_on() -> None:
    """Text is escaped and inert, an instant is one; outside of a front end it is the table itself."""
    shown: Any = show(FRAME, "Found", rich=True)
    assert isinstance(shown, RichTable)
    pd.testing.assert_frame_equal(shown.frame, FRAME)
    data = shown._repr_mimebundle_()[0]
    assert WIDGET in data
    assert "&lt;b&gt;" in data["text/html"]
    sent = str(shown.widget.get_state())
    assert "2026-08-20T03:00:00Z" in sent
    assert "<b>" not in sent
    assert "\u202e" not in sent


@pytest.mark.usefixtures("watched")
def test_severities_have_their_colours_in_a_front_end() -> None:
    """JupyterLab does not have the page's style, so the table brings the rules of words."""
    shown = show(FRAME)
    assert isinstance(shown, Table)
    html = shown._repr_mimebundle_()["text/html"]
    assert f".word.critical{{background:{COLOURS['bad']}" in html
    assert "<style>" not in show(FRAME[["text"]])._repr_mimebundle_()["text/html"]  # type: ignore[index]


def test_any_executed_notebook_is_a_page() -> None:
    """The exporter gives the page without network, with own tables and with a plot as a picture."""
    cell = nbformat.v4.new_code_cell("x")
    picture = {"image/png": b64encode(b"png").decode(), "text/plain": "<Axes>"}
    outputs = ({"text/html": show(FRAME)._repr_mimebundle_()["text/html"]}, picture)  # type: ignore[index]
    cell.outputs = [nbformat.v4.new_output("display_data", data=data) for data in outputs]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## Mine"), cell])
    body, resources = AuditReport().from_notebook_node(notebook, {"metadata": {"name": "mine"}})
    assert resources["output_extension"] == ".html"
    assert "<title>mine</title>" in body
    assert "default-src 'none'" in body
    assert 'src="data:image/png;base64,' in body
    assert 'alt="&lt;Axes&gt;"' in body
    assert "critical" in body
