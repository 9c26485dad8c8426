"""`key`: carry the key to a second reviewer, change it, or report it lost."""

import os
import secrets
import sys
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.base.how_started import command
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import PATH, now, writer_name
from audit_lib.cli.snapshot import fingerprints, take_snapshot
from audit_lib.ledger import Draft, all_heads, current_key_ids
from audit_lib.ledger.keys import export_key, key_of, keys_at_hand, open_export, store_key
from audit_lib.ledger.known_heads import write_entry
from audit_lib.secrecy.keeper import Key


@click.group()
def key() -> None:
    """Export, import or change the key, or report it lost."""


@key.command("export")
@options.several(options.project, options.ledger)
@click.option("--out", type=PATH, help="The file to write (default: stdout).")
def export(folder: Path, ledger: Path | None, out: Path | None) -> None:
    """Write the project's key, encrypted with a passphrase.

    The passphrase is asked for without echo, or read as one line from stdin.
    """
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
    click.echo(f"key {found.key_id} written to {out}: send the passphrase by another channel")


@key.command("import")
@click.argument("file", type=PATH)
def import_(file: Path) -> None:
    """Read the key from an exported FILE.

    Keys that you already have are kept.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError):
        raise BadInput.at(str(file), "cannot be read") from None
    found = store_key(open_export(text, _passphrase(confirm=False), str(file)), None)
    click.echo(f"key {found.key_id} is imported")


@key.command()
@options.several(options.project, options.env, options.policy, options.ledger, options.writer)
def change(folder: Path, env: tuple[str, ...], policy: str, ledger: Path | None, writer: str) -> None:
    """Continue under a new key, with fingerprints linked.

    Supply the values of every place (--env): a value that is not supplied cannot be linked.
    """
    context = opened(folder, ledger, policy, env)
    refuse_values(context, {"--writer": writer})
    old = key_of(context.project)
    if old.origin != "file":
        raise BadInput.at("key", f"is a {old.origin} key, which cannot be changed")
    new = Key(secrets.token_bytes(32), "file")
    before, after = fingerprints(context, old), fingerprints(context, new)
    links = {before[place]: after[place] for place in sorted(before)}
    _bridge(context, new, old.key_id, links, writer, old=old)
    if links:
        take_snapshot(context, now(), writer_name(writer), fewer=True)
    linked = counted(len(links), "fingerprint")
    click.echo(f"key {old.key_id} changed to {new.key_id}: {linked} linked; export the new key")


@key.command()
@options.several(options.project, options.ledger, options.writer)
def lost(folder: Path, ledger: Path | None, writer: str) -> None:
    """Report the key lost and continue under a new one.

    Earlier fingerprints can no longer be compared. Ages are not known again until snapshots under the
    new key narrow them.
    """
    context = opened(folder, ledger)
    refuse_values(context, {"--writer": writer}, Key.throw_away())
    named = current_key_ids(context.project.ledger_dir, keys_at_hand())
    if not named:
        raise BadInput.at(str(context.project.ledger_dir), "is not a ledger, so no key can be lost")
    if named & set(keys_at_hand()):
        raise BadInput.at("key", "is not lost: change it instead (key change)")
    new = Key(secrets.token_bytes(32), "file")
    for key_id in sorted(named):
        _bridge(context, new, key_id, None, writer)
    click.echo(f"take a snapshot now: {command('snapshot', '--project', folder)}", err=True)
    click.echo(f"key {', '.join(sorted(named))} is lost: the ledger continues under {new.key_id}")


def _bridge(
    context: Opened,
    new: Key,
    old_id: str,
    links: dict[str, str] | None,
    writer: str,
    *,
    old: Key | None = None,
) -> None:
    """Store the new key and append the bridge to it; no links mean that the old one is lost.

    It carries over what the old key vouches for; without that key, what is there.
    """
    ledger_dir = context.project.ledger_dir
    store_key(new, context.project.root)
    body = {
        "from_key_id": old_id,
        "lost": links is None,
        "links": links or {},
        "heads": all_heads(ledger_dir, old),
    }
    write_entry(ledger_dir, new, Draft("key bridge", body), now(), writer_name(writer))


def _passphrase(*, confirm: bool) -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
        return text
    return sys.stdin.readline().rstrip("\n")
