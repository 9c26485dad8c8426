"""`rotate key`: continue under a new key."""

import secrets
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import now, writer_name
from audit_lib.cli.snapshot import fingerprints, take_snapshot
from audit_lib.ledger import Draft, all_heads, write_entry
from audit_lib.ledger.keys import key_of, store_key
from audit_lib.secrecy.keeper import Key


@click.command()
@options.several(options.project, options.env, options.policy, options.ledger, options.writer)
def key(folder: Path, env: tuple[str, ...], policy: str, ledger: Path | None, writer: str) -> None:
    """Change the ledger's key, with fingerprints linked.

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
    click.echo(
        f"key {old.key_id} changed to {new.key_id}: {linked} linked; give every reviewer the new key file"
    )


def _bridge(
    context: Opened,
    new: Key,
    old_id: str,
    links: dict[str, str],
    writer: str,
    *,
    old: Key,
) -> None:
    """Store the new key and append the bridge to it, which carries over what the old key vouches for."""
    ledger_dir = context.project.ledger_dir
    store_key(new, context.project.root)
    body = {
        "from_key_id": old_id,
        "lost": False,
        "links": links,
        "heads": all_heads(ledger_dir, old),
    }
    write_entry(ledger_dir, new, Draft("key bridge", body), now(), writer_name(writer))
