"""`rotate`: what falls due, the steps of a rotation, a new value, and a new key for the ledger."""

import click

from audit_lib.cli.due import due
from audit_lib.cli.key import key
from audit_lib.cli.new_value import new
from audit_lib.cli.rotation_steps import check, plan


@click.group()
def rotate() -> None:
    """List what falls due, and plan, make and check a rotation."""


for _command in (due, plan, new, check, key):
    rotate.add_command(_command)
