"""`key`: carry the key to a second reviewer, change it, or say that it is lost."""

import os
import secrets
import sys
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.base.how_started import command
from audit_lib.cli.options import (
    Opened,
    env_option,
    ledger_option,
    now,
    opened,
    options,
    policy_option,
    project_option,
    writer_name,
    writer_option,
)
from audit_lib.cli.records import fingerprints, take_snapshot
from audit_lib.ledger import Draft, all_heads, current_key_ids
from audit_lib.ledger.keys import export_key, key_of, keys_at_hand, open_export, store_key
from audit_lib.ledger.known_heads import write_entry
from audit_lib.secrecy.keeper import Key


@click.group()
def key() -> None:
    """Export, import, change the key, or say that it is lost."""


@key.command("export")
@options(project_option, ledger_option)
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; by default stdout.")
def export(folder: Path, ledger: Path | None, out: Path | None) -> None:
    """Write the project's key, encrypted under a passphrase (asked without echo, or a line of stdin)."""
    found = key_of(opened(folder, ledger).project)
    text = export_key(found, _passphrase(confirm=True))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise BadInput.at(str(out), f"cannot be written ({error.strerror})") from None
    click.echo(f"key {found.key_id} written to {out}: pass the passphrase on by another way")


@key.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Take the key from an exported FILE; another key that is there stays."""
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError):
        raise BadInput.at(str(file), "cannot be read") from None
    found = store_key(open_export(text, _passphrase(confirm=False), str(file)), None)
    click.echo(f"key {found.key_id} is at hand now")


@key.command()
@options(project_option, env_option, policy_option, ledger_option, writer_option)
def change(folder: Path, env: tuple[str, ...], policy: str, ledger: Path | None, writer: str) -> None:
    """Go on under a new key: one audit holds both and links the fingerprints of all values at hand.

    Give every place's values (--env), since what is not at hand cannot be linked.
    """
    context = opened(folder, ledger, policy, env)
    old = key_of(context.project)
    if old.origin != "file":
        raise BadInput.at("key", f"is a {old.origin} key: there is nothing to change")
    new = Key(secrets.token_bytes(32), "file")
    before, after = fingerprints(context, old), fingerprints(context, new)
    links = {before[place]: after[place] for place in sorted(before)}
    _bridge(context, new, old.key_id, links, writer)
    if links:
        take_snapshot(context, now(), writer_name(writer))
    click.echo(f"key {old.key_id} changed to {new.key_id}: {len(links)} fingerprints linked; export it anew")


@key.command()
@options(project_option, ledger_option, writer_option)
def lost(folder: Path, ledger: Path | None, writer: str) -> None:
    """Say that the key is lost and go on under a new one.

    Fingerprints from before can no longer be compared: every age is unbounded from then on, until
    snapshots under the new key bound it again.
    """
    context = opened(folder, ledger)
    named = current_key_ids(context.project.ledger_dir, keys_at_hand())
    if not named:
        raise BadInput.at(str(context.project.ledger_dir), "there is no ledger: no key can be missed")
    if named & set(keys_at_hand()):
        raise BadInput.at("key", "is at hand: change it instead (key change)")
    new = Key(secrets.token_bytes(32), "file")
    for key_id in sorted(named):
        _bridge(context, new, key_id, None, writer)
    click.echo(f"take a snapshot now: {command('snapshot', '--project', folder)}", err=True)
    click.echo(f"key {', '.join(sorted(named))} is lost: the ledger goes on under {new.key_id}")


def _bridge(context: Opened, new: Key, old_id: str, links: dict[str, str] | None, writer: str) -> None:
    """Store the new key and append the bridge to it; no links say that the old one is lost."""
    ledger_dir = context.project.ledger_dir
    store_key(new, context.project.root)
    body = {
        "from_key_id": old_id,
        "lost": links is None,
        "links": links or {},
        "heads": all_heads(ledger_dir),
    }
    write_entry(ledger_dir, new, Draft("key bridge", body), now(), writer_name(writer))


def _passphrase(*, confirm: bool) -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
        return text
    return sys.stdin.readline().rstrip("\n")
