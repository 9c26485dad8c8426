"""`record`: writes to the ledger what was done with a secret, by whom, approved by whom, and why."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.contracts import rows
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import few
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values, texts_of
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import environment_of, now, writer_name
from audit_lib.cli.rotation_options import approval, entered_value, rotation_options
from audit_lib.cli.snapshot import tables_in_place
from audit_lib.leaks.removal import search_removed
from audit_lib.ledger import Draft, Ledger, read_ledger
from audit_lib.ledger.keys import keeper_of, key_of
from audit_lib.ledger.known_heads import write_entry
from audit_lib.ledger.tenures import SecretPlace, tenures
from audit_lib.rotation.store_changes import present_stays
from audit_lib.secrecy.keeper import Key
from audit_lib.secrets.ledger_observations import Links
from audit_lib.secrets.rotation_claims import seen_already
from audit_lib.secrets.value_rules import hold

REVOKED = ("current", "previous")
_REMOVAL = ("secret", "environment", "service", "by", "ticket", "reason")
SHOWN = 5  # places of a value that is still there


@click.command()
@click.argument("secret")
@options.several(options.project)
@click.option("--environment", required=True, help="One of development, staging and production.")
@click.option("--service", default="", help="Which service, if more than one has the secret.")
@click.option(
    "--revoked",
    type=click.Choice(REVOKED),
    help="Record that the provider revoked the current or the previous value.",
)
@click.option(
    "--removed",
    is_flag=True,
    help="Enter the replaced value, search the whole project for it, and record that it is nowhere.",
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
@options.several(*rotation_options)
@options.several(options.env, options.policy, options.ledger, options.writer)
def record(secret: str, folder: Path, environment: str, service: str, claimed: str, **given: Any) -> None:
    """Record that SECRET was rotated, revoked or purged.

    The date is only a claim; without one the record claims that the rotation is done by now. What proves
    it is another value in place than was seen there last. Take a snapshot just before a rotation and
    record it just after, and the age will be known to the day.
    """
    at = now()
    context = opened(folder, given["ledger"], given["policy"], given["env"])
    refuse_values(context, texts_of(given))
    key = key_of(context.project)
    inventory, _, _ = tables_in_place(context, key)
    row = _place(inventory, context, secret, environment_of(environment), service)
    moment, day_only = _claimed(claimed, at, ZoneInfo(context.project.time_zone))
    writer = writer_name(given["writer"])
    place = f"{row.secret} in {row.environment}/{row.service}"
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
    if given["removed"]:
        draft = _removal(row, context, key, {name: body[name] for name in _REMOVAL})
        said = f"that value was found nowhere, in {draft.body['searched']}"
        doubt = "not everything was searched, so whether it is removed is not known"
        doubt = "" if draft.body["whole"] else doubt
    elif given["revoked"]:
        body |= {"fingerprint": _revoked(row, given["revoked"], context, key), "proof": given["proof"]}
        draft, doubt = Draft("revocation", body), ""
        said = (
            f"the {given['revoked']} value of {place}, revoked {iso(moment)}: a claim, no provider was asked"
        )
    else:
        if given["proof"]:
            raise BadInput.at("--proof", "is only for --revoked")
        fingerprint = row.fingerprint if row.state == "present" else None
        body |= {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
        body |= approval(given, ZoneInfo(context.project.time_zone), at)
        if not claimed and fingerprint:
            _refuse_unchanged(row, read_ledger(context.project.ledger_dir, key))
        draft = Draft("rotation", body)
        said = f"{place}, rotated {'' if claimed else 'by '}{iso(moment)}"
        doubt = "its value was not supplied (--env), so this is only a claim and proves nothing"
        doubt = "" if fingerprint else doubt
    entry = write_entry(context.project.ledger_dir, key, draft, at, writer)
    click.echo(f"{entry.place}: {said}")
    if doubt:
        click.echo(doubt, err=True)


def _removal(row: Any, context: Opened, key: Key, said: dict[str, str]) -> Draft:
    """The record that a value that is entered is nowhere; `BadInput` if the search finds it somewhere."""
    rule = context.policy.rule(row.secret)
    keeper = keeper_of(context.project)
    value = entered_value("The replaced value (not shown)")
    fingerprint = hold(keeper, keeper.take(value), rule.component if rule else "whole").part
    ledger = read_ledger(context.project.ledger_dir, key)
    if fingerprint == row.fingerprint:
        raise BadInput.at("--removed", f"{row.secret} has this value still: rotate it first")
    if fingerprint not in {stay.fingerprint for stay in present_stays(ledger)}:
        raise BadInput.at("--removed", "needs a value that the ledger has seen: this one it never saw")
    found = search_removed(context.project, keeper, fingerprint, row.variable)
    if found.places:
        raise BadInput.at("--removed", f"it is still in {few(found.places, SHOWN, '; ')}")
    seen = {"fingerprint": fingerprint, "whole": found.whole, "searched": found.searched}
    return Draft("removal", said | seen)


def _refuse_unchanged(row: Any, ledger: Ledger) -> None:
    """`BadInput` if the value in place was seen before, and no change to it awaits a record."""
    home = SecretPlace.of(row)
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
    home = SecretPlace.of(row)
    stays = [stay for stay in tenures(ledger) if stay.home == home]
    seen = [links.now(stay.fingerprint, keys[stay.last.place]) for stay in stays]
    others = [one for one in seen if not links.same(one, row.fingerprint or "")]
    # Under a key that is gone it has a fingerprint that nothing can be compared with.
    if not others or ":" in others[-1]:
        raise BadInput.at("--revoked", "is not possible: the ledger has no value before the current one")
    return others[-1]


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
