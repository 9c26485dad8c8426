"""`sample`: writes the sample project, to try every command on."""

import shlex
from pathlib import Path

import click

from audit_lib.cli.options import PATH
from audit_lib.sample import build_sample
from audit_lib.settings.load import remember_sample


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
def sample(folder: Path) -> None:
    """Write the sample project to DIR, a new or empty folder.

    It has env files of three environments, the logs of 2026Q3, a git repository with history and a
    ledger under the public demo key. All values are fake and generated on the spot.
    """
    build_sample(folder)
    if not remember_sample(folder):
        click.echo(
            "the sample cannot be opened by its path: no state can be kept in the home folder", err=True
        )
    click.echo(
        f"sample project written; review it: {shlex.join(['audit-lib', 'review', '--project', str(folder)])}"
    )
