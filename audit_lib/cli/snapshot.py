"""`snapshot`: writes to the ledger which values are in place, as keyed fingerprints."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import now, writer_name
from audit_lib.cli.terminal import DOUBT, GOOD, say
from audit_lib.ledger import Draft, Entry, Ledger, read_ledger, write_entry
from audit_lib.ledger.keys import key_file, key_of, made_key_of
from audit_lib.report.known_values import guard_values
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.snapshot import lacking, snapshot_draft
from audit_lib.secrets.sources import read_env_sources

MOST_NAMES = 5


@click.command()
@options.several(options.project, options.env, options.policy, options.ledger, options.writer)
@click.option("--fewer", is_flag=True, help="Accept that places of your last snapshot have no values now.")
def snapshot(
    folder: Path, env: tuple[str, ...], policy: str, ledger: Path | None, *, writer: str, fewer: bool
) -> None:
    """Record which values are in place, as keyed fingerprints.

    Run it each week and at each deploy: snapshots prove later how old a secret is. No value is written.
    The first snapshot creates the key.
    """
    at = now()
    context = opened(folder, ledger, policy, env)
    refuse_values(context, {"--writer": writer})
    entry = take_snapshot(context, at, writer_name(writer), fewer)
    seen = entry.body["secrets"]
    present = sum(row["fingerprint"] is not None for row in seen)
    where = counted(len(entry.body["places"]), "place")
    say(f": {counted(present, 'value')} in {where} seen at {iso(at)}", entry.place, GOOD)
    _say_changes(entry, read_ledger(context.project.ledger_dir, key_of(context.project)))
    say(" in a week, and after each deploy", "Take the next")


def _say_changes(entry: Entry, ledger: Ledger) -> None:
    """Which values are not those of the writer's snapshot before, and which are not there."""
    before = [one for one in ledger.of_kind("snapshot") if one.writer == entry.writer and one.seq < entry.seq]
    now_, then = _seen(entry), _seen(before[-1]) if before else {}
    changed = [name for name, value in now_.items() if value and value != then.get(name)]
    if before:
        names = f": {few(changed, MOST_NAMES)}" if changed else ""
        say(f" {counted(len(changed), 'value')}{names}", f"changed or new since {before[-1].place}:")
    if absent := [name for name, value in now_.items() if not value]:
        say(f" {counted(len(absent), 'secret')}: {few(absent, MOST_NAMES)}", "without a value:", DOUBT)


def _seen(entry: Entry) -> dict[str, str | None]:
    """The fingerprint by secret and place."""
    rows_ = entry.body["secrets"]
    return {
        f"{row['variable']} in {row['environment']}/{row['service']}": row["fingerprint"] for row in rows_
    }


def take_snapshot(context: Opened, at: datetime, writer: str, fewer: bool = False) -> Entry:
    """The entry that was appended; the key is created if there is neither ledger nor key.

    Raises:
        BadInput: no value was seen, or, unless `fewer`, none of a place that the writer's last snapshot saw.
    """
    project = context.project
    had_key = key_file().exists()
    key = made_key_of(project)
    if not had_key and key.origin == "file":
        click.echo(f"key: {key.key_id} created in {key_file()}: keep a copy", err=True)
    draft = snapshot_draft(*tables_in_place(context, key))
    configuration = {"audit_toml": project.layout_sha256, "policy": context.policy.sha256}
    draft = replace(draft, body={**draft.body, "configuration": configuration})
    if not draft.body["places"]:
        raise BadInput.at(str(project.root), "has no env file that can be read, and no --env was given")
    if not any(row["fingerprint"] is not None for row in draft.body["secrets"]):
        raise BadInput.at(str(project.root), "has not one value of a secret: there is nothing to record")
    if not fewer:
        _ask_about_lacking(draft, read_ledger(project.ledger_dir, key), writer)
    return write_entry(project.ledger_dir, key, draft, at, writer)


def _ask_about_lacking(draft: Draft, ledger: Ledger, writer: str) -> None:
    """Ask on a terminal, else refuse, if places have no values any more: probably they were forgotten."""
    own = [entry for entry in ledger.of_kind("snapshot") if entry.writer == writer]
    lost = lacking(draft, own[-1] if own else None)
    if not lost:
        return
    told = f"no value of {', '.join(lost)} was seen, and {own[-1].place} saw some"
    if not sys.stdin.isatty():
        raise BadInput.at("snapshot", f"{told}: give them with --env, or take it with snapshot --fewer")
    click.confirm(f"{told}. Record it all the same?", abort=True, err=True)


def tables_in_place(context: Opened, key: Key) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Inventory, sources and drift, under a key."""
    keeper = Keeper(key)
    sources, entries = read_env_sources(context.project, context.given, keeper, context.policy)
    inventory = tabulate_inventory(entries, context.policy, context.project, keeper, sources)
    guard_values(keeper, inventory, context.policy, context.project)
    return inventory, sources, compare_places(inventory, entries, context.policy, keeper)


def fingerprints(context: Opened, key: Key) -> dict[tuple[str, str, str, str], str]:
    """The fingerprint of each value in place, under a key, by secret, variable, environment and service."""
    inventory, _, _ = tables_in_place(context, key)
    return {
        (row.secret, row.variable, row.environment, row.service): row.fingerprint
        for row in rows(inventory)
        if row.fingerprint is not None
    }
