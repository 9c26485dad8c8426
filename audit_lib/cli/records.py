"""`snapshot`, `record` and `whose`: what the ledger is told of values, and what it knows of a string."""

import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import approval_of, entered_value, environment_of, flag, text
from audit_lib.cli.terminal import DOUBT, GOOD, say
from audit_lib.leaks.find_leaks import search_removed
from audit_lib.ledger import Entry, read_ledger, write_entry
from audit_lib.ledger.keys import key_file, key_of, made_key_of
from audit_lib.ledger.timeline import SecretPlace, tenures
from audit_lib.ledger.whose import candidates, whose as answer
from audit_lib.report.known_values import guard_values
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.evidence import seen_already
from audit_lib.secrets.read_project import places_lost, snapshot_draft
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import load_project

MOST_NAMES = 5
_PLACE = ("secret", "environment", "service")
_REVOKED = click.Choice(("current", "previous"))


@click.command()
@options.several(options.project, options.env, options.policy, options.ledger, options.writer)
@flag("--fewer", "Accept that places of your last snapshot have no values now.")
def snapshot(folder: Path, fewer: bool, **given: Any) -> None:
    """Record which values are in place, as keyed fingerprints.

    Run it each week and at each deploy: snapshots prove later how old a secret is. No value is written.
    The first snapshot creates the key.

    Example: audit-lib snapshot --project ../my-app --env production/backend=environ
    """
    context = opened(folder, given)
    entry = take_snapshot(context, fewer)
    present = sum(row["fingerprint"] is not None for row in entry.body["secrets"])
    where = counted(len(entry.body["places"]), "place")
    say(f": {counted(present, 'value')} in {where} seen at {iso(context.at)}", entry.place, GOOD)
    held = _fingerprints_in(entry)
    if before := [one for one in context.ledger().of_kind("snapshot") if one.writer == entry.writer][:-1]:
        then = _fingerprints_in(before[-1])
        changed = [name for name, value in held.items() if value and value != then.get(name)]
        names = f": {few(changed, MOST_NAMES)}" if changed else ""
        say(f" {counted(len(changed), 'value')}{names}", f"changed or new since {before[-1].place}:")
    if absent := [name for name, value in held.items() if not value]:
        say(f" {counted(len(absent), 'secret')}: {few(absent, MOST_NAMES)}", "without a value:", DOUBT)
    say(" in a week, and after each deploy", "Take the next")


def _fingerprints_in(entry: Entry) -> dict[str, str | None]:
    places = entry.body["secrets"]
    return {
        f"{one['variable']} in {one['environment']}/{one['service']}": one["fingerprint"] for one in places
    }


def take_snapshot(context: Opened, fewer: bool = False) -> Entry:
    """The entry that was appended; the key is created if there is neither ledger nor key.

    Raises:
        BadInput: no value was seen, or, unless `fewer`, none of a place that the writer's last snapshot saw.
    """
    project, had_key = context.project, key_file().exists()
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
    taken = read_ledger(project.ledger_dir, key).of_kind("snapshot")
    own = [one for one in taken if one.writer == context.writer]
    lost = places_lost(draft, own[-1] if own else None)
    if lost and not fewer:
        fault = f"no value of {', '.join(lost)} was seen, and {own[-1].place} saw some"
        if not sys.stdin.isatty():
            raise BadInput.at("snapshot", f"{fault}: give them with --env, or take it with snapshot --fewer")
        click.confirm(f"{fault}. Record it all the same?", abort=True, err=True)
    return write_entry(project.ledger_dir, key, draft, context.at, context.writer)


def tables_in_place(context: Opened, key: Key) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Inventory and sources, under a key."""
    keeper = Keeper(key)
    read = context.read(keeper)
    guard_values(read)
    return read.inventory, read.places


@click.command()
@click.argument("secret")
@options.project
@click.option("--environment", required=True, help="One of development, staging and production.")
@text("--service", text="Which service, if more than one has the secret.")
@click.option("--revoked", type=_REVOKED, help="Which value its provider revoked.")
@flag("--removed", "Enter the replaced value, and record that it is nowhere.")
@text("--created-at", text="When the provider created the current value, as it says.")
@text("--source", text="Where that stands, such as 'Stripe dashboard'.")
@text("--proof", text="What shows that it was revoked, such as the provider refusing it.")
@text("--at", "claimed", text="When it was rotated or revoked, in the project's time zone (default: by now).")
@options.several(options.by, options.approval, options.env, options.policy, options.ledger, options.writer)
def record(secret: str, folder: Path, environment: str, service: str, **given: Any) -> None:
    """Record a rotation, revocation, purge or creation of SECRET.

    The date is only a claim; without one the record claims that the rotation is done by now. What proves
    it is another value in place than was seen there last. Take a snapshot just before a rotation and
    record it just after, and the age will be known to the day.

    Example: audit-lib record JWT_SECRET --environment production --project ../my-app
    """
    context = opened(folder, given)
    key = context.key
    row = _row(tables_in_place(context, key)[0], context, secret, (environment_of(environment), service))
    moment, day_only = _claimed(given["created_at"] or given["claimed"], context)
    body = {name: getattr(row, name) for name in _PLACE} | {"claimed_at": iso(moment), "day_only": day_only}
    body |= {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    ways = {"created_at": _creation, "removed": _removal, "revoked": _revocation}
    way = next((way for name, way in ways.items() if given[name]), _rotation)
    kind, body, sentence, doubt = way(_Asked(row, context, key, body, given))
    click.echo(f"{context.append(kind, body).place}: {sentence}")
    if doubt:
        click.echo(doubt, err=True)


class _Asked(NamedTuple):
    """What the command was asked to record."""

    row: Any  # the secret's row of the inventory
    context: Opened
    key: Key
    body: dict[str, Any]  # what every such record says
    given: dict[str, Any]  # the options

    @property
    def place(self) -> str:
        return f"{self.row.secret} in {self.row.environment}/{self.row.service}"

    @property
    def in_place(self) -> dict[str, Any]:
        """The value in place, as a record names it; no fingerprint if it was not supplied."""
        fingerprint = self.row.fingerprint if self.row.state == "present" else None
        return {"source": self.row.source, "loader": self.row.loader, "fingerprint": fingerprint}

    def held(self) -> list[str]:
        """The fingerprints that the ledger has seen in this place, in their order."""
        stays = tenures(self.context.ledger())
        return [stay.fingerprint for stay in stays if stay.home == SecretPlace.of(self.row)]


_Written = tuple[str, dict[str, Any], str, str]  # kind, body, what the command says, what is in doubt


def _row(inventory: pd.DataFrame, context: Opened, secret: str, place: tuple[str, str]) -> Any:
    """The one row of the inventory that is meant; `BadInput` if there are none or several."""
    rule, (environment, service) = context.policy.rule(secret), place
    named = inventory[inventory["environment"].eq(environment)]
    named = named[named["secret"].eq(rule.name if rule else secret)]
    found = [row for row in rows(named) if service in ("", row.service)]
    if not found:
        raise BadInput.at("SECRET", f"is not known in {environment}{'/' + service if service else ''}")
    if len(found) > 1:
        names = ", ".join(sorted(row.service for row in found))
        raise BadInput.at("--service", f"is required: {environment} has the secret in {names}")
    return found[0]


def _claimed(text: str, context: Opened) -> tuple[datetime, bool]:
    """The claimed instant and whether only its day is known; `BadInput` if it is in the future."""
    if not text:
        return context.at, False
    moment = parse_instant(text, "--at", ZoneInfo(context.project.time_zone))
    day_only = bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))
    moment = moment.replace(hour=0, minute=0, second=0) if day_only else moment
    # Somewhere on earth it may be tomorrow already.
    if moment > context.at + (timedelta(hours=14) if day_only else timedelta(0)):
        raise BadInput.at("--at", "is in the future: record a rotation when it is done")
    return moment, day_only


def _rotation(asked: _Asked) -> _Written:
    """The claim that the value in place is a new one."""
    row, given, value = asked.row, asked.given, asked.in_place
    if given["proof"]:
        raise BadInput.at("--proof", "is only for --revoked")
    if value["fingerprint"] and not given["claimed"]:
        known = asked.context.ledger()
        seen = seen_already(known, SecretPlace.of(row), row.source, row.fingerprint)
        if seen is not None:
            fault = f"{seen.place} saw this value at {iso(seen.at)}, and nothing shows a rotation since"
            raise BadInput.at("--at", f"is needed: {fault}. Rotate it first, or say when it was rotated")
    approved = approval_of(given, ZoneInfo(asked.context.project.time_zone), asked.context.at)
    sentence = f"{asked.place}, rotated {'' if given['claimed'] else 'by '}{asked.body['claimed_at']}"
    doubt = "its value was not supplied (--env), so this is only a claim and proves nothing"
    return "rotation", asked.body | value | approved, sentence, "" if value["fingerprint"] else doubt


def _creation(asked: _Asked) -> _Written:
    """The claim that the provider made the value in place at an instant, and where it says so."""
    witness, value = asked.given["source"], asked.in_place
    if not witness:
        raise BadInput.at("--source", "is required with --created-at: name where the date stands")
    if not value["fingerprint"]:
        raise BadInput.at("--created-at", "needs the current value: supply it with --env")
    sentence = f"{asked.place}, created {asked.body['claimed_at']} by {witness}: a claim in your name"
    return "creation", asked.body | value | {"witness": witness}, sentence, ""


def _revocation(asked: _Asked) -> _Written:
    """The claim that the provider refuses a value: the one in place, or the last other one before it."""
    which, row, fingerprint = asked.given["revoked"], asked.row, asked.in_place["fingerprint"]
    if row.state == "not supplied" or (which == "current" and not fingerprint):
        raise BadInput.at("--revoked", "needs the current value: supply it with --env")
    if which == "previous":
        others = [one for one in asked.held() if one != row.fingerprint]
        # Under a key that is gone it has a fingerprint that nothing can be compared with.
        if not others or ":" in others[-1]:
            raise BadInput.at("--revoked", "is not possible: the ledger has no value before the current one")
        fingerprint = others[-1]
    body = asked.body | {"fingerprint": fingerprint, "proof": asked.given["proof"]}
    when = asked.body["claimed_at"]
    sentence = f"the {which} value of {asked.place}, revoked {when}: a claim, no provider was asked"
    return "revocation", body, sentence, ""


def _removal(asked: _Asked) -> _Written:
    """The record that a value that is entered is nowhere; `BadInput` if the search finds it somewhere."""
    row, context = asked.row, asked.context
    rule, keeper = context.policy.rule(row.secret), Keeper(asked.key)
    value = keeper.take(entered_value("The replaced value (not shown)"))
    fingerprint = hold(keeper, value, rule.component if rule else "whole").part
    if fingerprint == row.fingerprint:
        raise BadInput.at("--removed", f"{row.secret} has this value still: rotate it first")
    if fingerprint not in {stay.fingerprint for stay in tenures(context.ledger())}:
        raise BadInput.at("--removed", "needs a value that the ledger has seen: this one it never saw")
    found = search_removed(context.project, keeper, fingerprint, row.variable)
    if found.places:
        raise BadInput.at("--removed", f"it is still in {few(found.places, MOST_NAMES, '; ')}")
    body = {name: asked.body[name] for name in (*_PLACE, "by", "ticket", "reason")}
    body |= {"fingerprint": fingerprint, "whole": found.whole, "searched": found.searched}
    doubt = "" if found.whole else "not everything was searched, so whether it is removed is not known"
    return "removal", body, f"that value was found nowhere, in {found.searched}", doubt


@click.command()
@options.several(options.project, options.ledger)
def whose(folder: Path, ledger: Path | None) -> None:
    """Find out whose secret a string is.

    It prints which secret the string is, where it is in force, or when it was retired. The string is asked
    for without echo, or read from stdin, and compared with the ledger. Nothing is stored.

    Example: pbpaste | audit-lib whose --project ../my-app
    """
    project, string = load_project(folder, ledger), entered_value("String (not shown)")
    keeper = Keeper(Key.throw_away())
    for _, candidate in candidates(string):
        keeper.take(candidate)
    guard.install(keeper).classify((), (), "")  # its parts may be ordinary, such as the name in NAME=VALUE
    key = key_of(project)
    known = read_ledger(project.ledger_dir, key)
    for line in answer(string, known, key).lines:
        click.echo(line)
    for fault in known.faults:
        click.echo(f"the ledger is damaged: {fault}", err=True)
