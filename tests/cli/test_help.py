"""The help is complete: every command in a group, every option explained, an example of each."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.cli import COMMANDS, GROUPS


def _commands() -> dict[str, click.Command]:
    """Each command and subcommand by its name, as typed."""
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in COMMANDS}
    assert all(found.values())
    groups = {name: one.commands for name, one in found.items() if isinstance(one, click.Group)}
    subs = {f"{name} {sub}": one for name, commands in groups.items() for sub, one in commands.items()}
    return {**found, **subs}  # type: ignore[dict-item]


def test_the_list_of_commands_imports_none_of_them() -> None:
    """Each command is in one group, and listed on one line that is the first sentence of its own help."""
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    commands, summaries = (
        _commands(),
        {name: text for group in GROUPS.values() for name, text in group.items()},
    )
    assert {name: commands[name].get_short_help_str(100) for name in COMMANDS} == summaries
    lines = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    assert all(any(line.split()[:1] == [name] and line.endswith(text) for line in lines)
               for name, text in summaries.items())  # fmt: skip
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
