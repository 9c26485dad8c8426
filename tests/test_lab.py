"""The incident notebook in a real JupyterLab and Chromium: run all, pick an address, see table and figure."""

from pathlib import Path

import nbformat

from tests.support.browser import browser
from tests.support.lab import jupyterlab
from tests.support.paths import ROOT
from tests.support.sample_copy import write_sample

NOTEBOOK = ROOT / "notebooks" / "incident_investigation.ipynb"
ATTACKER, REGULAR = "203.0.113.45", "192.0.2.44"  # of the sample


def test_picking_an_address_changes_the_table(tmp_path: Path) -> None:
    """After "Run All Cells" the figure is there; an address that is picked has its table and lane at once."""
    work = tmp_path / "work"
    work.mkdir()
    write_sample(tmp_path / "sample")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    given = {"project": str(tmp_path / "sample"), "since": "2026-08-19", "until": "2026-08-22"}
    for name, text in given.items():
        parameters.source = parameters.source.replace(f'{name}: str = ""', f"{name}: str = {text!r}")
    nbformat.write(notebook, work / "incident.ipynb")
    with browser() as chromium, jupyterlab(work, tmp_path) as address:
        page = chromium.new_page()
        page.goto(address.format(name="incident.ipynb"))
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=60_000)
        page.locator("#jp-main-statusbar", has_text="Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_selector(".jp-RenderedSVG, .jp-RenderedImage", state="attached", timeout=90_000)
        cell = page.locator('.jp-CodeCell:has-text("report.pickers")')
        cell.locator(f'caption:has-text("Address {ATTACKER}")').wait_for(timeout=60_000)
        drawn = cell.locator("img[alt^=Timeline]")
        before = drawn.get_attribute("src")
        box = cell.locator("input[list]")
        box.fill(REGULAR)
        box.press("Enter")
        cell.locator(f'caption:has-text("Address {REGULAR}")').wait_for(timeout=20_000)
        assert not cell.locator(f'caption:has-text("Address {ATTACKER}")').count()
        assert drawn.get_attribute("src") != before
        assert "this address" in (drawn.get_attribute("alt") or "")
        page.screenshot(path=str(tmp_path / "lab.png"))
        assert (tmp_path / "lab.png").stat().st_size > 10_000
