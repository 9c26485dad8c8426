"""Leaks in files that are not texts: documents, databases, compiled Python, attachments of notebooks."""

import base64
import io
import json
import py_compile
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from audit_lib.leaks.binary_texts import text_of, words
from tests.leaks.test_search import met, search
from tests.leaks.test_search_patterns import audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

VALUE = fake_value("in a document")
CUT = len(VALUE) // 2
RUNS = f"<w:p><w:r><w:t>API_TOKEN={VALUE[:CUT]}</w:t></w:r><w:r><w:t>{VALUE[CUT:]}</w:t></w:r></w:p>"
CELLS = f"<sst><si><r><t>API_TOKEN={VALUE[:CUT]}</t></r><r><t>{VALUE[CUT:]}</t></r></si></sst>"


def _zip(**parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", text)
    return file.getvalue()


def _sqlite(folder: Path) -> bytes:
    base = sqlite3.connect(folder / "made.db")
    base.execute("CREATE TABLE t (name TEXT, value TEXT)")
    base.execute("INSERT INTO t VALUES (?, ?)", ("note", f"API_TOKEN={VALUE}"))
    base.commit()
    base.close()
    return (folder / "made.db").read_bytes()


def _pyc(folder: Path) -> bytes:
    (folder / "made.py").write_text(f"API_TOKEN = '{VALUE}'\n")
    return Path(str(py_compile.compile(str(folder / "made.py"), str(folder / "made.pyc")))).read_bytes()


def _notebook(*, attached: bool) -> bytes:
    told = {"text/plain": base64.b64encode(f"key {VALUE}".encode()).decode() if attached else f"key {VALUE}"}
    cell = {"attachments": {"a.txt": told}} if attached else {"outputs": [{"data": told}]}
    return json.dumps({"cells": [cell]}).encode()


FILES: dict[str, Callable[[Path], bytes]] = {
    "a.docx": lambda folder: _zip(word__document=RUNS),
    "a.xlsx": lambda folder: _zip(xl__sharedStrings=CELLS),
    "a.pptx": lambda folder: _zip(ppt__slides__slide1=RUNS.replace("w:", "a:")),
    "a.sqlite": _sqlite,
    "a.pyc": _pyc,
    "outputs.ipynb": lambda folder: _notebook(attached=False),
    "attachments.ipynb": lambda folder: _notebook(attached=True),
}


def test_a_known_value_is_found(tmp_path: Path) -> None:
    """Whatever cuts or packs it, in a file and in the history."""
    plot = new_plot(tmp_path / "repo")
    for name, made in FILES.items():
        plot.file(name, made(tmp_path))
    plot.git("add", "-A")
    plot.git("commit", "-qm", "Add")
    found, keeper = search(plot.root, {"API_TOKEN": VALUE}, tmp_path)
    places = Counter(path.partition("!")[0] for path in met(found, keeper, VALUE)["path"])
    assert places == dict.fromkeys(FILES, 2)


def test_documents_are_searched_by_pattern(tmp_path: Path) -> None:
    """A value that nobody gave is found in a document's words."""
    plot = new_plot(tmp_path / "repo")
    for name in ("a.docx", "a.xlsx", "a.pptx"):
        plot.file(name, FILES[name](tmp_path))
    found, _ = audit(plot.root, tmp_path)
    assert list(found.leaks["kind"]) == ["pattern"]
    assert found.leaks["occurrences"].sum() == 3


def test_databases_and_compiled_code_give_their_texts(tmp_path: Path) -> None:
    """What programs keep is read as runs of letters; a picture and a broken zip give nothing."""
    assert f"API_TOKEN={VALUE}".encode() in text_of(_sqlite(tmp_path))
    assert VALUE.encode() in text_of(_pyc(tmp_path))
    assert text_of(b"\x89PNG\r\n\x1a\n\0\0\0" + VALUE.encode()) == b""
    assert text_of(_zip(word__document=RUNS)[:-30]) == b""
    assert text_of(_zip(other=RUNS)) == b""


def test_words_are_those_that_people_read() -> None:
    """Marks go, entities are what they stand for, a paragraph is a line."""
    assert words(b"<w:p>a&amp;<w:b/>b</w:p><w:p>c</w:p>") == b"a&b\nc\n"
