"""`whose`: whose secret a string is. It is read without echo or from stdin, compared, and forgotten."""

import sys
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.whose import whose as answer
from audit_lib.project import load_project

LONGEST = 64 * 1024


@click.command()
@click.option(
    "--project", "folder", type=click.Path(path_type=Path), required=True, help="The application's folder."
)
@click.option(
    "--ledger", type=click.Path(path_type=Path), help="The ledger, if it lies elsewhere than .audit/ledger."
)
def whose(folder: Path, ledger: Path | None) -> None:
    """Say whose secret a string is, where it is in force, or when it was retired.

    The string is asked for without echo, or read from stdin. It is compared by fingerprint with the ledger;
    of a URL the password too. Nothing is stored, and no env file is read.
    """
    project = load_project(folder, ledger)
    text = _given()
    key = key_of(project)
    known = read_ledger(project.ledger_dir, key)
    for line in answer(text, known, key).lines:
        click.echo(line)
    for fault in known.faults:
        click.echo(f"the ledger is not whole: {fault}", err=True)


def _given() -> str:
    """The string; `BadInput` where there is none, or more than a value can be."""
    if sys.stdin.isatty():
        text: str = click.prompt("String (not shown)", hide_input=True, err=True)
    else:
        raw = sys.stdin.buffer.read(LONGEST + 1)
        if len(raw) > LONGEST:
            raise BadInput.at("stdin", f"holds more than {LONGEST >> 10} KiB: give one string")
        text = raw.decode("utf-8", "surrogateescape")
    if not text.strip():
        raise BadInput.at("stdin", "is empty: give the string to look for")
    return text
