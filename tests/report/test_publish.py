"""A folder is published whole or not at all; a notebook's kernel stays for its closing code."""

import json
import os
import socket
import tomllib
from pathlib import Path

import nbformat
import pytest

from audit_lib.base.errors import BadInput, Refused
from audit_lib.report.folder import publishing
from audit_lib.report.kernel import NotebookFailed, channel, run_notebook
from audit_lib.secrecy.keeper import MANIFEST
from tests.support.canary import notebook

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
CELLS = {
    "parameters": 'name: str = ""',
    "error": "from audit_lib.base.errors import BadInput\nraise BadInput.at('shop.toml', 'has no owner')",
    "crash": "1 / 0",
    "value": "made = name.upper()",
}


def _report(out: Path, **files: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, "utf-8")
    (out / MANIFEST).write_text(json.dumps({"files": dict.fromkeys(files, "0")}), "utf-8")


def test_a_report_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """What a new report lacks is gone with the old one, and nothing else is left beside it. Whatever ends the
    block, the old report is as it was; one that a crash set aside comes back, and what it left is gone."""
    out = tmp_path / "report"
    _report(tmp_path / ".report.previous", old="old")
    (tmp_path / ".report.abc.unpublished").mkdir()
    with pytest.raises(Refused), publishing(out) as staging:  # noqa: PT012  what ends the block is the test
        _report(staging, new="new")
        raise Refused("a value is in new")
    assert {path.name for path in out.iterdir()} == {"old", MANIFEST}
    with publishing(out) as staging:
        _report(staging, new="new")
    assert {path.name for path in out.iterdir()} == {"new", MANIFEST}
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(("mine", "report", "said"), CASES["not_ours"])
def test_what_is_not_ours_is_not_replaced(
    tmp_path: Path, mine: str, report: dict[str, str], said: str
) -> None:
    """A file, a folder with other files, a report with a file of somebody's own: refused and kept."""
    if report:
        _report(tmp_path / "out", **report)
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    with pytest.raises(BadInput, match=said), publishing(tmp_path / "out"):
        pytest.fail("published")
    assert (tmp_path / mine).read_text() == "mine"


def _notebook(path: Path, *cells: str) -> Path:
    made = notebook(*(CELLS[cell] for cell in ("parameters", *cells)), parameters=False)
    made.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(made, path)
    return path


def test_the_closing_code_finds_what_the_cells_made(tmp_path: Path) -> None:
    """It runs in the same kernel, after the notebook was saved, and is no cell of it."""
    source, saved = _notebook(tmp_path / "a.ipynb", "value"), tmp_path / "saved.ipynb"
    closing = f"open({str(tmp_path / 'made')!r}, 'w').write(made)\nassert open({str(saved)!r}).read()"
    run_notebook(source, {"name": "shop"}, saved, closing)
    assert (tmp_path / "made").read_text() == "SHOP"
    assert closing not in saved.read_text("utf-8")


@pytest.mark.parametrize(("cell", "code", "said"), [
    ("error", 2, "shop.toml: has no owner"), ("crash", 1, "cell 4: stopped with ZeroDivisionError"),
])  # fmt: skip
def test_an_error_of_a_cell_is_ours(tmp_path: Path, cell: str, code: int, said: str) -> None:
    """Our own error comes whole, any other by its place and name alone; nothing is saved."""
    source = _notebook(tmp_path / "a.ipynb", "value", cell)
    source.write_text(source.read_text("utf-8").replace('"made = ', '"import audit_lib\\nmade = '), "utf-8")
    with pytest.raises(NotebookFailed, match=said) as failed:
        run_notebook(source, {"name": "x"}, tmp_path / "saved.ipynb", "pass")
    assert failed.value.exit_code == code
    assert not (tmp_path / "saved.ipynb").exists()


def test_a_parameter_that_the_notebook_lacks_is_refused(tmp_path: Path) -> None:
    """papermill would only log it, and run with the default."""
    with pytest.raises(BadInput, match="has no parameter nme"):
        run_notebook(_notebook(tmp_path / "a.ipynb"), {"nme": "x"}, tmp_path / "saved.ipynb", "pass")


def test_what_is_given_arrives_whole() -> None:
    """More than a socket holds; what the kernel reports comes back; one that never reads ends, too."""
    content, heard = b"x" * 300_000, list[tuple[object, ...]]()
    with channel(content, lambda *report: heard.append(report)) as number:
        kernel = socket.socket(fileno=os.dup(number))
        with kernel.makefile("rb") as stream:
            assert stream.read() == content
        kernel.sendall(b'["logs", 1, 2]\n')
        kernel.close()
    with channel(content, lambda *_: None):
        pass
    assert heard == [("logs", 1, 2)]
