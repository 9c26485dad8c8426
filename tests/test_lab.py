"""The incident notebook in a real JupyterLab and Chromium, as an analyst works in it."""

from pathlib import Path

import nbformat
import pytest

from tests.support.browser import browser, new_page
from tests.support.lab import jupyterlab
from tests.support.paths import ROOT
from tests.support.sample_copy import write_sample

NOTEBOOK = ROOT / "notebooks" / "incident.ipynb"
ELSEWHERE = "192.0.2.44"  # of the sample, in the window


def test_an_analyst_follows_the_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell works, an address is picked and the cells below follow; nothing is asked for elsewhere."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
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
        page, asked = new_page(chromium, viewport={"width": 1400, "height": 1200}), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address.format(name="incident.ipynb"))
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        page.locator("#jp-main-statusbar", has_text="Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        cell = page.locator('.jp-CodeCell:has-text("audit_lib.pick")')
        fields = cell.locator("input")
        fields.first.wait_for(timeout=90_000)
        box = cell.locator("input").nth(2)  # since, until, address, secret
        box.fill(ELSEWHERE)
        box.press("Enter")
        page.locator('.jp-CodeCell:has-text("incident.suspects") .cm-content').click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run Selected Cell and All Below", exact=True).click()
        below = page.locator('.jp-CodeCell:has-text("incident.suspects")')
        below.get_by_text(ELSEWHERE).first.wait_for()
        page.locator("table.dataframe").nth(9).wait_for()
        faults = page.locator('[data-mime-type$="stderr"], [data-mime-type$="error"]')
        assert faults.all_inner_texts() == []
        page.screenshot(path=str(tmp_path / "lab.png"))
        assert (tmp_path / "lab.png").stat().st_size > 10_000
        here = address.split("/lab")[0].removeprefix("http")
        assert [url for url in asked if here not in url and not url.startswith(("data:", "blob:"))] == []
