"""The help is complete: every command in a group and on one line, every option explained."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.cli import COMMANDS, GROUPS


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each command and subcommand with its name, as typed."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", one) for sub, one in command.commands.items())


ALL = dict(commands())


def test_a_summary_is_the_first_sentence_of_the_help() -> None:
    """Each command is in one group. The list of commands imports none, and says the same as each of them: a
    whole sentence, also at 80 columns."""
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    summaries = {name: text for group in GROUPS.values() for name, text in group.items()}
    assert {name: ALL[name].get_short_help_str(100) for name in COMMANDS} == summaries
    lines = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    assert [f"{title}:" in lines for title in GROUPS] == [True] * len(GROUPS)
    for name, text in summaries.items():
        line = next(line for line in lines if line.startswith(f"  {name} "))
        assert line.endswith(text)
        assert text.endswith(".") and not text.endswith("...")  # noqa: PT018
    code = "import sys, audit_lib.__main__ as m; m.main(['-h'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {f"audit_lib.cli.{module}" for module in COMMANDS.values()}
    assert loaded.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("name", ALL)
def test_a_command_explains_itself(name: str) -> None:
    """An option without a word of help cannot be used; -h works as --help, and has one example of the command
    as it is typed, or of one of its own. Where a command takes --project, it is `.` unless it is given."""
    options = [one for one in ALL[name].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    assert CliRunner().invoke(main, [*name.split(), "-h"]).exit_code == 0
    (example,) = (text for text in (ALL[name].help or "").split("\n\n") if text.startswith("Example: "))
    assert f"audit-lib {name} " in f"{example} "
    assert {one.default for one in options if "--project" in one.opts} <= {"."}
