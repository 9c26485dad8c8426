"""The command line: `audit-lib COMMAND`, or `python -m audit_lib COMMAND`."""

import atexit
import gc
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from audit_lib import __version__
from audit_lib.base.errors import AuditError
from audit_lib.cli import COMMANDS, GROUPS, load_command


class _Commands(click.Group):
    """Commands in groups, each under the guard; an error ends in its exit code and one line a fault.

    What no room raised on purpose ends with 1, with its class and place alone: its text may hold a value.
    """

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return load_command(name) if name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, texts in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in texts.items()])

    def invoke(self, ctx: click.Context) -> object:
        # Imported here, so that help does not wait for what searches.
        from audit_lib.cli.open_project import colour  # noqa: PLC0415
        from audit_lib.secrecy.guard import guarded_command  # noqa: PLC0415

        ctx.color = colour()
        with guarded_command():
            try:
                return super().invoke(ctx)
            except AuditError as error:
                click.echo(str(error), err=True)
                ctx.exit(error.exit_code)
            except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
                raise
            except Exception as error:
                frame, kind = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
                click.echo(f"internal error: {kind} at {Path(frame.filename).name}:{frame.lineno}", err=True)
                ctx.exit(1)


@click.group(cls=_Commands, commands={**COMMANDS}, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="audit-lib")
def main() -> None:
    """Audit an application's secrets and logins. For a first look: `review --sample`."""


def run() -> NoReturn:
    """One command, which the system ends after six hours: no cron job waits in silence for ever."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # even if native code never returns
    signal.alarm(6 * 3600)  # seconds
    # What is imported is no garbage: it is not looked through all the time, nor once more at the end.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    sys.exit(main())


if __name__ == "__main__":
    run()
