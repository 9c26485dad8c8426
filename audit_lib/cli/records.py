"""`snapshot` and `record`: write to the ledger what was seen and what was done."""

import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.contracts import rows
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.cli.free_text import refuse_values, texts_of
from audit_lib.cli.guarded import guard_values
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import (
    env_option,
    environment_of,
    ledger_option,
    now,
    options,
    policy_option,
    project_option,
    writer_name,
    writer_option,
)
from audit_lib.ledger import Draft, Entry, Ledger, read_ledger
from audit_lib.ledger.keys import key_file, key_of, made_key_of
from audit_lib.ledger.known_heads import write_entry
from audit_lib.ledger.secret_place import SecretPlace
from audit_lib.ledger.tenures import tenures
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.env_files import read_env_sources
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.ledger_observations import Links
from audit_lib.secrets.rotation_claims import seen_already
from audit_lib.secrets.snapshot import lacking, snapshot_draft


@click.command()
@options(project_option, env_option, policy_option, ledger_option, writer_option)
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
    click.echo(f"{entry.place}: {counted(present, 'value')} in {where} seen at {iso(at)}")


def take_snapshot(context: Opened, at: datetime, writer: str, fewer: bool = False) -> Entry:
    """The entry that was appended; the key is created if there is neither ledger nor key.

    Raises:
        BadInput: no value was seen, or, unless `fewer`, none of a place that the writer's last snapshot saw.
    """
    project = context.project
    had_key = key_file().exists()
    key = made_key_of(project)
    if not had_key and key.origin == "file":
        click.echo(f"key: {key.key_id} created in {key_file()}: keep a copy (key export)", err=True)
    draft = snapshot_draft(*_tables(context, key))
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


REVOKED = ("current", "previous")


@click.command()
@click.argument("secret")
@options(project_option)
@click.option("--environment", required=True, help="One of development, staging and production.")
@click.option("--service", default="", help="Which service, if more than one has the secret.")
@click.option(
    "--revoked",
    type=click.Choice(REVOKED),
    help="Record that the provider revoked the current or the previous value.",
)
@click.option("--proof", default="", help="What shows that it was revoked, such as the provider refusing it.")
@click.option(
    "--at",
    "claimed",
    default="",
    help="When it was rotated or revoked (default: by now). A time without a zone is in the project's "
    "time_zone (audit.toml, default: UTC).",
)
@click.option("--by", default="", help="Who did it (default: the writer).")
@click.option("--ticket", default="", help="The ticket's number or address.")
@click.option("--reason", default="", help="Why, such as planned, leaked or somebody left.")
@options(env_option, policy_option, ledger_option, writer_option)
def record(secret: str, folder: Path, environment: str, service: str, claimed: str, **given: Any) -> None:
    """Record that SECRET was rotated or revoked.

    The date is only a claim; without one the record claims that the rotation is done by now. What proves
    it is another value in place than was seen there last. Take a snapshot just before a rotation and
    record it just after, and the age will be known to the day.
    """
    at = now()
    context = opened(folder, given["ledger"], given["policy"], given["env"])
    refuse_values(context, texts_of(given))
    key = key_of(context.project)
    inventory, _, _ = _tables(context, key)
    row = _place(inventory, context, secret, environment_of(environment), service)
    moment, day_only = _claimed(claimed, at, ZoneInfo(context.project.time_zone))
    writer = writer_name(given["writer"])
    body = {
        "secret": row.secret,
        "environment": row.environment,
        "service": row.service,
        "claimed_at": iso(moment),
        "day_only": day_only,
        "by": given["by"] or writer,
        "ticket": given["ticket"],
        "reason": given["reason"],
    }
    if given["revoked"]:
        body |= {"fingerprint": _revoked(row, given["revoked"], context, key), "proof": given["proof"]}
        entry = write_entry(context.project.ledger_dir, key, Draft("revocation", body), at, writer)
        value = f"the {given['revoked']} value of {row.secret} in {row.environment}/{row.service}"
        click.echo(f"{entry.place}: {value}, revoked {iso(moment)}: a claim, no provider was asked")
        return
    if given["proof"]:
        raise BadInput.at("--proof", "is only for --revoked")
    fingerprint = row.fingerprint if row.state == "present" else None
    body |= {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
    if not claimed and body["fingerprint"]:
        _refuse_unchanged(row, read_ledger(context.project.ledger_dir, key))
    entry = write_entry(context.project.ledger_dir, key, Draft("rotation", body), at, writer)
    when = iso(moment) if claimed else f"by {iso(moment)}"
    click.echo(f"{entry.place}: {row.secret} in {row.environment}/{row.service}, rotated {when}")
    if body["fingerprint"] is None:
        click.echo("its value was not supplied (--env), so this is only a claim and proves nothing", err=True)


def _refuse_unchanged(row: Any, ledger: Ledger) -> None:
    """`BadInput` if the value in place was seen before, and no change to it awaits a record."""
    home = SecretPlace(row.secret, row.environment, row.service)
    seen = seen_already(ledger, home, row.source, row.fingerprint)
    if seen is not None:
        told = f"{seen.entry} saw this value at {iso(seen.at)}, and nothing shows a rotation since"
        raise BadInput.at("--at", f"is needed: {told}. Rotate it first, or say when it was rotated")


def _revoked(row: Any, which: str, context: Opened, key: Key) -> str:
    """The fingerprint of the value that was revoked: the one in place, or the last other one before it."""
    if which == "current":
        if row.state != "present":
            raise BadInput.at("--revoked", "needs the current value: supply it with --env")
        return str(row.fingerprint)
    if row.state == "not supplied":
        raise BadInput.at("--revoked", "needs to know the current value: supply it with --env")
    ledger = read_ledger(context.project.ledger_dir, key)
    links, keys = Links(ledger), {entry.place: entry.key_id for entry in ledger.entries}
    home = SecretPlace(row.secret, row.environment, row.service)
    stays = [stay for stay in tenures(ledger) if stay.home == home]
    seen = [links.now(stay.fingerprint, keys[stay.last.place]) for stay in stays]
    others = [one for one in seen if not links.same(one, row.fingerprint or "")]
    # Under a key that is gone it has a fingerprint that nothing can be compared with.
    if not others or ":" in others[-1]:
        raise BadInput.at("--revoked", "is not possible: the ledger has no value before the current one")
    return others[-1]


def _tables(context: Opened, key: Key) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Inventory, sources and drift, under a key."""
    keeper = Keeper(key)
    sources, entries = read_env_sources(context.project, context.given, keeper, context.policy)
    inventory = tabulate_inventory(entries, context.policy, context.project, keeper, sources)
    guard_values(keeper, inventory, context.policy, context.project)
    return inventory, sources, compare_places(inventory, entries, context.policy, keeper)


def fingerprints(context: Opened, key: Key) -> dict[tuple[str, str, str, str], str]:
    """The fingerprint of each value in place, under a key, by secret, variable, environment and service."""
    inventory, _, _ = _tables(context, key)
    return {
        (row.secret, row.variable, row.environment, row.service): row.fingerprint
        for row in rows(inventory)
        if row.fingerprint is not None
    }


def _place(inventory: pd.DataFrame, context: Opened, secret: str, environment: str, service: str) -> Any:
    """The one row of the inventory that is meant; `BadInput` if there are none or several."""
    rule = context.policy.rule(secret)
    name = rule.name if rule else secret
    here = [row for row in rows(inventory[inventory["environment"] == environment]) if row.secret == name]
    found = [row for row in here if service in ("", row.service)]
    if not found:
        raise BadInput.at("SECRET", f"is not known in {environment}{'/' + service if service else ''}")
    if len(found) > 1:
        names = ", ".join(sorted(row.service for row in found))
        raise BadInput.at("--service", f"is required: {environment} has the secret in {names}")
    return found[0]


def _claimed(text: str, at: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The claimed instant and whether only its day is known; `BadInput` if it is in the future."""
    if not text:
        return at, False
    moment = parse_instant(text, "--at", zone)
    day_only = bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))
    if day_only:
        moment = moment.replace(hour=0, minute=0, second=0)
    # Somewhere on earth it may be tomorrow already.
    if moment > at + (timedelta(hours=14) if day_only else timedelta(0)):
        raise BadInput.at("--at", "is in the future: record a rotation when it is done")
    return moment, day_only
