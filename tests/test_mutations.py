"""The tests see when guard, seal, keeper or publishing is broken: each mutation makes one fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# File, what stands there, what is put in its place, the tests that must fail.
QUICK = (
    ("secrecy/scrub.py", "0, len(data)) if spans else text", "0, 0) and text", "secrecy/test_scrub.py"),
    ("report/publish/seal.py", "    if result.hits:", "    if False:", "report/publish/test_seal.py"),
)
MUTATIONS = (
    (
        "secrecy/scrub.py",
        "return min(line, scrubber.unfinished(data, spans), scrubber.cut_by_layout(data, spans))",
        "return len(data)",
        "secrecy/test_scrub.py",
    ),
    ("secrecy/scrub.py", "_HARMLESS_PREFIX = 3", "_HARMLESS_PREFIX = 99", "secrecy/test_scrub.py"),
    (
        "secrecy/scrub.py",
        "yield lines, [breaks, codes]",
        "pass",
        "secrecy/test_scrub.py",
    ),
    (
        "secrecy/scrub.py",
        "without_colours(data)",
        "(data, [])",
        "secrecy/test_scrub.py",
    ),
    ("secrecy/scrub.py", "for value in strong:", "for value in ():", "secrecy/test_scrub.py"),
    (
        "secrecy/guard.py",
        "clean[part] = scrubber.tree(message.get(part, {}))",
        "clean[part] = message.get(part, {})",
        "secrecy/test_guard.py",
    ),
    ("secrecy/guard.py", "scrubber.binary(bytes(part))", "bytes(part)", "secrecy/test_guard.py"),
    (
        "secrecy/guard.py",
        'text = self._tails.setdefault(name, Tail()).feed(scrubber, message["content"]["text"])',
        'text = message["content"]["text"]',
        "secrecy/test_guard.py",
    ),
    ("secrecy/guard.py", "        os.dup2(nowhere, terminal)", "        pass", "secrecy/test_guard.py"),
    (
        "secrecy/kernel_pipe.py",
        '"values": dict(handoff.keeper.values()),',
        '"values": {},',
        "secrecy/test_guard.py",
    ),
    (
        "secrecy/guarded_stream.py",
        "self._tail.feed(scrubber, text)",
        "text",
        "secrecy/test_guard.py",
    ),
    *(
        (
            "report/publish/extract_text.py",
            f'    ("{step}", ',
            f'    # ("{step}", ',
            "report/publish/test_seal.py",
        )
        for step in ("HTML", "URL", "base64", "zlib", "archive", "PDF")
    ),
    ("report/publish/extract_text.py", '    ("JSON", ', '    # ("JSON", ', "report/publish/test_seal.py"),
    (
        "report/publish/extract_text.py",
        '    ("joined lines", ',
        '    # ("joined lines", ',
        "report/publish/test_seal.py",
    ),
    (
        "report/publish/seal.py",
        "            if fingerprint in classes.sealed:\n",
        "            if False:\n",
        "report/publish/test_seal.py",
    ),
    ("report/publish/seal.py", "named = find(", "named = [] and find(", "report/publish/test_seal.py"),
    (
        "secrecy/keeper.py",
        '        raise TypeError("a keeper is never pickled: its values would leave the process")',
        "        return (Keeper, (self.key,))",
        "secrecy/test_keeper.py",
    ),
    (
        "secrecy/keeper.py",
        "        if not isinstance(answer, bool | int | float):",
        "        if False:",
        "secrecy/test_keeper.py",
    ),
    (
        "report/publish/atomic_folder.py",
        "            staging = out.parent /",
        "            out.is_dir() and remove(out); staging = out.parent /",
        "report/publish/test_atomic_folder.py",
    ),
    ("report/publish/jupyter_kernel.py", '"PYTHONSAFEPATH": "1",', "", "report/publish/test_run_notebook.py"),
    (
        "report/publish/jupyter_kernel.py",
        "cwd=str(kernel.scratch)",
        "cwd=None",
        "report/publish/test_run_notebook.py",
    ),
    (
        "report/publish/jupyter_kernel.py",
        "for name in _KEPT if name in os.environ",
        "for name in os.environ",
        "report/publish/test_run_notebook.py",
    ),
    (
        "report/publish/run_notebook.py",
        "        for name, value in parameters.items()\n        if name in known",
        "        for name, value in ()\n        if name in known",
        "report/publish/test_run_notebook.py",
    ),
)


def test_every_mutation_applies() -> None:
    """What it changes is still in the module, once."""
    for file, old, _, tests in (*QUICK, *MUTATIONS):
        assert ((ROOT / "audit_lib" / file).read_text("utf-8").count(old), file, old) == (1, file, old)
        assert (ROOT / "tests" / tests).is_file()


@pytest.mark.parametrize(("file", "old", "new", "tests"), QUICK)
def test_a_mutation_is_seen(tmp_path: Path, file: str, old: str, new: str, tests: str) -> None:
    """The tests of a module fail where it is broken."""
    _check(tmp_path, file, old, new, tests)


@pytest.mark.long
@pytest.mark.parametrize(("file", "old", "new", "tests"), MUTATIONS)
def test_every_mutation_is_seen(tmp_path: Path, file: str, old: str, new: str, tests: str) -> None:
    """As above, for all that is known to matter."""
    _check(tmp_path, file, old, new, tests)


def _check(folder: Path, file: str, old: str, new: str, tests: str) -> None:
    for part in ("audit_lib", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / part, folder / part)
    path = folder / "audit_lib" / file
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/{tests}"]
    command += ["--basetemp", str(folder / "scratch")]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout[-2000:] + run.stderr[-2000:]
    assert "FAILED" in run.stdout
