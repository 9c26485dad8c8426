"""The runner's notebooks are the same bytes each time, and its errors say place and kind, never a value."""

from pathlib import Path

import nbformat
import pytest

from audit_lib.base.errors import AuditError, BadInput
from audit_lib.report.publish.run_notebook import check_parameters
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.canary import PASSWORD, SECRET, disclosed, notebook
from tests.support.run_notebook import run_notebook


def _saved(folder: Path, *cells: str) -> Path:
    nbformat.write(notebook(*cells), folder / "asked.ipynb")
    return folder / "asked.ipynb"


def test_a_run_gives_the_same_bytes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs in different folders, zones and environments give equal notebooks; nothing is written."""
    source = _saved(
        tmp_path, "import time; print(1, flush=True); time.sleep(0.3); print(2)", "{'b', 'a', project}"
    )
    first = nbformat.writes(run_notebook(source, {"project": "p"}))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.chdir(tmp_path)
    assert nbformat.writes(run_notebook(source, {"project": "p"})) == first
    assert "injected-parameters" in first
    assert [path.name for path in tmp_path.iterdir()] == ["asked.ipynb"]


def test_a_hostile_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules, start-up files and settings in the working folder or the home are never read."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('hostile')")
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 7")
    startup = tmp_path / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MY_TOKEN", SECRET)
    code = (
        "import os, resource, sys, pandas, matplotlib\n"
        "print(pandas.__name__, matplotlib.rcParams['figure.dpi'], 'MY_TOKEN' in os.environ)\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], sys.flags.safe_path)"
    )
    executed = run_notebook(_saved(tmp_path, code), {})
    assert executed.cells[-1].outputs[0].text == "pandas 100.0 False\n0 True\n"


def test_bad_parameters_are_all_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt parameter and one that is a known value are refused, the value unsaid."""
    keeper = Keeper(Key.throw_away())
    keeper.take(SECRET)
    monkeypatch.setattr(guard, "_guard", guard.Guard())
    guard._guard.watch(keeper)
    with pytest.raises(BadInput) as raised:
        check_parameters(_saved(tmp_path, "1"), {"projct": "p", "project": f"/srv/{SECRET}"})
    assert len(raised.value.faults) == 2
    assert disclosed(str(raised.value)) == []


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        (f"int({PASSWORD!r})", AuditError, "asked.ipynb, cell 2: stopped with ValueError"),
        (
            "from audit_lib.base.errors import BadInput; raise BadInput.at('quarter', 'is bad')",
            BadInput,
            "quarter: is bad",
        ),
        ("import time; time.sleep(30)", AuditError, "took too long"),
        ("import os; os._exit(3)", AuditError, "the kernel died"),
    ],
    ids=["error", "bad input", "time-out", "death"],
)
def test_a_failed_run_is_one_line(tmp_path: Path, cell: str, kind: type[AuditError], said: str) -> None:
    """An error, a refusal, a time-out, a dead kernel: one line with place and kind."""
    with pytest.raises(kind, match=said) as raised:
        run_notebook(_saved(tmp_path, cell), {}, cell_timeout=3)
    assert "\n" not in str(raised.value)
    assert disclosed(str(raised.value)) == []


def test_the_list_of_fonts_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first kernel's list is kept and given to the next one; no other settings of that folder are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = run_notebook(_saved(tmp_path, "import matplotlib.font_manager"), {})
    kept = tmp_path / "audit_lib" / "matplotlib"
    (listed,) = kept.iterdir()
    assert made.cells[-1].outputs == []
    listed.write_text(listed.read_text("utf-8").replace('"default_size": null', '"default_size": 7'), "utf-8")
    (kept / "matplotlibrc").write_text("figure.dpi: 7")
    code = (
        "import matplotlib.font_manager as m; print(m.fontManager.default_size, m.mpl.rcParams['figure.dpi'])"
    )
    executed = run_notebook(_saved(tmp_path, code), {})
    assert executed.cells[-1].outputs[0].text == "7 100.0\n"
