"""`whose`: which secret a string is. It is read without echo or from stdin, compared, and forgotten."""

import sys
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.cli import options
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.whose import candidates, whose as answer
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project

LONGEST = 64 * 1024


@click.command()
@options.several(options.project, options.ledger)
def whose(folder: Path, ledger: Path | None) -> None:
    """Find out whose secret a string is.

    It prints which secret the string is, where it is in force, or when it was retired.

    The string is asked for without echo, or read from stdin. Its fingerprint, and that of a URL's
    password, is compared with the ledger. Nothing is stored, and no env file is read.
    """
    project = load_project(folder, ledger)
    text = _given()
    keeper = Keeper(Key.throw_away())
    for _, candidate in candidates(text):
        keeper.take(candidate)
    watcher = guard.install(keeper)
    # Its parts may be ordinary, such as the name in NAME=VALUE.
    watcher.classify((), (), "")
    key = key_of(project)
    known = read_ledger(project.ledger_dir, key)
    for line in answer(text, known, key).lines:
        click.echo(line)
    for fault in known.faults:
        click.echo(f"the ledger is damaged: {fault}", err=True)


def _given() -> str:
    """The string; `BadInput` if it is empty or longer than a value can be."""
    if sys.stdin.isatty():
        text: str = click.prompt("String (not shown)", hide_input=True, err=True)
    else:
        raw = sys.stdin.buffer.read(LONGEST + 1)
        if len(raw) > LONGEST:
            raise BadInput.at("stdin", f"holds more than {LONGEST >> 10} KiB: enter one string")
        text = raw.decode("utf-8", "surrogateescape")
    if not text.strip():
        raise BadInput.at("stdin", "is empty: enter the string to look for")
    return text
