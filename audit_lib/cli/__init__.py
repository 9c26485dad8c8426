"""The command line: its commands in groups, each in the module that is imported when it runs."""

import importlib
import tomllib
from pathlib import Path
from typing import Any

import click

# What each says of itself is data, so that a list of all commands imports none of them.
_FILE = Path(__file__).with_name("commands.toml")
_TEXTS: dict[str, dict[str, str]] = tomllib.loads(_FILE.read_text("utf-8"))
COMMANDS = {name: texts["module"] for name, texts in _TEXTS.items() if "module" in texts}
GROUPS: dict[str, dict[str, str]] = {}
for _name in COMMANDS:
    GROUPS.setdefault(_TEXTS[_name]["group"], {})[_name] = _TEXTS[_name]["help"].partition("\n")[0]


class GroupedCommands(click.Group):
    """Commands by name, imported on use; the help lists them in groups, a wrong name gets the nearest."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name, from its module."""
        if name in COMMANDS:
            return explained(getattr(importlib.import_module(f"{__name__}.{COMMANDS[name]}"), name), name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        width = max(map(len, COMMANDS))
        for title, summaries in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in summaries.items()])


def explained(command: click.Command, name: str) -> click.Command:
    """The command with its texts, as they are in commands.toml, and those of its options and subcommands."""
    texts = _TEXTS["common"] | _TEXTS[name]
    command.help = texts["help"] + (f"\n\nExample: {texts['example']}" if "example" in texts else "")
    for param in command.params:
        if isinstance(param, click.Option):
            param.help = texts[param.opts[0]]
    if isinstance(command, click.Group):
        for sub, one in command.commands.items():
            explained(one, f"{name} {sub}")
    return command
