"""Every command runs under the guard: its streams, its crash, and no core dump."""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from audit_lib.cli import COMMANDS
from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.paths import ROOT

TOKEN = fake_value("every command")
# Whatever the command does, its process then says the value and crashes with it.
_START = """
import resource, sys
import click
from audit_lib import __main__
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
token = sys.stdin.readline().strip()

def crash(*args, **given):
    keeper = Keeper(Key.throw_away())
    keeper.take(token)
    guard.install(keeper)
    print("core", resource.getrlimit(resource.RLIMIT_CORE))
    print(token, token.encode().hex())
    print(token, file=sys.stderr)
    raise ValueError(token)

command = click.Command(sys.argv[1], callback=crash)
__main__._Commands.get_command = lambda self, ctx, name: command
__main__.run()
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_says_a_value(name: str) -> None:
    """Printed, written to stderr or raised, a known value does not come out, and no core can be dumped."""
    limits = (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2
    core = partial(resource.setrlimit, resource.RLIMIT_CORE, limits)
    start = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=core)
    done = start([sys.executable, "-c", _START, name], input=TOKEN)
    assert done.returncode == 1
    assert "core (0, 0)" in done.stdout
    assert "[secret removed]" in done.stdout
    assert "internal error: ValueError" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN.encode().hex() not in done.stdout


@pytest.mark.parametrize("layout", ["table", "json", "sarif"])
def test_leaks_says_no_value_in_a_path(tmp_path: Path, layout: str) -> None:
    """A branch, a file and a folder that spell a value are listed without it."""
    spelled = ",".join(f"{byte}" for byte in TOKEN.encode()[:43])
    (tmp_path / ".env").write_text(f"API_TOKEN={TOKEN}\n")
    (tmp_path / f"a-{spelled}").write_text(TOKEN)
    command = [sys.executable, "-m", "audit_lib", "leaks", "--project", str(tmp_path), "--format", layout]
    home = str(with_rules(tmp_path.parent / "home"))
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "API_TOKEN" in done.stdout
    assert spelled not in done.stdout + done.stderr
