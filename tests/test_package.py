"""The package: what is in the wheel, and that it does installed what it does in a checkout."""

import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import audit_lib
from audit_lib.__main__ import main
from tests.support.applications import write
from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.hostile import booby_trap
from tests.support.paths import ROOT
from tests.support.reproduced import reproduce

SHOP = {"backend/.env": f"JWT_SECRET_KEY={fake_value('inside')}\n"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_hooks_start_the_console_script() -> None:
    """What `.pre-commit-hooks.yaml` runs is a command that the package installs, with options it has."""
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")):
        program, *words = hook["entry"].split()
        assert program in PROJECT["scripts"]
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
        assert hook["language"] == "python"
        assert ("types" in hook) == hook.get("pass_filenames", True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network by the pinned backend."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """Modules, data, notebooks and licence are in it, and nothing else."""
    kept = [path for path in (ROOT / "audit_lib").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(ROOT).as_posix() for path in kept}
    expected |= {f"audit_lib/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    metadata = f"audit_lib-{audit_lib.__version__}.dist-info"
    assert {f"{metadata}/licenses/LICENSE", f"{metadata}/entry_points.txt"} < names
    assert "audit_lib/py.typed" in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the console script in an environment of its own, which borrows the dependencies."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A path in a .pth file adds the folder alone: the checkout, which a .pth in there names, stays out.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # nbconvert looks for its templates here.
    (folder / "share/jupyter").mkdir(parents=True)
    for name in ("nbconvert", "kernels"):
        (folder / "share/jupyter" / name).symlink_to(Path(sys.prefix) / "share/jupyter" / name)
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--offline", "--no-deps", "--python", folder / "bin/python", wheel]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "bin"


def _run(bin_: Path, command: list[str], cwd: Path, home: Path) -> str:
    """What a command says to its user, who has the console script on the path and a home of their own."""
    environment = {"HOME": str(home), "PATH": f"{bin_}:/usr/bin:/bin"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_installed_it_reviews_the_sample_to_the_byte(installed: Path, tmp_path: Path) -> None:
    """Started within a project whose modules and settings are traps, it springs none, uses the notebooks of
    the package in its own interpreter, and gives the committed report anywhere."""
    project, sprung = write(tmp_path / "project", SHOP), tmp_path / "sprung"
    booby_trap(project, sprung)
    script = str(installed / "audit-lib")
    _run(installed, [script, "leaks", "--project", "."], project, with_rules(tmp_path / "home"))
    reproduce(["audit-lib"], project, tmp_path / "another home", {"PATH": f"{installed}:/usr/bin:/bin"})
    assert not sprung.exists(), sprung.read_text()
    code = "import audit_lib, sys; sys.stdout.write(audit_lib.__file__)"
    at = subprocess.run([installed / "python", "-P", "-c", code], capture_output=True, text=True, check=True)
    assert Path(at.stdout).is_relative_to(installed.parent)


def test_a_printed_command_runs_as_printed(installed: Path, tmp_path: Path) -> None:
    """`init` prints the next command quoted; a shell takes it as it is."""
    cwd, project = installed.parents[1], write(tmp_path / "my project's", SHOP)
    key = {"AUDIT_KEY_FILE": str(tmp_path / ".config/audit_lib/key")}
    said = CliRunner().invoke(main, ["init", "--project", str(project)], env=key).output
    following = re.search(r"(?m)^next: (audit-lib snapshot --project .*?)  \(", said)
    assert following is not None
    assert " seen at " in _run(installed, ["sh", "-c", following[1]], cwd, tmp_path)
