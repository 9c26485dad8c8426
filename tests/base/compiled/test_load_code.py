"""The kernel's machine code loads without numba, and where it cannot be had logs are read all the same."""

import subprocess
import sys
from pathlib import Path

from audit_lib.base.compiled import load_code as native
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL


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


def test_counting_imports_neither_numba_nor_pandas() -> None:
    """What takes long to import is not imported to count."""
    native.load_entry(LOG_KERNEL)
    code = """
import sys
from audit_lib.cli.failures import failures
from audit_lib.base.compiled.load_code import load_entry
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL
load_entry(LOG_KERNEL)
print(sorted({"numba", "pandas", "scipy", "distributed"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
