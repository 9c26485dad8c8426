"""Every command explains itself, and runs under the guard: its streams, its crash, and no core dump."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.cli import COMMANDS, GROUPS
from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.paths import ROOT

TOKEN = fake_value("every command")
# Starts once and gives each command line a process of its own, since a start takes longer than a command.
# With a value on stdin the process says it and crashes with it, whatever the command does.
_EACH = """
import os, resource, shlex, sys
import click
import audit_lib.cli.leaks
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

for line in sys.argv[1:]:
    if not (child := os.fork()):
        sys.argv = ["audit-lib", *shlex.split(line)]
        if token:
            command = click.Command(sys.argv[1], callback=crash)
            __main__._Commands.get_command = lambda self, ctx, name: command
        __main__.run()
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), line, flush=True)
"""


def _run(*lines: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """What command lines say, one after the other, begun with cores of any size allowed."""
    limits = (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2
    return subprocess.run(
        [sys.executable, "-c", _EACH, *lines],
        input=typed,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_CORE, limits),
    )


def test_no_command_says_a_value() -> None:
    """Printed, written to stderr or raised, a known value does not come out, and no core can be dumped."""
    done = _run(*COMMANDS, typed=TOKEN)
    for name in COMMANDS:
        assert f"ended 1 {name}\n" in done.stdout
    for text in ("core (0, 0)", "[secret removed]"):
        assert done.stdout.count(f"{text}") >= len(COMMANDS)
    assert done.stderr.count("internal error: ValueError") == len(COMMANDS)
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN.encode().hex() not in done.stdout


def test_leaks_says_no_value_in_a_path(tmp_path: Path) -> None:
    """A branch, a file and a folder that spell a value are listed without it, in each format."""
    project = tmp_path / "project"
    project.mkdir()
    spelled = ",".join(f"{byte}" for byte in TOKEN.encode()[:43])
    (project / ".env").write_text(f"API_TOKEN={TOKEN}\n")
    (project / f"a-{spelled}").write_text(TOKEN)
    lines = [f"leaks --project {project} --format {layout}" for layout in ("table", "json", "sarif")]
    done = _run(*lines, HOME=str(with_rules(tmp_path / "home")))
    assert ["API_TOKEN" in text for text in done.stdout.split("ended 0 ")] == [True, True, True, False]
    assert spelled not in done.stdout + done.stderr


# ---- Help ----


def _commands() -> dict[str, click.Command]:
    """Each command and subcommand by its name, as typed."""
    found = {name: main.get_command(click.Context(main), name) for name in COMMANDS}
    assert all(found.values())
    groups = {name: one.commands for name, one in found.items() if isinstance(one, click.Group)}
    subs = {f"{name} {sub}": one for name, commands in groups.items() for sub, one in commands.items()}
    return {**found, **subs}  # type: ignore[dict-item]


def test_the_list_of_commands_imports_none_of_them() -> None:
    """Each command is in one group, and listed on one line that is the first sentence of its own help."""
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    commands = _commands()
    summaries = {name: text for group in GROUPS.values() for name, text in group.items()}
    assert {name: commands[name].get_short_help_str(100) for name in COMMANDS} == summaries
    lines = [
        line.split() for line in CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    ]
    assert [name for name, text in summaries.items() if [name, *text.split()] not in lines] == []
    code = "import sys, audit_lib.__main__ as m; m.main(['-h'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {f"audit_lib.cli.{module}" for module in COMMANDS.values()}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name: str) -> None:
    """An option without a word of help cannot be used; -h works as --help, and has one example of the command
    as it is typed, or of one of its own. Where a command takes --project, it is `.` unless it is given."""
    for typed, command in _commands().items():
        if typed.split()[0] == name:
            options = [one for one in command.params if isinstance(one, click.Option)]
            assert [one.name for one in options if not one.help] == []
            assert CliRunner().invoke(main, [*typed.split(), "-h"]).exit_code == 0
            (text,) = (part for part in (command.help or "").split("\n\n") if part.startswith("Example: "))
            assert f"audit-lib {typed} " in f"{text} "
            assert {one.default for one in options if "--project" in one.opts} <= {"."}
