"""The incident notebook as `investigate` publishes it, and as an analyst works with it in JupyterLab, where
the guard lets no value of any notebook out: neither the page nor a saved file holds one."""

import csv
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.sample import DEPLOYS
from audit_lib.secrecy.redact import MARK
from tests.support.browser import jupyterlab, new_page
from tests.support.canary import CELLS, FAILING, KNOW, disclosed, notebook
from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.payloads import MARKUP, payloads, stolen
from tests.support.sample_copy import write_sample
from tests.test_injection import FOREIGN

MESSAGES = [text for text in payloads("http://127.0.0.1:9", 8000, MARKUP) if text.strip()][:20]
STOLEN = fake_value("stolen token")
REQUESTS = "".join(
    f'203.0.113.99 - - [21/Aug/2026:03:{at:02}:00 +0000] "GET /{form}?t={form} HTTP/1.1" 401 9 "-" "x"\n'
    for at, form in enumerate(stolen(STOLEN)[1:] * 15)
)
WINDOW = ("--since", "2026-08-19", "--until", "2026-08-22")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of an investigation of the sample, with deploys and a log of an attacker."""
    folder = tmp_path_factory.mktemp("investigate")
    write_sample(folder / "sample")
    with (folder / "sample/deploy/backend.staging.env").open("a", encoding="utf-8") as known:
        known.write(f"\nOTHER_TOKEN={STOLEN}\n")
    (folder / "sample/backend/logs" / f"backend.log.{STOLEN}").write_text(REQUESTS, "utf-8")
    with (folder / "sample" / DEPLOYS).open("a", encoding="utf-8") as listed:
        for text in MESSAGES:
            commit = {"id": "0" * 40, "message": text}
            listed.write(json.dumps({"createdAt": "2026-08-20T12:00:00Z", "commit": commit}) + "\n")
    given = ["investigate", "--project", str(folder / "sample"), *WINDOW, "--out", str(folder / "out")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    return folder / "out", done.output


def test_the_folder_is_whole(published: tuple[Path, str]) -> None:
    """What cannot wait is said first, then the first screen. Every file is in the manifest with its hash; no
    cell failed; the page holds the same first screen."""
    folder, said = published
    lines = said.splitlines()
    assert lines[0].startswith("Now: ")
    assert "audit-lib whose --project" in lines[1]
    assert "Somebody guessed logins." in said
    assert lines[-1].startswith("Open ")
    files = json.loads((folder / "MANIFEST.json").read_text("utf-8"))["files"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*files, "MANIFEST.json"}
    assert files == {name: sha256((folder / name).read_bytes()).hexdigest() for name in files}
    cells = nbformat.read(folder / "incident.ipynb", as_version=4).cells
    assert not [out for cell in cells for out in cell.get("outputs", []) if out.output_type == "error"]
    page = (folder / "incident.html").read_text("utf-8")
    assert "Somebody guessed logins." in page
    assert "data:image/png;base64," in page
    with (folder / "evidence/quoted_lines.csv").open(encoding="utf-8") as stream:
        assert any("Failed login attempt" in row["text"] for row in csv.DictReader(stream))


def test_an_edited_page_is_noticed(published: tuple[Path, str], tmp_path: Path) -> None:
    """`verify` sees a byte that was changed."""
    verify = ["verify", str(published[0])]
    assert CliRunner().invoke(main, verify).exit_code == 0
    copied = Path(copytree(published[0], tmp_path / "incident"))
    with (copied / "incident.html").open("a") as page:
        page.write(" ")
    assert CliRunner().invoke(main, ["verify", str(copied)]).exit_code == 3


def test_a_stolen_value_in_requests_is_published_in_no_form(published: tuple[Path, str]) -> None:
    """In whatever way a thief sent it, and in the name of a log, the requests are told without it."""
    files = [path.read_text("utf-8") for path in published[0].rglob("*") if path.is_file()]
    assert any("203.0.113.99" in text for text in files)
    assert not [form for form in stolen(STOLEN) for text in (published[1], *files) if form in text]


def test_what_a_deploy_says_is_dead_on_the_page(published: tuple[Path, str], chromium: Any) -> None:
    """Commit messages of a deploy list are text: in Chromium nothing lives, and a phone does not scroll."""
    page, asked = new_page(chromium, viewport={"width": 400, "height": 900}), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto((published[0] / "incident.html").as_uri())
    assert page.evaluate(FOREIGN) == []
    assert page.locator("td", has_text="127.0.0.1:9").count()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 400


NOTEBOOK = ROOT / "notebooks" / "incident.ipynb"
ELSEWHERE = "192.0.2.44"  # of the sample, in the window


@pytest.fixture(scope="module")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str], Path]]:
    """A page with JupyterLab, what it asks for, and the folder that is served."""
    work, scratch = (tmp_path_factory.mktemp(name) for name in ("work", "scratch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with jupyterlab(work, scratch) as address:
            page, asked = new_page(chromium, viewport={"width": 1400, "height": 1200}), list[str]()
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{address}&reset")
            yield page, asked, work


def _run_all(page: Any, name: str) -> None:
    # In the place of what is open: to load JupyterLab anew takes seconds.
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate("jupyterapp.restored.then(() => jupyterapp.commands.execute('application:close-all'))")
    page.evaluate("async path => { await jupyterapp.commands.execute('docmanager:open', { path }) }", name)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    page.locator("#jp-main-statusbar", has_text="Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def test_page_file_and_checkpoint_hold_no_value(lab: tuple[Any, list[str], Path]) -> None:
    """When each way of saying a value was run by hand, the page, the file and its checkpoint are clean."""
    page, _, work = lab
    canary = notebook(KNOW, *CELLS, *FAILING, "print('the end')", parameters=False)
    for cell in canary.cells:
        cell.metadata["tags"] = ["raises-exception"]  # "Run All Cells" goes on behind it
    nbformat.write(canary, work / "canary.ipynb")
    _run_all(page, "canary.ipynb")
    page.locator(".jp-OutputArea-output pre", has_text="the end").wait_for()
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-current.jp-mod-dirty").wait_for(state="detached")
    shown = page.content() + page.locator("body").inner_text()
    saved = [path.read_text("utf-8") for path in work.rglob("canary*.ipynb")]
    assert len(saved) == 2
    assert shown.count(MARK) > 50
    assert (work / "canary.ipynb").read_text("utf-8").count("the end") > 1
    assert disclosed("\n".join([shown, *saved])) == []


def test_an_analyst_follows_the_timeline(lab: tuple[Any, list[str], Path], tmp_path: Path) -> None:
    """Every cell works, an address is picked and the cells below follow; nothing is asked for elsewhere."""
    page, asked, work = lab
    write_sample(tmp_path / "sample")
    incident = nbformat.read(NOTEBOOK, as_version=4)
    parameters = next(cell for cell in incident.cells if "parameters" in cell.metadata.get("tags", []))
    given = {"project": str(tmp_path / "sample"), "since": "2026-08-19", "until": "2026-08-22"}
    for name, text in given.items():
        parameters.source = parameters.source.replace(f'{name}: str = ""', f"{name}: str = {text!r}")
    nbformat.write(incident, work / "incident.ipynb")
    _run_all(page, "incident.ipynb")
    fields = page.locator('.jp-CodeCell:has-text("audit_lib.pick") input')
    fields.first.wait_for(timeout=90_000)
    box = fields.nth(2)  # since, until, address, secret
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
    here = page.url.split("/lab")[0].removeprefix("http")
    assert [url for url in asked if here not in url and not url.startswith(("data:", "blob:"))] == []
