"""`ledger show`: what was recorded, decided, assigned and closed, one line for each entry."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from audit_lib.base.in_words import counted, instant_words
from audit_lib.cli import options
from audit_lib.cli.open_project import opened
from audit_lib.ledger import Entry, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.report import escape as inert

_Said = Callable[[Mapping[str, Any]], str]


def _place(body: Mapping[str, Any]) -> str:
    return f"{body['secret']} in {body['environment']}/{body['service']}"


# The kinds that people write, and what each says; what is empty is left out.
SHOWN: Mapping[str, _Said] = {
    "rotation": lambda body: f"{_place(body)}, at {body['claimed_at']}",
    "revocation": lambda body: f"{_place(body)}, at {body['claimed_at']}",
    "removal": lambda body: f"{_place(body)}, searched {body['searched']}",
    "creation": lambda body: f"{_place(body)}, at {body['claimed_at']} by {body['witness']}",
    "decision": lambda body: " ".join(
        [
            f"{body['verdict']} {body['subject']}",
            *(f"{word} {body[name]}" for name, word in (("owner", "to"), ("until", "until")) if name in body),
        ]
    ),
    # Of ledgers before 0.3.0.
    "acceptance": lambda body: f"{body['id']} until {body['until']}",
    "assignment": lambda body: f"{body['id']} to {body['owner']}",
    "closure": lambda body: str(body["id"]),
    "attestation": lambda body: f"rule {body['rule']} until {body['until']}",
    "signoff": lambda body: str(body.get("folder", body["manifest_sha256"])),
}
_DETAILS = ("ticket", "reason", "proof")


@click.group()
def ledger() -> None:
    """Show what the ledger records."""


@ledger.command()
@click.argument("about", metavar="[ID]", default="")
@options.several(options.project)
@click.option("--kind", type=click.Choice(tuple(SHOWN)), help="Only entries of this kind.")
@options.ledger
def show(about: str, folder: Path, kind: str | None, ledger: Path | None) -> None:
    """List what people recorded, accepted, attested, assigned and closed.

    With an ID, only what was decided about that finding. Snapshots are counted.
    """
    project = opened(folder, ledger).project
    key = key_of(project)
    found = read_ledger(project.ledger_dir, None if key.origin == "throw-away" else key)
    for fault in found.faults:
        click.echo(inert.plain(f"{fault.place}: {fault.text}"), err=True)
    entries = [entry for entry in found.entries if entry.kind in SHOWN]
    wanted = [
        one
        for one in entries
        if kind in (None, one.kind) and about in ("", one.body.get("id"), one.body.get("subject"))
    ]
    for entry in wanted:
        click.echo(inert.plain(_line(entry)))
    others = len(found.entries) - len(entries)
    left = f"{others} of snapshots, keys and repairs not"
    click.echo(f"{counted(len(wanted), 'entry', 'entries')} shown, {left}", err=True)


def _line(entry: Entry) -> str:
    details = [f"{name}: {entry.body[name]}" for name in _DETAILS if entry.body.get(name)]
    said = "; ".join([SHOWN[entry.kind](entry.body), f"by {entry.body.get('by', '')}".rstrip(), *details])
    return f"{instant_words(entry.at)}  {entry.kind}  {said}  ({entry.place})"
