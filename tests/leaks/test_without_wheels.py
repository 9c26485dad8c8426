"""A machine for which hyperscan or kingfisher have no wheel: slower, and what is missing is said."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.planter import FORMS, PLACES, Plot, new_plot

# As `python -m audit_lib`, where the named modules cannot be imported.
_START = """
import sys
for name in sys.argv.pop(1).split():
    sys.modules[name] = None
from audit_lib.__main__ import run
run()
"""
_SYMBOLS = "<&> +%/=é"


def _run(without: Iterable[str], *words: object, home: Path) -> "subprocess.CompletedProcess[str]":
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", _START, " ".join(without), *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _leaks(without: Iterable[str], plot: Plot, home: Path, *words: str) -> dict[str, Any]:
    done = _run(without, "leaks", "--project", plot.root, "--format", "json", *words, home=home)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def _places(record: dict[str, Any]) -> list[Any]:
    """Leaks with their places, without ids: those come from a key of the process."""
    leaks = [leak | {"leak_id": ""} for leak in record["leaks"]]
    return sorted(leaks, key=lambda leak: json.dumps(leak, sort_keys=True))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Plot:
    """A repository with a value of an env file in every place and in every form of the planter."""
    plot = new_plot(tmp_path_factory.mktemp("wheels") / "repo")
    lines = []
    for number, (form, write) in enumerate(FORMS.items()):
        value = fake_value(form, 34) + _SYMBOLS[number % len(_SYMBOLS)] + fake_value(form, 6)
        plot.commit(f"forms/{number}.bin", write(value))
        lines.append(f'FORM{number}_TOKEN="{value}"\n')
    for number, (kind, hide) in enumerate(PLACES.items()):
        hide(plot, fake_value(kind))
        lines.append(f"PLACE{number}_TOKEN={fake_value(kind)}\n")
    plot.file("backend/.env", "".join(lines))
    return plot


@pytest.fixture(scope="module")
def fast(planted: Plot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found of it with hyperscan."""
    return _leaks([], planted, tmp_path_factory.mktemp("fast"), "--no-patterns")


def test_numpy_finds_what_hyperscan_finds(planted: Plot, fast: dict[str, Any], tmp_path: Path) -> None:
    """Every leak of the planter's places and forms, with every place, is the same without hyperscan."""
    slow = _leaks(["hyperscan"], planted, tmp_path / "slow", "--no-patterns")
    assert len(fast["leaks"]) >= len(PLACES) + len(FORMS)
    assert _places(slow) == _places(fast)
    assert slow["coverage"] == fast["coverage"]


def test_without_kingfisher_the_patterns_are_not_known(
    planted: Plot, fast: dict[str, Any], tmp_path: Path
) -> None:
    """The search by pattern is incomplete and says why; known values are found as ever."""
    found = _leaks(["kingfisher_sdk"], planted, tmp_path / "found")
    assert _places(found) == _places(fast)
    rows = [row for row in found["coverage"] if row["part"] == "patterns"]
    assert [row["state"] for row in rows] == ["incomplete"]
    assert "kingfisher-secret-scanner is not installed" in rows[0]["reason"]


@pytest.mark.parametrize("module", ["distributed", "fsspec"])
def test_a_cluster_without_its_extra_is_one_line(module: str, tmp_path: Path) -> None:
    """`--scheduler` names what it needs and the extra that brings it, and ends with 2."""
    (tmp_path / "a.log").write_text("x\n")
    words = ("failures", tmp_path / "a.log", "--scheduler", "tcp://127.0.0.1:1")
    done = _run([module], *words, home=tmp_path / "home")
    line = f"a URL or --scheduler: needs {module}: install audit-lib[cluster]\n"
    assert (done.returncode, done.stderr) == (2, line)
