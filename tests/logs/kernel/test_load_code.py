"""The kernel's machine code is kept where nobody else could have put it, and loads without numba."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit_lib.logs.kernel import load_code as native


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "audit_lib" / "kernel").mkdir(parents=True, mode=0o700)
    return tmp_path / "audit_lib" / "kernel"


def test_code_is_kept_for_its_owner_alone(folder: Path) -> None:
    """What is stored is read again, and nobody but its owner may read or write it."""
    assert native._stored(folder / "a.o") is None
    assert native._store(folder / "a.o", b"code") == b"code"
    (kept,) = folder.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert native._stored(folder / "a.o") == b"code"


def test_code_that_others_could_have_written_is_not_run(folder: Path) -> None:
    """A file or folder that others may write, and a link, are passed over."""
    native._store(folder / "a.o", b"code")
    (kept,) = folder.iterdir()
    kept.chmod(0o620)
    assert native._stored(folder / "a.o") is None
    kept.chmod(0o600)
    folder.chmod(0o770)
    assert native._stored(folder / "a.o") is None
    folder.chmod(0o700)
    kept.rename(folder / "other")
    kept.symlink_to(folder / "other")
    assert native._stored(folder / "a.o") is None


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path) -> None:
    """Without a folder for it the code is returned all the same."""
    (folder / "missing").write_text("no folder")
    assert native._store(folder / "missing" / "a.o", b"code") == b"code"


def test_a_code_that_lost_its_end_is_not_run(folder: Path) -> None:
    """What is not as it was written, as after a power failure, is compiled anew."""
    native._store(folder / "a.o", b"code")
    (kept,) = folder.iterdir()
    for damaged in (kept.read_bytes()[:-1], b"", b"\0" * 36):
        kept.write_bytes(damaged)
        assert native._stored(folder / "a.o") is None


def test_where_nothing_can_be_compiled_logs_are_read_slowly(tmp_path: Path) -> None:
    """A machine that LLVM does not know: one line says so, and the table is that of the fast reader."""
    log = tmp_path / "app.log"
    line = '2026-07-01 10:00:00 INFO:     203.0.113.7:52341 - "GET /api/health HTTP/1.1" 401 Unauthorized\n'
    log.write_text(line * 40)
    program = (
        "import sys; import llvmlite.binding as llvm; from audit_lib.logs import read_file as reader;"
        "reader.COMPILE_FROM, reader.read_log.__defaults__ = 0, (0, 100);"
        "llvm.get_host_cpu_name = llvm.get_host_cpu_name if sys.argv.pop(1) == 'fast' else None;"
        "from audit_lib.cli.failures import failures; failures()"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program, way, str(log), "--by", "day,kind,status,client,route"],
            capture_output=True,
            text=True,
            check=True,
        )
        for way in ("fast", "slow")
    ]
    assert "fast log reader" not in runs[0].stderr
    assert runs[1].stderr.count("the fast log reader cannot be compiled here (TypeError)") == 1
    assert runs[0].stdout == runs[1].stdout != ""


def test_only_the_newest_codes_are_kept(folder: Path) -> None:
    """Codes of other versions do not pile up."""
    for number in range(20):
        (folder / f"{number}.o").write_bytes(b"old")
    native._store(folder / "a.o", b"code")
    assert len(list(folder.glob("*.o"))) == native._KEPT
    assert native._stored(folder / "a.o") == b"code"


def test_counting_imports_neither_numba_nor_pandas() -> None:
    """What takes long to import is not imported to count."""
    native.load_entry()
    code = """
import sys
from audit_lib.cli.failures import failures
from audit_lib.logs.kernel.load_code import load_entry
load_entry()
print(sorted({"numba", "pandas", "pandera", "scipy", "distributed"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
