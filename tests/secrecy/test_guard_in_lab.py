"""The guard in a real JupyterLab and a real Chromium: neither the page nor a saved file holds a value."""

from pathlib import Path

import nbformat
import pytest

from audit_lib.secrecy.redact import MARK
from tests.support.browser import browser, jupyterlab, new_page
from tests.support.canary import CELLS, FAILING, KNOW, disclosed, notebook
from tests.support.paths import ROOT


def test_page_file_and_checkpoint_hold_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When each way of saying a value was run by hand, the page, the file and its checkpoint are clean."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    work = tmp_path / "work"
    work.mkdir()
    canary = notebook(KNOW, *CELLS, *FAILING, "print('the end')", parameters=False)
    for cell in canary.cells:
        cell.metadata["tags"] = ["raises-exception"]  # "Run All Cells" goes on behind it
    nbformat.write(canary, work / "canary.ipynb")
    with browser() as chromium, jupyterlab(work, tmp_path) as address:
        page = new_page(chromium)
        page.goto(address.format(name="canary.ipynb"))
        page.locator("#jp-main-statusbar", has_text="Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.locator(".jp-OutputArea-output pre", has_text="the end").wait_for()
        page.keyboard.press("Control+s")
        page.locator(".jp-mod-current.jp-mod-dirty").wait_for(state="detached")
        shown = page.content() + page.locator("body").inner_text()
        page.screenshot(path=str(tmp_path / "lab.png"))
    saved = [path.read_text("utf-8") for path in work.rglob("*.ipynb")]
    assert len(saved) == 2
    assert shown.count(MARK) > 50
    assert (work / "canary.ipynb").read_text("utf-8").count("the end") > 1
    assert disclosed("\n".join([shown, *saved])) == []
