"""`record`: writes to the ledger what was done with a secret, by whom, approved by whom, and why."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import few
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values, texts_of
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import environment_of, now, writer_name
from audit_lib.cli.rotation_options import approval, entered_value, rotation_options
from audit_lib.cli.snapshot import tables_in_place
from audit_lib.leaks.find_leaks import search_removed
from audit_lib.ledger import Draft, Ledger, read_ledger, write_entry
from audit_lib.ledger.keys import keeper_of, key_of
from audit_lib.ledger.timeline import SecretPlace, tenures
from audit_lib.secrecy.keeper import Key
from audit_lib.secrets.claims import seen_already
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
@click.option("--created-at", default="", help="When the provider created the current value, as it says.")
@click.option("--source", default="", help="Where that stands, such as 'Stripe dashboard'.")
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
    """Record a rotation, revocation, purge or creation of SECRET.

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
    zone = ZoneInfo(context.project.time_zone)
    moment, day_only = _claimed(given["created_at"] or claimed, at, zone)
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
    asked = _Asked(row, context, key, at, not claimed, body, given)
    ways = {"created_at": _creation, "removed": _removal, "revoked": _revocation}
    done = next((way for name, way in ways.items() if given[name]), _rotation)
    draft, said, doubt = done(asked)
    entry = write_entry(context.project.ledger_dir, key, draft, at, writer)
    click.echo(f"{entry.place}: {said}")
    if doubt:
        click.echo(doubt, err=True)


class _Asked(NamedTuple):
    """What the command was asked to record."""

    row: Any  # the secret's row of the inventory
    context: Opened
    key: Key
    at: datetime  # of the command itself, UTC
    undated: bool  # no --at: it is done by now
    body: dict[str, Any]  # what every such record says
    given: dict[str, Any]  # the other options

    @property
    def place(self) -> str:
        return f"{self.row.secret} in {self.row.environment}/{self.row.service}"


# What is written, what the command says of it, and what of it is in doubt.
_Written = tuple[Draft, str, str]


def _rotation(asked: _Asked) -> _Written:
    """The claim that the value in place is a new one."""
    row, context, given = asked.row, asked.context, asked.given
    if given["proof"]:
        raise BadInput.at("--proof", "is only for --revoked")
    fingerprint = row.fingerprint if row.state == "present" else None
    value = {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
    approved = approval(given, ZoneInfo(context.project.time_zone), asked.at)
    if asked.undated and fingerprint:
        _refuse_unchanged(row, read_ledger(context.project.ledger_dir, asked.key))
    said = f"{asked.place}, rotated {'by ' if asked.undated else ''}{asked.body['claimed_at']}"
    doubt = "its value was not supplied (--env), so this is only a claim and proves nothing"
    return Draft("rotation", asked.body | value | approved), said, "" if fingerprint else doubt


def _creation(asked: _Asked) -> _Written:
    """The claim that the provider made the value in place at an instant, and where it says so."""
    row, witness = asked.row, asked.given["source"]
    if not witness:
        raise BadInput.at("--source", "is required with --created-at: name where the date stands")
    if row.state != "present" or row.fingerprint is None:
        raise BadInput.at("--created-at", "needs the current value: supply it with --env")
    body = asked.body | {"source": row.source, "loader": row.loader, "fingerprint": row.fingerprint}
    said = f"{asked.place}, created {asked.body['claimed_at']} by {witness}: a claim in your name"
    return Draft("creation", body | {"witness": witness}), said, ""


def _revocation(asked: _Asked) -> _Written:
    """The claim that the provider refuses a value from now on."""
    which = asked.given["revoked"]
    fingerprint = _revoked(asked.row, which, asked.context, asked.key)
    body = asked.body | {"fingerprint": fingerprint, "proof": asked.given["proof"]}
    when = asked.body["claimed_at"]
    said = f"the {which} value of {asked.place}, revoked {when}: a claim, no provider was asked"
    return Draft("revocation", body), said, ""


def _removal(asked: _Asked) -> _Written:
    """The record that a value that is entered is nowhere; `BadInput` if the search finds it somewhere."""
    row, context = asked.row, asked.context
    rule = context.policy.rule(row.secret)
    keeper = keeper_of(context.project)
    value = entered_value("The replaced value (not shown)")
    fingerprint = hold(keeper, keeper.take(value), rule.component if rule else "whole").part
    ledger = read_ledger(context.project.ledger_dir, asked.key)
    if fingerprint == row.fingerprint:
        raise BadInput.at("--removed", f"{row.secret} has this value still: rotate it first")
    if fingerprint not in {stay.fingerprint for stay in tenures(ledger)}:
        raise BadInput.at("--removed", "needs a value that the ledger has seen: this one it never saw")
    found = search_removed(context.project, keeper, fingerprint, row.variable)
    if found.places:
        raise BadInput.at("--removed", f"it is still in {few(found.places, SHOWN, '; ')}")
    body = {name: asked.body[name] for name in _REMOVAL}
    body |= {"fingerprint": fingerprint, "whole": found.whole, "searched": found.searched}
    doubt = "not everything was searched, so whether it is removed is not known"
    said = f"that value was found nowhere, in {found.searched}"
    return Draft("removal", body), said, "" if found.whole else doubt


def _refuse_unchanged(row: Any, ledger: Ledger) -> None:
    """`BadInput` if the value in place was seen before, and no change to it awaits a record."""
    home = SecretPlace.of(row)
    seen = seen_already(ledger, home, row.source, row.fingerprint)
    if seen is not None:
        told = f"{seen.place} saw this value at {iso(seen.at)}, and nothing shows a rotation since"
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
    home = SecretPlace.of(row)
    seen = [stay.fingerprint for stay in tenures(ledger) if stay.home == home]
    others = [one for one in seen if one != row.fingerprint]
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
