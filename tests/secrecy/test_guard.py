"""No canary leaves a guarded process, whoever runs the kernel."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from audit_lib.secrecy.redact import MARK
from tests.support.canary import CELLS, FAILING, KNOW, disclosed, notebook
from tests.support.paths import ROOT
from tests.support.run_notebook import run_notebook

SCRATCH = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "HOME")


def _environment(folder: Path) -> dict[str, str]:
    scratch = {name: str(folder / name) for name in SCRATCH} | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **scratch}


def _python(folder: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """What a Python says that is run in an environment of its own."""
    command = [sys.executable, *arguments]
    environment = _environment(folder)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False, text=True)


def _check(text: str) -> None:
    assert disclosed(text) == []
    assert text.count(MARK) > 50
    assert "done" in text


def _text(message: object) -> str:
    shown = lambda part: bytes(part).hex() if isinstance(part, memoryview) else str(part)  # noqa: E731
    return json.dumps(message, default=shown)


def _files(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def test_papermill(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The runner's kernel, whose values came through the pipe, says none of them, on its terminal neither."""
    source = tmp_path / "canary.ipynb"
    nbformat.write(notebook(KNOW, *CELLS), source)
    _check(nbformat.writes(run_notebook(source, {"project": "p"})))
    assert disclosed("".join(capfd.readouterr())) == []


def test_no_message_of_a_kernel_holds_a_value(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a kernel that installed the guard itself every message on every channel, as JupyterLab and nbclient
    see it: also tracebacks, replies, completions, inspection; nothing on its terminal or in its files."""
    manager, client = start_new_kernel(env=_environment(tmp_path), cwd=str(ROOT))
    heard: list[str] = []
    try:
        for cell in (KNOW, *CELLS, *FAILING):
            hook = lambda message: heard.append(_text(message))  # noqa: E731
            reply = client.execute_interactive(cell, timeout=60, output_hook=hook, stop_on_error=False)
            heard.append(_text(reply))
        for request in (
            client.inspect("SECRET", detail_level=1),
            client.complete("SECRET."),
            client.history(raw=True, output=True, n=50, hist_access_type="tail"),
            client.execute("", user_expressions={"value": "SECRET"}),
        ):
            heard.append(_text(client._recv_reply(request, timeout=60)))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    _check("\n".join(heard))
    assert any("comm_msg" in message for message in heard)
    assert sum('"msg_type": "error"' in message for message in heard) >= len(FAILING)
    assert disclosed("".join(capfd.readouterr()) + _files(tmp_path)) == []


def test_nbval(tmp_path: Path) -> None:
    """A run of nbval whose outputs differ prints no value in its comparison, and nothing on its streams."""
    source = notebook(KNOW, *CELLS, parameters=False)
    for number, cell in enumerate(source.cells[1:], start=2):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="what was expected\n")]
    nbformat.write(source, tmp_path / "canary.ipynb")
    command = ("-m", "pytest", "-p", "audit_lib.report", "-p", "nbval.plugin", "--nbval", "-s")
    run = _python(tmp_path, *command, "canary.ipynb", cwd=tmp_path)
    assert "what was expected" in run.stdout, run.stdout
    assert disclosed(run.stdout + run.stderr) == []


@pytest.mark.parametrize("way", ["print(SECRET)", "int(SECRET)", "for c in PASSWORD: sys.stderr.write(c)"])
def test_a_command_says_no_value(way: str, tmp_path: Path) -> None:
    """Outside a kernel stdout, stderr and an uncaught exception's traceback are scrubbed."""
    run = _python(tmp_path, "-c", f"import sys\n{KNOW}\nprint('before')\n{way}")
    assert "before" in run.stdout
    assert MARK in run.stdout + run.stderr
    assert disclosed(run.stdout + run.stderr) == []


def test_the_end_of_a_command_is_silent(tmp_path: Path) -> None:
    """Its streams, thrown away as the interpreter ends, do not speak of modules that are gone."""
    (tmp_path / ".env").write_text("API_TOKEN=x\n", "utf-8")
    for command in ("init", "rotate due", "decide list"):
        done = _python(tmp_path, "-m", "audit_lib", *command.split(), "--project", str(tmp_path))
        assert "Exception ignored" not in done.stderr


HANG = """
import signal
from audit_lib import __main__
at_once = lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds / 6 / 3600 / 20)
signal.alarm, __main__.main = at_once, signal.pause
signal.signal(signal.SIGALRM, signal.SIG_IGN)
__main__.run()
"""


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """After six hours by SIGALRM, even if whoever started it ignores that, and before any cleaning up."""
    assert _python(tmp_path, "-c", HANG).returncode == -signal.SIGALRM
