"""`seal`: what is given away is searched for every known value, in a notebook, a page or an archive."""

import gzip
import json
from base64 import b64encode
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from tests.support.fakes import fake_value

TOKEN = fake_value("sealed notebook")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one value in an env file."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / ".env").write_text(f"API_TOKEN={TOKEN}\n", "utf-8")
    return folder


def _sealed(project: Path, *paths: Path) -> Result:
    done = CliRunner().invoke(main, ["leaks", "--project", str(project), *map(str, paths)])
    assert TOKEN[:12] not in done.output
    return done


def _notebook(*, source: str = "1", text: str = "", html: str = "") -> str:
    cell = nbformat.v4.new_code_cell(source)
    data = {"text/plain": text, "text/html": html}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))


@pytest.mark.parametrize(
    "content",
    [
        _notebook(source=f"login({TOKEN!r})"),
        _notebook(text=f"first\n{TOKEN[:20]}\n"),
        _notebook(html=f'<img src="data:image/svg+xml;base64,{b64encode(TOKEN.encode()).decode()}">'),
        json.dumps({"page": "".join(f"&#{ord(sign)};" for sign in TOKEN)}),
        gzip.compress(TOKEN.encode()),
    ],
    ids=["source", "part of an output", "base64 in a page", "entities", "gzip"],
)
def test_a_value_in_any_form_ends_with_4(project: Path, tmp_path: Path, content: str | bytes) -> None:
    """Its place is printed, the value is not, and the exit code is 4."""
    (tmp_path / "out.ipynb").write_bytes(content if isinstance(content, bytes) else content.encode())
    done = _sealed(project, tmp_path / "out.ipynb")
    assert done.exit_code == 4
    assert "out.ipynb: " in done.stdout


def test_what_is_clean_is_counted(project: Path, tmp_path: Path) -> None:
    """A folder without a value ends with 0, and says how many files were searched for how many values."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.ipynb").write_text(_notebook(text="quiet"), "utf-8")
    (tmp_path / "page.html").write_text("<p>quiet</p>", "utf-8")
    done = _sealed(project, tmp_path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 files searched for 1 value in" in done.stderr


def test_a_value_in_a_name_is_found(project: Path, tmp_path: Path) -> None:
    """A file that is called by a value is named by its number."""
    (tmp_path / f"{TOKEN}.txt").write_text("quiet", "utf-8")
    done = _sealed(project, tmp_path)
    assert done.exit_code == 4
    assert done.stdout.startswith("the name of artefact 1: ")


def test_nothing_to_search_by_is_no_pass(tmp_path: Path) -> None:
    """Without a value, or of a file that is not there, nothing is claimed: exit code 2."""
    (tmp_path / "a.ipynb").write_text(_notebook(), "utf-8")
    done = _sealed(tmp_path, tmp_path / "a.ipynb")
    assert done.exit_code == 2
    assert "has no value to search for" in done.stderr
    (tmp_path / ".env").write_text(f"API_TOKEN={TOKEN}\n", "utf-8")
    missing = _sealed(tmp_path, tmp_path / "b.ipynb")
    assert (missing.exit_code, "b.ipynb: is not a file" in missing.stderr) == (2, True)
