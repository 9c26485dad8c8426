"""The command line: `audit-lib COMMAND`, or `python -m audit_lib COMMAND`."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from audit_lib import __version__
from audit_lib.base.errors import AuditError, BadInput
from audit_lib.base.progress import time_limit
from audit_lib.cli.help import GroupedCommands

# Modules are imported when their command runs, so that `whose` answers within a second.
_COMMANDS = {
    "init": ("init",),
    "review": ("review", "sample"),
    "investigate": ("investigate",),
    "leaks": ("leaks",),
    "logs": ("failures", "alerts", "explain"),
    "records": ("whose", "snapshot", "record"),
    "decisions": ("decide", "sign"),
    "verify": ("verify",),
    "rotate": ("rotate", "validate"),
}
COMMANDS = {name: module for module, names in _COMMANDS.items() for name in names}


class _Commands(GroupedCommands):
    """Commands by name, imported on use; an error ends in its exit code and one line a fault."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"audit_lib.cli.{COMMANDS[name]}"), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        # Imported here, so that help does not wait for what searches.
        from audit_lib.cli.terminal import colour  # noqa: PLC0415
        from audit_lib.secrecy.guard import guarded_command  # noqa: PLC0415

        ctx.color = colour()
        with guarded_command():
            return self._run(ctx)

    def _run(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AuditError as error:
            click.echo(str(error), err=True)
            ctx.exit(error.exit_code)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            click.echo(f"internal error: {type(error).__name__} at {place}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="audit-lib")
def main() -> None:
    """Audit an application's secrets and logins. For a first look: `review --sample`."""


def run() -> NoReturn:
    """The console script: one command, then the end of the process."""
    try:
        with time_limit():
            sys.exit(main())
    except BadInput as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    run()
