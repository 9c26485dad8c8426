"""The commands of the command line, in modules that are imported when a command runs."""

import importlib
import tomllib
from pathlib import Path

import click

# What each says of itself is data, so that a list of all commands imports none of them.
_TEXTS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("commands.toml").read_text("utf-8"),
)
COMMANDS = {name: texts["module"] for name, texts in _TEXTS.items() if "module" in texts}
GROUPS: dict[str, dict[str, str]] = {  # by title its commands, each with the first line of its help
    title: {
        name: _TEXTS[name]["help"].partition("\n")[0] for name in COMMANDS if _TEXTS[name]["group"] == title
    }
    for title in dict.fromkeys(_TEXTS[name]["group"] for name in COMMANDS)
}


def load_command(name: str, command: click.Command | None = None) -> click.Command:
    """The command of a name from its module, with the texts of its options and subcommands."""
    made = command or getattr(importlib.import_module(f"{__name__}.{COMMANDS[name]}"), name)
    texts = _TEXTS["common"] | _TEXTS[name]
    made.help = f"{texts['help']}\n\nExample: {texts['example']}"
    for param in made.params:
        if isinstance(param, click.Option):
            param.help = texts[param.opts[0]]
    for sub, one in made.commands.items() if isinstance(made, click.Group) else ():
        load_command(f"{name} {sub}", one)
    return made
